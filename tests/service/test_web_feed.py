"""News of a study as it comes, and what becomes of those who listen."""

import asyncio
import json

import pytest
from web_client import BEARER, TOKEN, asking
from web_studies import Driver

from caviar.errors import StudyError
from caviar.service.web import feed as feeds
from caviar.service.web.app import create_app
from caviar.service.web.feed import EventStream, Feed
from caviar.service.web.folders import Folders
from caviar.service.web.source import UnknownError

EVENTS = "/api/v1/studies/digits/events"


class Planned:
    """Tells what it is told to; each answer but the last once."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = 0

    def status(self, name):
        self.asked += 1
        found = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(found, Exception):
            raise found
        return found


def status(word="running", **more):
    return {"status": word, "finished": word == "finished", "ending": "", **more}


def events_of(answer):
    """Kinds and data of the events in a stream."""
    lines = b"".join(answer).decode().split("\n\n")
    pairs = [block.split("\n") for block in lines if block.startswith("event: ")]
    return [(kind[7:], json.loads(data[6:])) for kind, data in pairs]


async def until(condition):
    for _ in range(2000):
        if condition():
            return
        await asyncio.sleep(0.002)
    raise AssertionError("it never came")


async def heard(feed, name="digits"):
    return [text.encode() async for text in feed.listen(name)]


def test_each_news_is_told_once_and_the_end_ends_it() -> None:
    same = status(k=1)
    source = Planned(same, same, same, status(k=2), status("finished", k=3))

    async def listen():
        return await heard(Feed(source, every_s=0.001))

    told = events_of(asyncio.run(listen()))
    assert [(kind, data.get("k")) for kind, data in told] == [
        ("status", 1), ("status", 2), ("status", 3), ("end", None)
    ]  # fmt: skip


def test_the_end_waits_for_the_winner() -> None:
    finals = {"ended": 9}
    won = status("finished", retraining=finals, winner={"name": "trial 1"})
    source = Planned(status("finished", retraining=finals, winner=None), won)

    async def listen():
        return await heard(Feed(source, every_s=0.001))

    told = events_of(asyncio.run(listen()))
    assert [kind for kind, _ in told] == ["status", "status", "end"]


def test_one_task_looks_however_many_listen_and_none_when_they_have_gone() -> None:
    source = Planned(status())

    async def listen():
        feed = Feed(source, every_s=0.01)
        streams = [feed.listen("digits") for _ in range(20)]
        for stream in streams:
            await anext(stream)
            assert "status" in await anext(stream)
        looked = source.asked
        assert looked <= 10
        for stream in streams:
            await stream.aclose()
        after = source.asked
        await asyncio.sleep(0.05)
        assert source.asked <= after + 1
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(listen())


def test_silence_is_broken_by_heartbeats() -> None:
    async def listen():
        feed = Feed(Planned(status()), every_s=0.001, heartbeat_s=0.01)
        stream = feed.listen("digits")
        found = [await anext(stream) for _ in range(4)]
        await stream.aclose()
        return found

    _, first, *later = asyncio.run(listen())
    assert first.startswith("event: status")
    assert all(text.startswith("event: alive") for text in later)


def test_trouble_is_told_once_and_goes_by() -> None:
    wrong = StudyError("damaged")
    source = Planned(wrong, wrong, status("stopped"))

    async def listen():
        return await heard(Feed(source, every_s=0.001))

    told = events_of(asyncio.run(listen()))
    assert [kind for kind, _ in told] == ["trouble", "status", "end"]
    assert told[0][1] == {"error": "damaged"}


def test_a_study_that_is_gone_ends_the_stream() -> None:
    async def listen():
        return await heard(Feed(Planned(UnknownError("gone")), every_s=0.001))

    assert events_of(asyncio.run(listen())) == [("end", {"error": "gone"})]


def test_a_listener_who_left_is_noticed_and_one_too_many_refused(tmp_path) -> None:
    driver = Driver(tmp_path / "digits")
    app = create_app(Folders([tmp_path]), TOKEN)
    feed = app.state.feed

    async def listen():
        leave, many = asyncio.Event(), []
        for _ in range(feeds.MOST):
            many.append(asyncio.create_task(asking(app, "GET", EVENTS, BEARER, leave=leave)))
        await until(lambda: feed.listeners == feeds.MOST)
        refused = await asking(app, "GET", EVENTS, BEARER)
        assert (refused.status, refused.headers["retry-after"]) == (503, "30")
        leave.set()
        answers = await asyncio.wait_for(asyncio.gather(*many), 10)
        assert feed.listeners == 0
        return answers

    answers = asyncio.run(listen())
    driver.journal.close()
    assert {one.headers["content-type"] for one in answers} == {"text/event-stream; charset=utf-8"}


def test_closing_ends_all_streams() -> None:
    async def listen():
        feed = Feed(Planned(status()), heartbeat_s=100)
        task = asyncio.create_task(heard(feed))
        await until(lambda: feed._channels and feed._channels["digits"].number)
        feed.close()
        await asyncio.wait_for(task, 5)

    asyncio.run(listen())


def test_one_who_takes_nothing_is_let_go(monkeypatch) -> None:
    monkeypatch.setattr(feeds, "SLOW_S", 0.02)

    async def stuck():
        feed = Feed(Planned(status()))

        async def send(message):
            if message.get("more_body"):
                await asyncio.Event().wait()

        async def receive():
            await asyncio.Event().wait()

        await asyncio.wait_for(EventStream(feed, "digits")({}, receive, send), 5)
        assert feed.listeners == 0

    asyncio.run(stuck())


@pytest.mark.parametrize("finished", [True, False])
def test_a_study_is_followed_while_it_is_trained(tmp_path, monkeypatch, finished) -> None:
    monkeypatch.setattr("caviar.service.web.watched.LEAST_S", 0.0)
    monkeypatch.setattr("caviar.service.web.watched.SHARE", 1e9)
    driver = Driver(tmp_path / "digits")
    app = create_app(Folders([tmp_path]), TOKEN)
    app.state.feed._every_s = 0.01

    async def follow():
        found, leave = [], asyncio.Event()
        stream = app.state.feed.listen("digits")
        await anext(stream)

        async def next_status():
            while True:
                for kind, data in events_of([(await anext(stream)).encode()]):
                    found.append((kind, data))
                    if kind == "status":
                        return data

        assert (await next_status())["best"] is None
        driver.train([0, 1, 2])
        while (data := await next_status())["trial_epochs"] < 3:
            pass
        assert data["best"]["trial"] == 2
        driver.end(finished=finished)
        while (data := await next_status())["status"] == "running":
            pass
        assert data["status"] == ("finished" if finished else "interrupted")
        await stream.aclose()
        leave.set()
        return found

    asyncio.run(asyncio.wait_for(follow(), 20))


def test_a_defect_is_told_and_the_next_look_is_as_good_as_any() -> None:
    source = Planned(status(k=1), KeyError("odd"), status(k=float("nan")), status("finished", k=2))
    told = asyncio.run(heard(Feed(source, every_s=0.001)))
    assert [kind for kind, _ in events_of(told)][-1] == "end"
    assert '"k":2' in b"".join(told).decode()


def test_a_defect_is_no_silence() -> None:
    async def first() -> bytes:
        feed = Feed(Planned(KeyError("odd")), every_s=0.001, heartbeat_s=5.0)
        listening = feed.listen("digits")
        await anext(listening)
        text = await asyncio.wait_for(anext(listening), 2.0)
        await listening.aclose()
        return text.encode()

    ((kind, data),) = events_of([asyncio.run(first())])
    assert (kind, data) == ("trouble", {"error": "digits: a defect of caviar's: KeyError"})
