"""The broker as a named Ray actor: it opens the study, welcomes slices and tells how things stand.

It needs no CPUs and lives on the driver's node, where the journal's disk is. Ray ends it with the
driver; the lease tells a later driver that it is gone.
"""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from caviar.study.facts import Outcome
from caviar.study.records import Claim, Measurement, Settled, Signature
from caviar.study.spec import StudySpec
from caviar.tuning.backing import Backing
from caviar.tuning.crew import STARTS, Crew
from caviar.tuning.guard import Guard
from caviar.tuning.messages import Answer, Extra, Finished, Move, Wait, Welcome
from caviar.tuning.opening import Brought, open_study
from caviar.tuning.standing import Standing
from caviar.tuning.status import Status

CLAIMS: Final = 2**32
"""Claims that a process of a slice may make; those of its next one have higher numbers."""


class BrokerActor:
    """One study, opened for writing, as its slices, its driver and other jobs ask it.

    What goes wrong in here is trouble for the whole study: see `Guard`.
    """

    def __init__(self, title: str = "") -> None:
        """Nothing yet: `open` may fail, and its error shall reach the driver as it is.

        Args:
            title: what the dashboard calls it.
        """
        self._title = title
        self._is_open = self._closed = False
        self._welcomed: Counter[str] = Counter()
        self._actors: dict[str, Any] = {}
        self._said: list[str] = []

    def open(
        self,
        directory: str,
        spec_json: str,
        slices: int,
        driver: int,
        data: list[Any],
        facts: Mapping[str, Any],
        finals: Extra = Extra.NEVER,
        placed: int | None = None,
        backing: Backing | None = None,
    ) -> None:
        """Takes the study up, making it if it is new; for the rest see `Brought`.

        Args:
            directory: the study's.
            spec_json: the study, canonical.
            slices: how many are to come.
            driver: the driver's process number, for the lease.
            data: a list of one reference to the `Dataset` without its test part (in a list, so
                that Ray passes the reference and not the data).
            facts: what the journal keeps of the data.
            finals: when the best are retrained.
            placed: how many slices have a place from the start; None: all.
            backing: the storage that checkpoints are carried to, if there is one.

        Raises:
            StudyError: another driver holds it, its data set changed, or the disk refuses.
        """
        self._data = data[0]
        self._crew = crew = Crew(slices, slices if placed is None else placed)
        asked = StudySpec.from_json(spec_json)
        brought = Brought(Path(directory), asked, slices, driver, facts, finals, backing)
        opened = open_study(brought, lambda: crew.sharing, self._said.append)
        self._spec, self._stages = opened
        self._guard = Guard(self._renew, self._stages.stop)
        self._standing = Standing(self._spec, self._stages, crew, self._guard)
        self._is_open = True

    # What slices say

    def welcome(self, slice_name: str) -> Welcome:
        """What a slice needs to know once."""
        self._crew.start(slice_name)
        self._welcomed[slice_name] += 1
        spec = self._spec
        return Welcome(
            self._data,
            spec.seed,
            spec.training.diverged_above,
            spec.resources.checkpoint_s,
            metric=spec.metric,
            lower_is_better=spec.lower_is_better,
            patience=spec.training.patience,
            schedule_per=spec.training.schedule_per,
            feed=spec.data.feed,
            first_claim=self._welcomed[slice_name] * CLAIMS,
        )

    def arrived(self, slice_name: str, facts: Mapping[str, Any], actor: list[Any]) -> None:
        """A slice is ready to claim; `actor` is its handle, in a list."""
        self._actors[slice_name] = actor[0]
        self._crew.arrive(slice_name, str(facts.get("node_id", "")))
        self._record("slice_arrived", {"slice": slice_name, **facts})

    def start_failed(self, slice_name: str, error: str) -> None:
        """A slice could not even start; Tune tries again, up to `STARTS` times if it is alone."""
        too_often = self._crew.fail(slice_name)
        self._record("slice_failed", {"slice": slice_name, "error": error})
        if too_often:
            self.give_up(f"{slice_name} failed to start {STARTS} times: {error}")

    def claim(
        self, slice_name: str, warm: Collection[Signature], number: int | None = None
    ) -> Claim | Wait | Finished | Move:
        """See `Broker.claim`; where the slice's node is to go, it goes elsewhere."""
        self._standing.claimed()
        self._stages.shared_by(self._crew.sharing)
        home: Claim | Wait | Finished | Move = Finished("the study cannot go on")
        if self._crew.must_leave(slice_name):
            return self._guard.run(home, lambda: self._move(slice_name))
        return self._guard.run(home, lambda: self._stages.claim(slice_name, warm, number))

    def report(
        self,
        slice_name: str,
        assignment: int,
        attempt: int,
        measurements: Sequence[Measurement],
        checkpoints: Mapping[int, tuple[int, bytes]],
        complete: bool,
        warm: Collection[Signature] | None = None,
        number: int | None = None,
    ) -> Answer:
        """See `Broker.report`."""
        self._standing.trained(len(measurements))
        given = assignment, attempt, measurements, checkpoints, complete
        chained = None if self._crew.must_leave(slice_name) else warm
        return self._guard.run(
            Answer(go_on=False),
            lambda: self._stages.report(slice_name, *given, chained, number),
        )

    def abandon(self, slice_name: str, assignment: int, attempt: int, error: str) -> None:
        """See `Broker.abandon`."""
        self._guard.run(None, lambda: self._stages.abandon(slice_name, assignment, attempt, error))

    def settle(self, signature: Signature, width: int, evidence: Mapping[str, Any]) -> Settled:
        """See `Claims.settle`."""
        return self._guard.run(
            Settled(width), lambda: self._stages.settle(signature, width, evidence)
        )

    # What the driver finds out

    def set_aside(self, slice_name: str) -> tuple[str, str | None]:
        """Tune found a slice dead, and why is to be told by `lose`.

        Returns:
            The node it was ready on, or "", and the name to tell `lose`; None: it held nothing.
        """
        node, too_often = self._crew.die(slice_name)
        if too_often:
            self.give_up(
                f"{slice_name} died {STARTS} times before it was ready; its log is on the "
                "dashboard's page of actors"
            )
        return node, self._guard.run(None, lambda: self._stages.set_aside(slice_name))

    def lose(self, name: str, error: str, outcome: Outcome = Outcome.LOST) -> None:
        """What was set aside under a name is to be tried again; whose fault it was."""
        self._guard.run(None, lambda: self._stages.lose(name, error, outcome))

    def drain(self, nodes: Collection[str]) -> int:
        """These nodes are soon to go: their slices report, and leave for others.

        Returns:
            How many slices are to leave.
        """
        leaving = self._crew.drain(nodes)
        for name in leaving:
            self._guard.run(None, partial(self._stages.recall_from, name))
        return len(leaving)

    def standing(self, asked_at: float | None = None) -> Status:
        """How the study stands, for its driver; sets the metrics every few seconds.

        Args:
            asked_at: when the driver asked, by `time.monotonic` of this machine.
        """
        if self._closed:
            return self._standing.now()
        return self._standing.for_driver(0.0 if asked_at is None else time.monotonic() - asked_at)

    def words(self) -> list[str]:
        """See `Broker.words`."""
        said = [*self._said]
        self._said.clear()
        return said + self._stages.search.broker.words()

    def ending(self) -> str:
        """See `Broker.ending`."""
        return self._stages.search.broker.ending

    def retrained(self) -> bool:
        """Whether there were finals, and all of them came to their end."""
        return self._stages.retrained

    def give_up(self, why: str) -> None:
        """The study cannot go on."""
        self._guard.give_up(why)

    def trouble(self) -> str:
        """Why the study cannot go on, or ""."""
        return self._guard.trouble

    def close(self) -> None:
        """Writes down that the driver stops, lets the study go and ends the slices; once."""
        if not self._is_open or self._closed:
            return
        self._closed = True
        self._stages.close("the driver stops", self._guard.trouble)
        self._guard.give_up("the driver stops")
        _end(self._actors.values())

    # What any job of the cluster may ask

    def status(self) -> dict[str, Any]:
        """How the study stands: plain data (`Status.to_json`).

        Raises:
            ValueError: the study is not open yet.
        """
        return self._asked().status()

    def leaderboard(self, n: int = 10) -> list[dict[str, Any]]:
        """The search's best trials, best first: see `caviar.tuning.answers.leaderboard`."""
        return self._asked().leaderboard(n)

    def curve(self, trial: int) -> list[dict[str, Any]]:
        """A trial of the search, a row an epoch: see `caviar.tuning.answers.curve`."""
        return self._asked().curve(trial)

    def __repr__(self) -> str:
        """How the dashboard names it: as it was named when it was made."""
        return self._title or type(self).__name__

    def _asked(self) -> Standing:
        """Raises ValueError, which whoever asks can unpickle without caviar."""
        if self._closed or not self._is_open:
            raise ValueError("the study is over" if self._closed else "the study is not open yet")
        return self._standing

    def _move(self, slice_name: str) -> Move:
        self._stages.put_down(slice_name)
        return Move("its node is to go")

    def _record(self, kind: str, detail: Mapping[str, Any]) -> None:
        journal = self._stages.search.journal
        self._guard.run(None, lambda: journal.record(kind, detail))

    def _renew(self) -> None:
        for journal in self._stages.journals:
            journal.renew_lease()


def _end(actors: Iterable[Any]) -> None:
    """Kills slices: they have nothing that is worth a farewell."""
    import ray

    for actor in actors:
        with contextlib.suppress(Exception):
            ray.kill(actor)
