"""Server-sent events: the status of a study whenever it has changed, to everybody who listens.

One task a study looks, however many listen. Each listener gets the latest status and may miss older
ones, so a slow one fills nothing up; one that takes nothing for `SLOW_S` is let go.
https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import aclosing
from functools import partial
from typing import Any, Final

import anyio
import anyio.to_thread
from starlette.responses import Response

from caviar.errors import StudyError
from caviar.service.web.source import Source, UnknownError

MOST: Final = 64
"""Listeners at a time."""
EVERY_S: Final = 1.0
"""Between two looks at a study that somebody listens to."""
HEARTBEAT_S: Final = 10.0
"""Of silence, after which a listener is told that we are there."""
SLOW_S: Final = 30.0

_Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
_Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]


def event(kind: str, data: Any) -> str:
    """An event as it is sent."""
    text = json.dumps(data, separators=(",", ":"), allow_nan=False)
    return f"event: {kind}\ndata: {text}\n\n"


class _Channel:
    """A study that is listened to."""

    def __init__(self) -> None:
        self.number = 0
        self.text = ""
        self.over = False
        self.listeners = 0
        self.news = asyncio.Event()
        self.task: asyncio.Task[None] | None = None

    def tell(self, text: str, *, over: bool = False) -> None:
        """Replaces what there is to tell and wakes all listeners."""
        self.number, self.text, self.over = self.number + 1, text, over
        self.news.set()
        self.news = asyncio.Event()


class Feed:
    """Tells of studies as they change. Lives in one event loop."""

    def __init__(
        self, source: Source, *, most: int = MOST, every_s: float = EVERY_S,
        heartbeat_s: float = HEARTBEAT_S,
    ) -> None:  # fmt: skip
        """Tells of the studies of `source`."""
        self._source = source
        self._most, self._every_s, self._heartbeat_s = most, every_s, heartbeat_s
        self._channels: dict[str, _Channel] = {}
        self._limiter: anyio.CapacityLimiter | None = None
        self.listeners = 0
        self.closing = False

    @property
    def is_full(self) -> bool:
        """Whether nobody more may listen."""
        return self.listeners >= self._most

    def close(self) -> None:
        """Ends all streams."""
        self.closing = True
        for channel in self._channels.values():
            channel.news.set()

    async def listen(self, name: str) -> AsyncIterator[str]:
        """What is sent to one listener, until the study is over."""
        channel = self._channels.get(name)
        if channel is None:
            channel = self._channels[name] = _Channel()
            channel.task = asyncio.create_task(self._look(name, channel))
        channel.listeners += 1
        try:
            yield "retry: 2000\n\n"
            seen = 0
            while not self.closing:
                news = channel.news
                if channel.number > seen:
                    seen = channel.number
                    yield channel.text
                elif channel.over:
                    return
                else:
                    try:
                        await asyncio.wait_for(news.wait(), self._heartbeat_s)
                    except TimeoutError:
                        yield event("alive", {})
        finally:
            channel.listeners -= 1
            if not channel.listeners and channel.task is not None:
                channel.task.cancel()
                self._channels.pop(name, None)

    async def _look(self, name: str, channel: _Channel) -> None:
        """Looks at a study as long as somebody listens."""
        before: object = None
        while not channel.over:
            try:
                found = await self._status(name)
                if found is not before:
                    over = is_over(found)
                    ended = event("end", {"status": found["status"], "ending": found["ending"]})
                    channel.tell(event("status", found) + ended * over, over=over)
                before = found
            except UnknownError as error:
                channel.tell(event("end", {"error": str(error)}), over=True)
            except Exception as error:  # noqa: BLE001 whoever listens must not be left in silence
                defect = f"{name}: a defect of caviar's: {type(error).__name__}"
                told = str(error) if isinstance(error, StudyError) else defect
                if told != before:
                    channel.tell(event("trouble", {"error": told}))
                before = told
            await asyncio.sleep(self._every_s)

    async def _status(self, name: str) -> dict[str, Any]:
        self._limiter = self._limiter or anyio.CapacityLimiter(4)
        asking = partial(self._source.status, name)
        return await anyio.to_thread.run_sync(asking, limiter=self._limiter)


def is_over(status: dict[str, Any]) -> bool:
    """Whether nothing more comes of a study unless somebody runs it again."""
    concluding = status.get("retraining") is not None and status.get("winner") is None
    return status["status"] in {"stopped", "failed"} or (status["finished"] and not concluding)


class EventStream(Response):
    """Sends what a feed tells one listener."""

    media_type = "text/event-stream"

    def __init__(self, feed: Feed, name: str) -> None:
        """Streams the news of the study `name`; takes a listener's place until it is over."""
        super().__init__(headers={"X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._feed, self._name = feed, name
        feed.listeners += 1

    async def __call__(self, scope: Any, receive: _Receive, send: _Send) -> None:
        """Sends until the study is over or the listener has gone."""
        try:
            start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
            await send(start)
            async with anyio.create_task_group() as group:
                group.start_soon(_gone, receive, group.cancel_scope)
                async with aclosing(self._feed.listen(self._name)) as told:  # type: ignore[type-var]
                    async for text in told:
                        body = {"type": "http.response.body", "body": text.encode()}
                        with anyio.move_on_after(SLOW_S) as patience:
                            await send(body | {"more_body": True})
                        if patience.cancelled_caught:
                            group.cancel_scope.cancel()
                await send({"type": "http.response.body", "body": b""})
                group.cancel_scope.cancel()
        finally:
            self._feed.listeners -= 1


async def _gone(receive: _Receive, scope: anyio.CancelScope) -> None:
    """Ends the stream when its listener is gone."""
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()
