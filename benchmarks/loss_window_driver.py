"""A driver for `loss_window.py` to kill: it says `at work` when its study goes on.

    python benchmarks/loss_window_driver.py DIR URI SEED DELAY_S [--ray]

With --ray it is the real one, with `no_op_worker.py` on its slices. Without, the keeper is the real
one, and what a broker would commit is committed by a process beside it, at random moments.
"""

from __future__ import annotations

import multiprocessing
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from caviar.study.journal import Journal
from caviar.study.lease import LeaseHolder
from caviar.study.records import Assignment, Measurement, Signature, Trial
from caviar.study.spec import StudySpec
from caviar.study.storage import Storage
from caviar.tuning.backing import Backing, use_storage
from caviar.tuning.keeper import Keeper

SIGNATURE = Signature((112, 112), 64, "adam")
RUNGS = (0, 1, 3, 9)
PACE_S = 0.03
"""Between two commits, on the average."""
BYTES = 16 * 1024


def say(line: str) -> None:
    print(line, flush=True)


def go_on(journal: Journal, chance: random.Random, last: dict[int, int]) -> None:
    """A trial's first rung or a promotion: claimed, reported epoch by epoch, ended."""
    index = chance.randrange(len(last) + 1) if chance.random() < 0.4 else len(last)
    first = last.get(index, 0)
    if first >= RUNGS[-1]:
        return
    until = RUNGS[RUNGS.index(first) + 1]
    new = [] if index in last else [Trial(index, (0.5,) * 6, {"learning_rate": 0.01})]
    number = journal.issue(Assignment((index,), first, until, SIGNATURE), decisions=new)
    attempt = journal.start_attempt(number, "slice-0")
    for epoch in range(first + 1, until + 1):
        measured = [Measurement(index, epoch, 1.0, 0.5, 1.0, 0.5, 0.1)]
        files = {index: (epoch, chance.randbytes(BYTES))}
        journal.report(number, attempt, measured, files, complete=epoch == until)
        time.sleep(chance.expovariate(1 / PACE_S))
    last[index] = until


def work(directory: Path, driver: int, backing: Backing, seed: int) -> None:
    """What a broker does with a journal, without end."""
    spec = StudySpec.default()
    if not Journal.exists(directory):
        Journal.create(directory, spec.to_json(), spec.fingerprint).close()
    with Journal.open(directory, write=True) as journal:
        journal.acquire_lease(LeaseHolder.here(driver), least=backing.token)
        for line in use_storage(journal, backing):
            say(line)
        journal.end_running_attempts()
        for open_one in journal.open_assignments():
            for trial in open_one.unfinished:
                journal.fail_trial(trial, "cut short")
        last = dict.fromkeys((trial.index for trial in journal.trials()), RUNGS[-1])
        say("at work")
        chance = random.Random(seed)
        while True:
            go_on(journal, chance, last)


def slow_down(delay_s: float) -> None:
    """Every question to the storage takes up to so long."""
    for name in ("put", "get", "list"):
        setattr(Storage, name, slowly(getattr(Storage, name), delay_s))


def slowly(action: Callable[..., Any], delay_s: float) -> Callable[..., Any]:
    def delayed(*given: Any) -> Any:
        time.sleep(random.uniform(0, delay_s))
        return action(*given)

    return delayed


def main() -> None:
    directory, uri, seed, delay_s = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4]
    if float(delay_s):
        slow_down(float(delay_s))
    spec = StudySpec.default()
    with Keeper(uri, directory, say) as keeper:
        if "--ray" in sys.argv:
            from caviar.tuning.driver import run_study
            from caviar.tuning.progress import PlainView

            spec = spec.override(trials=100_000)
            keeper.begin(spec)
            say("at work")
            run_study(spec, directory, PlainView(say), worker="no_op_worker:make", storage=keeper)
            return
        keeper.begin(spec)
        given = directory, multiprocessing.current_process().pid, keeper.back(), seed
        broker = multiprocessing.get_context("spawn").Process(target=work, args=given)
        broker.start()
        broker.join()


if __name__ == "__main__":
    main()
