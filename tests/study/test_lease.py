from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from journal_samples import SPEC, new_study, trials

from caviar.errors import LeaseError
from caviar.study import lease
from caviar.study.journal import Journal
from caviar.study.lease import EXPIRY_S, LeaseHolder

HERE = LeaseHolder.here()
ELSEWHERE = replace(HERE, host="node-7")


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def opened(tmp_path: Path, clock: Clock) -> Callable[[], Journal]:
    Journal.create(tmp_path / "study", SPEC, "abc", clock).close()
    return lambda: Journal.open(tmp_path / "study", write=True, clock=clock)


@pytest.fixture
def sleeper() -> subprocess.Popen[bytes]:
    process = subprocess.Popen([sys.executable, "-S", "-c", "input()"], stdin=subprocess.PIPE)
    yield process
    process.kill()
    process.communicate()


def test_a_second_driver_is_refused_by_name(
    opened: Callable[[], Journal], sleeper: subprocess.Popen[bytes], clock: Clock
) -> None:
    with opened() as first, opened() as second:
        first.acquire_lease(LeaseHolder.here(sleeper.pid))
        clock.now += 10 * EXPIRY_S  # a driver that is seen alive need not have renewed
        with pytest.raises(LeaseError) as refused:
            second.acquire_lease()
        line = str(refused.value)
        assert "\n" not in line
        for part in (HERE.host, f"pid {sleeper.pid}", "since 1970-01-12", "study: another driver"):
            assert part in line
        with pytest.raises(LeaseError, match="no lease is held"):
            second.add_trials(trials(0))
        first.add_trials(trials(0))


def test_a_killed_driver_is_taken_over_at_once(
    opened: Callable[[], Journal], sleeper: subprocess.Popen[bytes]
) -> None:
    with opened() as old, opened() as new:
        assert old.acquire_lease(LeaseHolder.here(sleeper.pid)) == 1
        sleeper.kill()
        while psutil.Process(sleeper.pid).status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.001)
        assert new.acquire_lease() == 2  # a zombie, not yet waited for, is dead
        with pytest.raises(LeaseError, match="another driver took it over"):
            old.add_trials(trials(0))
        with pytest.raises(LeaseError, match="another driver took it over"):
            old.renew_lease()
        assert new.trials() == ()


def test_a_process_number_used_again_is_another_driver(
    opened: Callable[[], Journal], sleeper: subprocess.Popen[bytes]
) -> None:
    former = LeaseHolder.here(sleeper.pid)
    former = replace(former, driver_started_s=former.driver_started_s - 60)
    assert former.alive() is False
    with opened() as old, opened() as new:
        old.acquire_lease(former)
        assert new.acquire_lease() == 2


@pytest.mark.parametrize(
    "holder", [ELSEWHERE, replace(HERE, boot_id="before"), replace(ELSEWHERE, boot_id="other")]
)
def test_across_machines_and_boots_only_silence_tells(
    opened: Callable[[], Journal], clock: Clock, holder: LeaseHolder
) -> None:
    assert holder.alive() is None
    with opened() as old, opened() as new:
        old.acquire_lease(holder)
        clock.now += EXPIRY_S - 1
        old.renew_lease()
        clock.now += EXPIRY_S - 1
        with pytest.raises(LeaseError, match="if it is gone, try again in 1 s"):
            new.acquire_lease()
        clock.now += 1
        assert new.acquire_lease() == 2


def test_a_clock_set_back_holds_nobody_up(opened: Callable[[], Journal], clock: Clock) -> None:
    with opened() as old, opened() as new:
        old.acquire_lease(ELSEWHERE)
        clock.now -= 86_400
        assert new.acquire_lease() == 2


def test_a_broker_that_was_restarted_succeeds_itself(opened: Callable[[], Journal]) -> None:
    with opened() as old, opened() as new:
        old.acquire_lease(HERE)
        assert new.acquire_lease(replace(HERE, broker_pid=HERE.broker_pid + 1)) == 2
        with pytest.raises(LeaseError):
            old.record("driver_started")


def test_what_is_released_is_free(opened: Callable[[], Journal]) -> None:
    with opened() as old, opened() as new:
        old.acquire_lease(ELSEWHERE)
        found = old.lease()
        assert found
        assert found.held(found.acquired_at)
        old.release_lease()
        old.release_lease()
        found = new.lease()
        assert found
        assert not found.held(found.acquired_at)
        assert new.acquire_lease() == 2
        with pytest.raises(LeaseError, match="no lease is held"):
            old.add_trials(trials(0))


def test_a_late_release_takes_nothing_from_the_successor(opened: Callable[[], Journal]) -> None:
    with opened() as old, opened() as new:
        old.acquire_lease(HERE)
        new.acquire_lease(HERE)
        old.release_lease()
        new.add_trials(trials(0))


def test_a_successor_goes_on_counting(tmp_path: Path) -> None:
    with new_study(tmp_path) as old, Journal.open(tmp_path, write=True) as new:
        old.add_trials(trials(0, 1))
        new.acquire_lease()
        new.add_trials(trials(2))
        assert [t.index for t in new.entries()] == [0, 1, 2]


def test_a_process_is_known_by_its_start() -> None:
    assert lease.started_s(os.getpid()) == pytest.approx(HERE.driver_started_s, abs=0.1)
    assert HERE.alive() is True
    assert lease.started_s(2**22 + 1) is None
    assert LeaseHolder.here(2**22 + 1).alive() is False
