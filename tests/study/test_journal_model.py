"""Any order of what a broker may do leaves the journal equal to a plain account of it."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import hypothesis.strategies as st
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from journal_samples import bytes_of, curve, files, measured, new_study, rung, saved, trials

from caviar.study.facts import Outcome
from caviar.study.journal import Journal
from caviar.study.records import Entry, Failure, Measurement

LAST = 4


class Broker(RuleBasedStateMachine):
    """A broker of two-lane assignments, with slices that die, come late and repeat themselves."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(tempfile.mkdtemp())
        self.journal = new_study(self.directory)
        self.entries: list[Entry] = []
        self.measured: dict[tuple[int, int], tuple[int, int]] = {}
        self.failed: set[int] = set()
        self.ended: set[int] = set()
        self.trained = 0
        self.claims: list[tuple[int, int, tuple[int, ...]]] = []

    def teardown(self) -> None:
        self.journal.close()
        shutil.rmtree(self.directory)

    def stands_at(self, trial: int) -> int:
        return max((epoch for index, epoch in self.measured if index == trial), default=0)

    def is_unfinished(self, trial: int) -> bool:
        return self.stands_at(trial) < LAST and trial not in self.failed | self.ended

    @rule()
    def issue(self) -> None:
        first = len(self.journal.trials())
        new, work = trials(first, first + 1), rung(first, first + 1, last=LAST)
        self.journal.issue(work, decisions=new)
        self.entries += [*new, work]

    @precondition(lambda self: self.journal.open_assignments())
    @rule(choice=st.integers(0))
    def claim(self, choice: int) -> None:
        found = self.journal.open_assignments()
        work = found[choice % len(found)]
        attempt = self.journal.start_attempt(work.id, "s")
        assert attempt == len(work.attempts) + 1
        self.claims.append((work.id, attempt, work.unfinished))

    @precondition(lambda self: self.claims)
    @rule(
        choice=st.integers(0),
        epoch=st.integers(1, LAST),
        end=st.sampled_from(["", "diverged", "stopped"]),
    )
    def report(self, choice: int, epoch: int, end: str) -> None:
        """A slice reports all its lanes up to `epoch`, whatever others did meanwhile."""
        number, attempt, lanes = self.claims[choice % len(self.claims)]
        given = curve(lanes, range(1, epoch + 1))
        if end:
            given[-1] = measured(lanes[-1], epoch, **{end: True}, reason=end)
        current = (number, attempt) in self.running()
        repeated = sum(self.measured.get((m.trial, m.epoch)) == (number, attempt) for m in given)
        self.trained += len(given) - repeated
        receipt = self.journal.report(number, attempt, given, self.state_of(lanes, epoch, given))
        assert receipt.stale is not current
        assert receipt.accepted == tuple(m for m in given if current and self.take(m))
        assert receipt.refused == len(given) - len(receipt.accepted)
        for m in receipt.accepted:
            self.measured[m.trial, m.epoch] = (number, attempt)
        self.entries += receipt.accepted

    def state_of(
        self, lanes: tuple[int, ...], epoch: int, given: list[Measurement]
    ) -> dict[int, tuple[int, bytes]]:
        sound = [t for t in lanes if t not in self.ended and not given[-1].diverged]
        return saved(sound, epoch)

    def running(self) -> set[tuple[int, int]]:
        return {(a.assignment, a.attempt) for a in self.journal.attempts() if a.ended_at is None}

    def take(self, m: Measurement) -> bool:
        if (m.trial, m.epoch) in self.measured or m.trial in self.ended:
            return False
        if m.diverged or m.stopped:
            self.ended.add(m.trial)
        return True

    @precondition(lambda self: self.claims)
    @rule(choice=st.integers(0), outcome=st.sampled_from(Outcome))
    def end(self, choice: int, outcome: Outcome) -> None:
        number, attempt, _ = self.claims[choice % len(self.claims)]
        current = (number, attempt) in self.running()
        assert self.journal.end_attempt(number, attempt, outcome) is current

    @precondition(lambda self: self.journal.open_assignments())
    @rule(choice=st.integers(0))
    def split(self, choice: int) -> None:
        found = [work for work in self.journal.open_assignments() if not work.running]
        if found:
            work = found[choice % len(found)]
            self.journal.split(work.id, [(trial,) for trial in work.unfinished])

    @rule(choice=st.integers(0))
    def fail(self, choice: int) -> None:
        candidates = [t.index for t in self.journal.trials() if t.index not in self.failed]
        if candidates:
            trial = candidates[choice % len(candidates)]
            self.journal.fail_trial(trial, "poison")
            self.failed.add(trial)
            self.entries.append(Failure(trial, "poison"))

    @rule()
    def restart(self) -> None:
        self.journal.close()
        self.journal = Journal.open(self.directory, write=True)
        self.journal.acquire_lease()

    @invariant()
    def accounts_agree(self) -> None:
        assert list(self.journal.entries()) == self.entries
        assert self.journal.trained_epochs == self.trained
        unfinished = [t for work in self.journal.open_assignments() for t in work.unfinished]
        assert sorted(unfinished) == [
            t.index for t in self.journal.trials() if self.is_unfinished(t.index)
        ]

    @invariant()
    def checkpoints_are_whole(self) -> None:
        records = self.journal.checkpoints()
        assert files(self.directory) == sorted(record.file for record in records)
        for record in records:
            assert self.journal.read_checkpoint(record) == bytes_of(record.trial, record.epoch)


Broker.TestCase.settings = settings(
    max_examples=15,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
test_any_order_of_events = Broker.TestCase
