"""The pages: bare frames that the script beside them fills from /api/v1."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from caviar.report.page.markup import Html, tag
from caviar.service.web.login import POLICY, document, resource

_HEADERS = {"Content-Security-Policy": POLICY}


def pages(cookie: str) -> APIRouter:
    """The routes of the pages; `cookie` is what to forget at a logout."""
    router = APIRouter(include_in_schema=False)

    @router.get("/")
    def home() -> Response:
        return HTMLResponse(_home(), headers=_HEADERS)

    @router.get("/studies/{name}")
    def study(name: str) -> Response:
        return HTMLResponse(_study(), headers=_HEADERS)

    @router.get("/assets/web.js")
    def script() -> Response:
        return Response(resource("web.js"), media_type="text/javascript")

    @router.post("/logout")
    def logout() -> Response:
        left = RedirectResponse("/", 303)
        left.delete_cookie(cookie, httponly=True, samesite="strict")
        return left

    return router


def _home() -> str:
    return _page(
        "Studies",
        tag("h1", "Studies"),
        tag("p", "", id="news", class_="made", role="status"),
        tag("div", tag("p", "Reading …", class_="hint"), id="list"),
        kind="home",
    )


def _page(title: str, heading: Html, news: Html, *main: object, kind: str) -> str:
    out = tag("form", tag("button", "Log out", type="submit", class_="quiet"),
              method="post", action="/logout")  # fmt: skip
    home = tag("a", "caviar", href="/") if kind == "study" else "caviar"
    top = tag("div", tag("p", home, class_="kicker"), out, class_="top")
    return document(
        f"{title} · caviar",
        tag("a", "Skip to the study" if kind == "study" else "Skip to the list", href="#main",
            class_="skip"),
        tag("header", top, heading, news),
        tag("main", *main, id="main", tabindex="-1", data_page=kind),
        tag("noscript", tag("p", "This page needs JavaScript; the same is told as JSON under ",
                            tag("code", "/api/v1"), ".")),
        script=True,
    )  # fmt: skip


def _study() -> str:
    status = tag("p", tag("span", "reading …", id="state", class_="chip"), " ",
                 tag("span", "", id="counts"), class_="status")  # fmt: skip
    news = tag("div", status, tag("p", "", id="news", class_="made", role="status"))
    return _page(
        "Study", tag("h1", "Study", id="title"), news,
        tag("p", "", id="trouble", class_="wrong", role="alert", hidden=True),
        tag("section", tag("h2", "So far", class_="unseen"), tag("div", id="lead", class_="lead"),
            tag("dl", id="facts", class_="facts"), tag("ul", id="values", class_="values"),
            class_="result"),
        _section("curves", "Curves of the best", tag("div", id="plot", class_="figure")),
        _section("leaders", "Leaderboard", tag("div", id="board")),
        tag("div", _section("rungs", "Rungs", tag("div", id="ladder")),
            _section("slices", "Slices", tag("div", id="work")), class_="pair"),
        _section("boxes", "Where the search looks", tag("div", id="narrowing", class_="grid"),
                 hidden=True),
        _section("changes", "Change it", _controls()),
        _section("more", "More", _more()),
        kind="study",
    )  # fmt: skip


def _section(identity: str, title: str, *content: Any, **more: Any) -> Html:
    return tag("section", tag("h2", title), *content, id=identity, **more)


def _controls() -> Html:
    buttons = tag(
        "div",
        tag("button", "Pause", type="button", data_kind="pause"),
        tag("button", "Continue", type="button", data_kind="continue"),
        tag("button", "Stop the study", type="button", data_kind="stop", class_="danger"),
        class_="buttons",
    )
    forms = tag(
        "div",
        _form("add", "trials", "More trials", "20", "Add", inputmode="numeric", pattern="[0-9]+"),
        _form("point", "point", "A trial of your own", "learning_rate=0.01,…", "Add"),
        _form("narrow", "to", "Narrow to", "learning_rate=1e-3..1e-2", "Narrow"),
        _form("stop", "trial", "Stop one trial", "7", "Stop", inputmode="numeric",
              pattern="[0-9]+"),
        class_="forms",
    )  # fmt: skip
    came = tag("p", "", id="came", role="status")
    # Before the script is there a form would do what forms do: load the page anew.
    return tag("div", tag("fieldset", buttons, forms, disabled=True), came, id="controls")


def _form(kind: str, field: str, label: str, example: str, verb: str, **more: str) -> Html:
    identity = f"{kind}-{field}"
    return tag(
        "form",
        tag("label", label, for_=identity),
        tag("span", tag("input", id=identity, name=field, placeholder=example, required=True,
                        autocomplete="off", spellcheck="false", **more),
            tag("button", verb, type="submit"), class_="entry"),
        data_kind=kind,
    )  # fmt: skip


def _more() -> Html:
    links = [
        tag("li", tag("a", "The whole report", id="report", href="#more"),
            " with importance, checks and every plot, as of now; a few seconds"),
        tag("li", "The report, the journal and the winner: ", tag("code", ""), id="fetch",
            hidden=True),
        tag("li", tag("a", "As JSON", id="json", href="#more"), ", and ",
            tag("a", "its OpenAPI document", href="/api/v1/openapi.json")),
    ]  # fmt: skip
    return tag("ul", *links, class_="lines")
