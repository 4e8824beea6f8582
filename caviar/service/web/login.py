"""The page that asks for the token: whole in itself, as nothing else is answered before it."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib import resources
from typing import Final

from caviar.report.page.markup import Html, join, tag
from caviar.report.page.palette import DARK, LIGHT, variables


@cache
def style_sheet() -> str:
    """The service's style: the report's, and what is added to it; the palette first."""
    dark = f"@media (prefers-color-scheme: dark){{:root{{{variables(DARK)}}}}}"
    report = resources.files("caviar.report.page").joinpath("report.css").read_text("utf-8")
    return f":root{{{variables(LIGHT)}}}{dark}\n{report}\n{resource('web.css')}"


def resource(name: str) -> str:
    """A file beside this one."""
    return resources.files("caviar.service.web").joinpath(name).read_text("utf-8")


def document(title: str, *body: object, script: bool = False) -> str:
    """A page: the style within it, the script (if any) beside it."""
    head = join(
        [
            tag("meta", charset="utf-8"),
            tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
            tag("meta", name="color-scheme", content="light dark"),
            tag("title", title),
            tag("style", Html(style_sheet())),
            tag("script", src="/assets/web.js", defer=True) if script else "",
        ]
    )
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head>{head}</head>\n<body>{join(body)}</body></html>\n'
    )


def login_page(hint: str, after: str, *, wrong: bool = False) -> str:
    """The form for the token.

    Args:
        hint: how its owner gets at it.
        after: where to go then.
        wrong: whether one was given, and was not it.
    """
    told = tag("p", "That is not the token.", class_="wrong", role="alert") if wrong else ""
    form = tag(
        "form",
        tag("input", type="hidden", name="next", value=after),
        tag("input", name="user", value="caviar", autocomplete="username", hidden=True),
        tag("label", "Token", for_="token"),
        tag(
            "input", id="token", name="token", type="password", autocomplete="current-password",
            required=True, autofocus=True, spellcheck="false", aria_describedby="how",
        ),
        tag("button", "Log in", type="submit"),
        method="post", action="/login", class_="login",
    )  # fmt: skip
    how = tag("p", "To see it, where ", tag("code", "caviar serve"), " runs: ", tag("code", hint),
              id="how", class_="hint")  # fmt: skip
    head = tag("header", tag("p", "caviar", class_="kicker"), tag("h1", "Log in"))
    return document("Log in · caviar", head, tag("main", told, form, how))


def _policy() -> str:
    digest = base64.b64encode(hashlib.sha256(style_sheet().encode()).digest()).decode()
    rules = (
        "default-src 'none'", "script-src 'self'", f"style-src 'sha256-{digest}'",
        "connect-src 'self'", "img-src data:", "form-action 'self'", "base-uri 'none'",
        "frame-ancestors 'none'",
    )  # fmt: skip
    return "; ".join(rules)


POLICY: Final = _policy()
"""What the service's pages may load and do: nothing but the service's own."""
