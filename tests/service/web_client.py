"""Calls the web service's application in process: no port, no client library."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from caviar.service.web.tokens import Token

TOKEN = Token("0123456789abcdef" * 4, "CAVIAR_TOKEN")
BEARER = {"authorization": f"Bearer {TOKEN.value}"}


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes
    parts: list[bytes] = field(default_factory=list)

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def text(self):
        return self.body.decode()


def scope_of(method, url, headers):
    parts = urlsplit(url)
    given = {"host": "127.0.0.1:8080"} | headers
    return {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method,
        "scheme": "http", "path": parts.path, "raw_path": parts.path.encode(), "root_path": "",
        "query_string": parts.query.encode(), "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8080),
        "headers": [(k.encode(), v.encode("latin-1")) for k, v in given.items()],
    }  # fmt: skip


async def asking(app, method, url, headers, body=b"", leave=None):
    """One request; `leave` is an event after which the client is gone."""
    sent, answer = iter([body]), Answer(0, {}, b"")

    async def receive():
        part = next(sent, None)
        if part is not None:
            return {"type": "http.request", "body": part, "more_body": False}
        await (leave or asyncio.Event()).wait()
        return {"type": "http.disconnect"}

    async def send(message):
        if message["type"] == "http.response.start":
            answer.status = message["status"]
            answer.headers = {k.decode(): v.decode() for k, v in message["headers"]}
        elif message.get("body"):
            answer.parts.append(message["body"])

    await app(scope_of(method, url, headers), receive, send)
    answer.body = b"".join(answer.parts)
    return answer


class Client:
    """Asks with the token unless told otherwise."""

    def __init__(self, app, headers=BEARER):
        self.app, self.headers = app, headers

    def __call__(self, method, url, headers=None, body=None, **more):
        given = self.headers if headers is None else headers
        data = body if isinstance(body, bytes) else b""
        if body is not None and not isinstance(body, bytes):
            data = json.dumps(body).encode()
            given = {"content-type": "application/json"} | given
        return asyncio.run(asking(self.app, method, url, given, data, **more))

    def get(self, url, **headers):
        return self("GET", url, self.headers | headers)

    def post(self, url, body, **headers):
        return self("POST", url, self.headers | headers, body)
