"""What a driver works at: the study's search, and then what is trained beside it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from caviar.errors import StudyError
from caviar.study.facts import Outcome
from caviar.study.journal import Journal
from caviar.study.records import Claim, Measurement, Settled, Signature
from caviar.tuning.broker import PAUSED_S, Broker
from caviar.tuning.messages import AT_ONCE, Answer, Extra, Finished, Wait
from caviar.tuning.retraining import Stage

IN_FINALS: Final = 2**40
"""Added to the numbers that slices know the finals' assignments by: no report of the search that
comes late is ever taken for one of theirs."""

Order = Claim | Wait | Finished


class Stages:
    """The search and the finals, as one broker to the slices.

    Attributes:
        search: where the study is decided.
        now: what is trained: the search, or the finals once they have begun.
    """

    def __init__(
        self, search: Stage, finals: Extra, begin: Callable[[], Stage | None], slices: int
    ) -> None:
        """Begins with the search, or with the finals if it is time for them.

        Args:
            search: taken up.
            finals: when the best are retrained.
            begin: takes the finals up; None if there is nothing to train.
            slices: how many share the work.
        """
        self.search = self.now = search
        self._finals, self._alone = finals, finals in AT_ONCE
        self._begin = begin
        self._sharing = 0
        self.shared_by(slices)
        self._move_on()

    @property
    def broker(self) -> Broker:
        """Of what is trained now."""
        return self.now.broker

    @property
    def in_search(self) -> bool:
        """Whether the finals have not begun."""
        return self.now is self.search

    @property
    def finished(self) -> bool:
        """Whether nothing is left to train, and no finals are to come."""
        search = self.search.broker
        may_come = self._finals is not Extra.NEVER and (not search.halted or search.is_over)
        return self.broker.finished and not may_come

    @property
    def retrained(self) -> bool:
        """Whether there were finals, and all of them came to their end."""
        return not self.in_search and self.broker.finished

    @property
    def journals(self) -> set[Journal]:
        """Those that are written."""
        return {self.search.journal, self.now.journal}

    def shared_by(self, slices: int) -> None:
        """From now on so many slices share the work."""
        if slices != self._sharing:
            self._sharing = slices
            for stage in (self.search, self.now):
                stage.broker.shared_by(slices)

    def look(self) -> None:
        """Takes what people ask for; during the finals they may still stop or pause the study."""
        self.broker.look()
        self._look_at_search()

    def claim(self, slice_name: str, warm: Collection[Signature], number: int | None) -> Order:
        """See `Broker.claim`."""
        if self.in_search and self.search.broker.finished:
            self._move_on()
        self._look_at_search()
        if self.in_search:
            if self._alone:
                return Finished("there is nothing to train beside the search")
            return self.broker.claim(slice_name, warm, number)
        if self.search.broker.paused:
            return Wait(PAUSED_S)
        return _of_finals(self.broker.claim(slice_name, warm, number))

    def report(
        self,
        slice_name: str,
        assignment: int,
        attempt: int,
        measurements: Sequence[Measurement],
        checkpoints: Mapping[int, tuple[int, bytes]],
        complete: bool,
        warm: Collection[Signature] | None,
        number: int | None,
    ) -> Answer:
        """As the broker; but whether the study is complete is told by a claim alone."""
        given = attempt, measurements, checkpoints, complete
        if assignment < IN_FINALS:
            # A late report of the search finds there that it is late.
            chained = warm if self.in_search else None
            broker = self.search.broker
            answer = broker.report(slice_name, assignment, *given, chained, number)
            is_last = self._finals is not Extra.NEVER and isinstance(answer.order, Finished)
            return replace(answer, order=None) if is_last else answer
        self._look_at_search()
        chained = None if self.search.broker.paused else warm
        answer = self.broker.report(slice_name, assignment - IN_FINALS, *given, chained, number)
        return replace(answer, order=answer.order and _of_finals(answer.order))

    def abandon(self, slice_name: str, assignment: int, attempt: int, error: str) -> None:
        """See `Broker.abandon`."""
        broker = self.search.broker if assignment < IN_FINALS else self.broker
        broker.abandon(slice_name, assignment % IN_FINALS, attempt, error)

    def settle(self, signature: Signature, width: int, evidence: Mapping[str, Any]) -> Settled:
        """See `Broker.settle`."""
        return self.broker.settle(signature, width, evidence)

    def set_aside(self, slice_name: str) -> str | None:
        """See `Broker.set_aside`."""
        return self.broker.set_aside(slice_name)

    def lose(self, name: str, error: str, outcome: Outcome) -> None:
        """See `Broker.lose`."""
        self.broker.lose(name, error, outcome)

    def stop(self, why: str) -> None:
        """From now on slices are sent home when they ask or report."""
        self.broker.stop(why)

    def recall_from(self, slice_name: str) -> None:
        """See `Broker.recall_from`."""
        self.broker.recall_from(slice_name)

    def put_down(self, slice_name: str) -> None:
        """See `Broker.put_down`."""
        self.broker.put_down(slice_name)

    def close(self, why: str, trouble: str) -> None:
        """Writes down that the driver stops, and lets the journals go.

        Args:
            why: the slices are told.
            trouble: why the study could not go on, or "".
        """
        for stage in {id(each): each for each in (self.now, self.search)}.values():
            stage.broker.stop(why)
            with contextlib.suppress(StudyError):
                _write_end(stage, trouble)
            stage.journal.close()

    def _move_on(self) -> None:
        """Goes on to the finals if it is time."""
        search = self.search.broker
        if self._finals is Extra.NEVER or not (search.is_over or self._alone):
            return
        self._finals = Extra.NEVER
        stage = self._begin()
        if stage is not None:
            self.now = stage
            self._stops = search.stops
            search.stay()

    def _look_at_search(self) -> None:
        if not self.in_search:
            search = self.search.broker
            search.look()
            if search.stops > self._stops:
                self.broker.stop(search.halted)


def _of_finals(order: Order) -> Order:
    """An order of the finals' broker, as slices know it."""
    if not isinstance(order, Claim):
        return order
    return replace(order, assignment=order.assignment + IN_FINALS)


def _write_end(stage: Stage, trouble: str) -> None:
    broker, journal = stage.broker, stage.journal
    journal.end_running_attempts()
    finished = broker.finished and not broker.halted
    detail = {"finished": finished, "trouble": trouble, "ending": broker.ending}
    journal.record("driver_stopped", detail)
    journal.release_lease()
