"""Who is answered: everything but the health check is for those with the token, on loopback too.

Other users of a machine reach its loopback, and so do pages of other sites that make a name of
theirs mean this machine (DNS rebinding): the Host must be one of ours, and what changes anything
must come from a page of ours (Origin). See https://owasp.org/www-community/attacks/csrf.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from starlette.exceptions import HTTPException

from caviar.service.web.login import POLICY, login_page
from caviar.service.web.tokens import SESSION_S, Sessions, Token
from caviar.study.wording import one_line

HEALTH: Final = "/healthz"
"""The one path that answers everybody."""
LOGIN: Final = "/login"
MOST_BYTES: Final = 65_536
"""Of a request's body."""

_PLAIN: Final = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing."""
_NEXT: Final = re.compile(r"/(studies/[a-z0-9][a-z0-9_-]{0,63})?")
"""Where a browser may be sent after logging in."""
_HEADERS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
)

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class Guard:
    """Stands before the application and lets through who may pass."""

    def __init__(self, app: App, token: Token, hosts: Iterable[str] = ()) -> None:
        """Guards `app` with `token`; it may be called by the names `hosts` beside addresses."""
        self._app = app
        self._token = token
        self._sessions = Sessions(token)
        self._hosts = {"localhost", *(host.lower() for host in hosts)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers, or passes on."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await self._http(scope, receive, _with_headers(send))

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = _headers(scope)
        if scope["path"] == HEALTH:
            await self._app(scope, receive, send)
        elif not self._is_ours(asked.get("host", "")):
            await _refuse(send, HTTPStatus.MISDIRECTED_REQUEST, self._misdirected(asked))
        elif scope["path"] == LOGIN and scope["method"] == "POST":
            await self._log_in(scope, asked, receive, send)
        elif not self._is_known(asked):
            await self._ask_for_token(scope, asked, send)
        elif scope["method"] not in _PLAIN and not _comes_from_us(scope, asked):
            await _refuse(send, HTTPStatus.FORBIDDEN, "Origin: must be a page of this service")
        else:
            await self._app(scope, _at_most(receive), send)

    def _is_ours(self, host: str) -> bool:
        """Whether a browser that asked for this host meant us: an address, or a name of ours."""
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        if name in self._hosts:
            return True
        try:
            ip_address(name)
        except ValueError:
            return False
        return True

    def _misdirected(self, asked: dict[str, str]) -> str:
        host = one_line(asked.get("host", "")[:100])
        return f'Host: this service is not called "{host}"; see: caviar serve --allow-host'

    def _is_known(self, asked: dict[str, str]) -> bool:
        given = asked.get("authorization")
        if given is not None:
            kind, _, value = given.partition(" ")
            return kind.lower() == "bearer" and self._sessions.opens(value.strip())
        return self._sessions.holds(_cookie(asked.get("cookie", ""), self._sessions.cookie))

    async def _ask_for_token(self, scope: Scope, asked: dict[str, str], send: Send) -> None:
        if scope["method"] == "GET" and "text/html" in asked.get("accept", ""):
            path = scope["path"]
            page = login_page(self._token.hint, path if _NEXT.fullmatch(path) else "/")
            await _html(send, HTTPStatus.UNAUTHORIZED, page)
            return
        told = f"Authorization: must be Bearer and the service's token; {self._token.hint}"
        await _refuse(send, HTTPStatus.UNAUTHORIZED, told, (b"www-authenticate", b"Bearer"))

    async def _log_in(
        self, scope: Scope, asked: dict[str, str], receive: Receive, send: Send
    ) -> None:
        if not _comes_from_us(scope, asked):
            await _refuse(send, HTTPStatus.FORBIDDEN, "Origin: must be a page of this service")
            return
        try:
            form = parse_qs((await _body(_at_most(receive))).decode("utf-8", "replace"))
        except (HTTPException, ValueError):
            form = {}
        given, after = ((form.get(key) or [""])[-1] for key in ("token", "next"))
        after = after if _NEXT.fullmatch(after) else "/"
        if not self._sessions.opens(given.strip()):
            page = login_page(self._token.hint, after, wrong=True)
            await _html(send, HTTPStatus.UNAUTHORIZED, page)
            return
        secure = "; Secure" if scope.get("scheme") == "https" else ""
        kept = f"HttpOnly; SameSite=Strict; Path=/; Max-Age={SESSION_S:.0f}{secure}"
        cookie = f"{self._sessions.cookie}={self._sessions.begin()}; {kept}"
        headers = [(b"location", after.encode()), (b"set-cookie", cookie.encode())]
        await _answer(send, HTTPStatus.SEE_OTHER, b"", headers)


def _headers(scope: Scope) -> dict[str, str]:
    """By name; of those given twice the first for the host, else all of them, which fits none."""
    found: dict[str, str] = {}
    for name, value in scope["headers"]:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        found[key] = f"{found[key]}; {text}" if key in found else text
    return found


def _cookie(text: str, name: str) -> str:
    try:
        found = SimpleCookie(text).get(name)
    except CookieError:
        return ""
    return found.value if found else ""


def _comes_from_us(scope: Scope, asked: dict[str, str]) -> bool:
    """Whether what would change something was sent by a page of ours, or by no page at all."""
    if asked.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        return False
    origin = asked.get("origin")
    if origin is None:  # programs send none; browsers do with everything that is not GET
        return "authorization" in asked
    parts = urlsplit(origin)
    return parts.scheme in {"http", "https"} and parts.netloc == asked.get("host")


def _at_most(receive: Receive) -> Receive:
    """Receives a body that is not too long."""
    left = MOST_BYTES

    async def receiving() -> Message:
        nonlocal left
        message = await receive()
        left -= len(message.get("body", b""))
        if left < 0:
            told = f"the body must have at most {MOST_BYTES} bytes"
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, told)
        return message

    return receiving


async def _body(receive: Receive) -> bytes:
    parts, more = [], True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            break
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(parts)


def _with_headers(send: Send) -> Send:
    """Sends with the headers that every answer has."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            given = list(message.get("headers", ()))
            names = {name for name, _ in given}
            more = [*_HEADERS, (b"cache-control", b"no-store")]
            message["headers"] = [*given, *(pair for pair in more if pair[0] not in names)]
        await send(message)

    return sending


async def _refuse(send: Send, status: HTTPStatus, told: str, *more: tuple[bytes, bytes]) -> None:
    body = json.dumps({"error": told}).encode()
    await _answer(send, status, body, [(b"content-type", b"application/json"), *more])


async def _html(send: Send, status: HTTPStatus, page: str) -> None:
    kind = (b"content-type", b"text/html; charset=utf-8")
    policy = (b"content-security-policy", POLICY.encode())
    await _answer(send, status, page.encode(), [kind, policy])


async def _answer(
    send: Send, status: HTTPStatus, body: bytes, headers: list[tuple[bytes, bytes]]
) -> None:
    length = (b"content-length", str(len(body)).encode())
    start = {"type": "http.response.start", "status": int(status), "headers": [*headers, length]}
    await send(start)
    await send({"type": "http.response.body", "body": body})
