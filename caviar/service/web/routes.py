"""The JSON of the service, under /api/v1; what is wrong is `{"error": one line}`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Final

from fastapi import APIRouter, Body, Path, Query, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse

from caviar.service.web.feed import EventStream, Feed
from caviar.service.web.glances import Glances
from caviar.service.web.models import (
    EVENTS,
    PROBLEMS,
    Changes,
    Health,
    Rounds,
    StatusModel,
    Studies,
    TrialModel,
    Trials,
)
from caviar.service.web.source import Source
from caviar.service.web.told import leaders_of
from caviar.service.web.wishes import EXAMPLES, Wish

PREFIX: Final = "/api/v1"
MOST_TRIALS: Final = 500
"""Of one page."""

Name = Annotated[
    str, Path(max_length=64, description="The study's name, as /studies lists it.", examples=["s"])
]


def health() -> APIRouter:
    """The one route that answers everybody."""
    router = APIRouter()

    @router.get("/healthz", response_model=Health, tags=["health"], summary="Is the service up?")
    def healthz() -> Any:
        """Answers whoever asks, and tells nothing of any study."""
        return {"ok": True}

    return router


def api(source: Source, feed: Feed) -> APIRouter:
    """The routes under /api/v1."""
    router = APIRouter(prefix=PREFIX, responses=PROBLEMS)
    _reading(router, source)
    _details(router, source)
    _events(router, source, feed)
    _changing(router, source)
    return router


def _reading(router: APIRouter, source: Source) -> None:
    glances = Glances(source)

    @router.get("/studies", response_model=Studies, tags=["studies"], summary="All studies")
    def studies() -> Any:
        """Every study at a glance; one that cannot be read has `error` instead.

        Of one that takes long to read it is told how it stood before, or `reading`.
        """
        return JSONResponse({"studies": glances.all()})

    @router.get(
        "/studies/{name}", response_model=StatusModel, tags=["studies"], summary="How it stands"
    )
    def study(name: Name) -> Any:
        """States, rungs, slices, the best trials and their curves.

        As of `at`; a study that runs is read again every `every_s` seconds at most.
        """
        return JSONResponse(source.status(name))

    @router.get(
        "/studies/{name}/trials", response_model=Trials, tags=["trials"], summary="Its trials"
    )
    def trials(
        name: Name,
        offset: Annotated[int, Query(ge=0, description="Trials to leave out.")] = 0,
        limit: Annotated[int, Query(ge=1, le=MOST_TRIALS, description="At most so many.")] = 100,
        order: Annotated[
            str, Query(pattern="^(trial|best)$", description="By `trial` or the `best` first.")
        ] = "trial",
    ) -> Any:
        """A page of the trials; by `best` those without a value are left out."""
        found = source.trials(name)
        if order == "best":
            found = leaders_of(found, source.status(name)["metric"], len(found))
        page = found[offset : offset + limit]
        return JSONResponse({"total": len(found), "offset": offset, "trials": page})


def _details(router: APIRouter, source: Source) -> None:
    @router.get(
        "/studies/{name}/trials/{number}", response_model=TrialModel, tags=["trials"],
        summary="One trial",
    )  # fmt: skip
    def trial(name: Name, number: Annotated[int, Path(ge=0, le=10**9)]) -> Any:
        """A trial with its curve, epoch by epoch, and what the curve shows."""
        return JSONResponse(source.trial(name, number))

    @router.get(
        "/studies/{name}/rounds", response_model=Rounds, tags=["studies"], summary="Its rounds"
    )
    def rounds(name: Name) -> Any:
        """Where the search looked, round by round: the box of each hyperparameter, and why."""
        return JSONResponse({"rounds": source.rounds(name)})

    @router.get(
        "/studies/{name}/report", response_class=HTMLResponse, tags=["studies"],
        summary="The whole report",
    )  # fmt: skip
    def report(request: Request, name: Name) -> Response:
        """One HTML file that needs no network, as `caviar report` writes it."""
        state, page = source.report(name)
        tag = f'"{state}"'
        headers = {"ETag": tag, "Cache-Control": "no-cache"}
        headers["Content-Security-Policy"] = "frame-ancestors 'none'"  # it brings its own
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        return HTMLResponse(page, headers=headers)


def _events(router: APIRouter, source: Source, feed: Feed) -> None:
    @router.get(
        "/studies/{name}/events", response_class=Response, tags=["studies"], responses=EVENTS,
        summary="Its news",
    )  # fmt: skip
    async def events(name: Name) -> Response:
        """Server-sent events: `status` whenever it has changed, `trouble`, and `end`."""
        await _in_thread(lambda: source.status(name))
        if feed.is_full:
            told = {"error": "events: too many listen already; ask for the status instead"}
            return JSONResponse(told, 503, {"Retry-After": "30"})
        return EventStream(feed, name)


def _changing(router: APIRouter, source: Source) -> None:
    @router.post(
        "/studies/{name}/changes", response_model=Changes, tags=["changes"],
        summary="Change it while it runs", responses={202: {"model": Changes}},
    )  # fmt: skip
    def change(name: Name, wish: Annotated[Wish, Body(openapi_examples=EXAMPLES)]) -> Any:
        """What `caviar add`, `stop`, `pause`, `continue` and `narrow` do.

        200: its driver has made the change; 202: it is asked for, and the next driver will.
        """
        done = source.change(name, wish)
        return JSONResponse({"changes": done}, 200 if all(one["taken"] for one in done) else 202)


async def _in_thread(action: Callable[[], Any]) -> Any:
    from anyio import to_thread

    return await to_thread.run_sync(action)
