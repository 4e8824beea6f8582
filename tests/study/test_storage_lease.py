"""The lease beside a backup: who lives is respected, who is gone is succeeded."""

from __future__ import annotations

import json
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from caviar.errors import LeaseError
from caviar.study import storage_lease
from caviar.study.lease import LeaseHolder, started_s
from caviar.study.storage import Storage

HERE = LeaseHolder.here()
ELSEWHERE = LeaseHolder("far", "another boot", 77, 1.0, 78)
GONE = replace(HERE, driver_pid=2**22 - 1)


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage(str(tmp_path / "storage"))


def take(storage: Storage, holder: LeaseHolder = HERE, **more) -> storage_lease.StorageLease:
    return storage_lease.take(storage, holder, settle_s=0.0, **more)


def test_tokens_rise(storage: Storage) -> None:
    first = take(storage, least=4)
    assert (first.token, first.former) == (5, None)
    first.renew(12.0)
    first.release(13.0)
    second = take(storage, ELSEWHERE)
    assert second.token == 6
    assert second.former.released
    assert second.former.backed_up_at == 13.0
    with pytest.raises(LeaseError, match="another driver took it over: host far, pid 77, since "):
        first.renew(14.0)
    second.renew(15.0)
    second.release(15.0)
    take(storage)
    assert set(storage.list()) == {"lease-000006.json", "lease-000007.json"}


def test_the_living_of_this_machine_is_refused_and_the_dead_succeeded(storage: Storage) -> None:
    take(storage, replace(HERE, driver_pid=1, driver_started_s=started_s(1) or 0.0))
    with pytest.raises(LeaseError, match=r"another driver holds this study: host .*; stop it"):
        take(storage)
    storage_lease._put(storage, replace(storage_lease.read(storage), holder=GONE))
    assert take(storage).token == 2


def test_the_silent_of_another_machine_is_waited_for(storage: Storage) -> None:
    said: list[str] = []
    take(storage, ELSEWHERE)
    began = time.monotonic()
    assert take(storage, expiry_s=0.3, say=said.append).token == 2
    assert time.monotonic() - began < 10
    assert len(said) == 1
    assert "host far, pid 77" in said[0]
    assert "for a sign of life" in said[0]


def test_a_sign_of_life_while_waiting_is_a_refusal(storage: Storage, monkeypatch) -> None:
    lease = take(storage, ELSEWHERE)
    monkeypatch.setattr(storage_lease.time, "sleep", lambda s: s and lease.renew(1.0))
    with pytest.raises(LeaseError, match=r"host far, pid 77, since .*; stop it first"):
        take(storage, expiry_s=1000.0)


def test_of_two_at_once_one_wins(storage: Storage, monkeypatch) -> None:
    won = []

    def meanwhile(seconds: float) -> None:
        if not won:  # the other wrote its lease a little later
            mine = storage_lease.read(storage)
            won.append(replace(mine, token=mine.token + 1, secret="other", holder=ELSEWHERE))
            storage_lease._put(storage, won[0])

    monkeypatch.setattr(storage_lease.time, "sleep", meanwhile)
    with pytest.raises(LeaseError, match="another driver took it just now: host far"):
        take(storage)


class Slow(Storage):
    """A storage that takes a lease only when `meanwhile` is over."""

    def __init__(self, uri: str, meanwhile) -> None:
        super().__init__(uri)
        self.meanwhile = meanwhile

    def put(self, key: str, data: bytes) -> None:
        if key.startswith("lease"):
            self.meanwhile()
        super().put(key, data)


def test_a_lease_that_is_long_on_its_way_is_no_second_holder(storage: Storage) -> None:
    held = []
    slow = Slow(storage.uri, lambda: held or held.append(take(storage, ELSEWHERE)))
    with pytest.raises(LeaseError, match="another driver took it just now: host far, pid 77"):
        take(slow)
    held[0].renew(1.0)


def test_a_lease_settles_for_as_long_as_its_way(storage: Storage, monkeypatch) -> None:
    now, slept = [0.0], []
    monkeypatch.setattr(storage_lease.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(storage_lease.time, "sleep", slept.append)

    def later() -> None:
        now[0] += 7.0

    storage_lease.take(Slow(storage.uri, later), HERE)
    assert slept == [14.0]


@pytest.mark.parametrize("seed", range(3))
def test_no_two_ever_hold_one_token(storage: Storage, monkeypatch, seed: int) -> None:
    """Drivers that begin at once, each of whose writes takes its own time."""
    put, chance, start = Storage.put, random.Random(seed), threading.Barrier(6)
    delays = [chance.uniform(0, 0.02) for _ in range(997)]

    def late(self, key: str, data: bytes) -> None:
        time.sleep(delays.pop())
        put(self, key, data)
        time.sleep(delays.pop())

    written: list[str] = []

    def lease(self, key: str, data: bytes) -> None:
        if key.startswith("lease"):
            written.append(key)
        late(self, key, data)

    monkeypatch.setattr(Storage, "put", lease)

    def drive(number: int) -> None:
        start.wait(5.0)
        with suppress(LeaseError):
            take(storage, replace(ELSEWHERE, driver_pid=number))

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(drive, range(6)))
    assert written
    assert len(written) == len(set(written))


def test_a_damaged_lease_is_one_line(storage: Storage) -> None:
    for data in (b"", b"[]", json.dumps({"token": 1}).encode()):
        storage.put("lease-000001.json", data)
        with pytest.raises(LeaseError, match=r"lease-000001.json is damaged; delete it$"):
            take(storage)


@pytest.mark.parametrize("name", ["acquired_at", "renewed_at", "backed_up_at"])
@pytest.mark.parametrize("odd", ["x", None, 1e300, float("nan")])
def test_a_lease_of_no_time_is_damaged(storage: Storage, name: str, odd: object) -> None:
    take(storage, GONE)
    told = json.loads(storage.get("lease-000001.json") or b"")
    storage.put("lease-000001.json", json.dumps(told | {name: odd}).encode())
    with pytest.raises(LeaseError, match=r"lease-000001.json is damaged; delete it$"):
        take(storage)


def test_no_holder_writes_over_a_terminal(storage: Storage) -> None:
    take(storage, replace(HERE, host="far\x1b[2J"))
    lease = storage_lease.read(storage)
    assert lease is not None
    assert lease.told().startswith("host far\\x1b[2J, pid ")


def test_a_lease_tells_how_late_its_signs_of_life_come(storage: Storage, monkeypatch) -> None:
    now = [100.0]
    monkeypatch.setattr(storage_lease.time, "monotonic", lambda: now[0])

    def later() -> None:
        now[0] += 2.0

    lease = take(Slow(storage.uri, later))
    now[0] += storage_lease.RENEW_EVERY_S
    lease.renew(1.0)
    assert storage_lease.read(storage).late_s == 2.0  # as writing it the first time
    now[0] += storage_lease.RENEW_EVERY_S + 7.0  # the machine slept
    lease.renew(1.0)
    lease.renew(1.0)
    assert storage_lease.read(storage).late_s == 9.0
    for _ in range(12):
        lease.renew(1.0)
    lease.renew(1.0)
    assert storage_lease.read(storage).late_s == 2.0  # which is forgotten some time
