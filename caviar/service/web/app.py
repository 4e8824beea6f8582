"""The application: JSON, pages, news, and the guard before them."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import version
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from caviar.errors import StudyError
from caviar.service.web.feed import Feed
from caviar.service.web.guard import Guard
from caviar.service.web.misshapen import mistake
from caviar.service.web.pages import pages
from caviar.service.web.routes import PREFIX, api, health
from caviar.service.web.source import ElsewhereError, Source, UnknownError
from caviar.service.web.tokens import Sessions, Token
from caviar.study.wording import one_line

_ABOUT: Final = """Studies of caviar: how they stand, their trials, curves and boxes, and changes
to them while they run. Every request but `/healthz` carries `Authorization: Bearer TOKEN`."""


def create_app(source: Source, token: Token, hosts: Iterable[str] = ()) -> FastAPI:
    """The service's application; `app.state.feed` is to be closed before it ends.

    Args:
        source: of the studies.
        token: without which nobody is answered.
        hosts: names that the service may be called by, beside addresses and `localhost`.
    """
    app = FastAPI(
        title="caviar", version=version("caviar"), description=_ABOUT,
        docs_url=None, redoc_url=None, openapi_url=f"{PREFIX}/openapi.json",
    )  # fmt: skip
    feed = Feed(source)
    app.state.feed = feed
    app.include_router(health())
    app.include_router(api(source, feed))
    app.include_router(pages(Sessions(token).cookie))
    app.add_exception_handler(StudyError, _refused)
    app.add_exception_handler(RequestValidationError, _misshapen)
    app.add_exception_handler(HTTPException, _no_route)
    app.add_middleware(Guard, token=token, hosts=hosts)
    return app


async def _refused(request: Request, error: Any) -> JSONResponse:
    """What a person got wrong, or what cannot be read now."""
    status = 422 if request.method == "POST" else 503
    if isinstance(error, UnknownError):
        status = 404
    elif isinstance(error, ElsewhereError):
        status = 409
    return JSONResponse({"error": str(error)}, status)


async def _misshapen(request: Request, error: Any) -> JSONResponse:
    """A request that does not fit the document."""
    return JSONResponse({"error": mistake(error.errors())}, 422)


async def _no_route(request: Request, error: Any) -> JSONResponse:
    told = one_line(f"{request.method} {request.url.path[:200]}: {str(error.detail).lower()}")
    return JSONResponse({"error": told}, error.status_code, error.headers)
