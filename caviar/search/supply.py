"""Supply: the trials of a study as they are drawn, and wait to be started.

They come from the drawing, or repeat the best early trial where its repeats are to tell the noise;
they wait in the pool, where those of one signature meet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from caviar.search.drawing import Drawing
from caviar.search.history import History
from caviar.search.noise import REPLICATE
from caviar.search.packing import Pool
from caviar.study.records import Assignment, Round, Signature, Trial, Value
from caviar.study.run_tables import UNBOUNDED

SignatureOf = Callable[[Mapping[str, Value]], Signature]


class Supply:
    """Draws the trials of one study.

    Attributes:
        drawing: makes them, from a searcher's points.
        asked: how many a person wants, replicates not counted.
        news: those drawn, and the rounds begun, that nobody has been told of.
    """

    def __init__(
        self,
        drawing: Drawing,
        signature_of: SignatureOf,
        history: History,
        asked: int,
        look_ahead: int,
        replicates: int,
    ) -> None:
        """Draws nothing yet; the arguments are the strategy's."""
        self.drawing = drawing
        self.asked = asked
        self.news: list[Trial | Round] = []
        self._signature_of = signature_of
        self._history = history
        self._look_ahead = look_ahead
        self._replicates = replicates
        self._pool = Pool()

    @property
    def wanted(self) -> int:
        """How many trials there are to be, as far as that is known."""
        unknown = self.asked >= UNBOUNDED
        return len(self._trials) if self.drawing.exhausted or unknown else self.asked

    @property
    def most(self) -> int:
        """How many trials there may be at most."""
        most = self.asked + len(self._history.noise.replicates)
        return len(self._trials) if self.drawing.exhausted else most

    @property
    def startable(self) -> int:
        """Trials never started that could start now, those not yet drawn included."""
        undrawn = max(0, self.most - len(self._trials))
        return undrawn + len(self._pool) + len(self._due())

    def may_draw(self, room: float) -> bool:
        """Whether there is to be one more trial, where `room` could still be started."""
        return len(self._trials) < self.most and len(self._pool) < room

    def draw(self, room: float) -> None:
        """Fills the pool: replicates where they are due, then from the searcher.

        Args:
            room: how many that have not started yet could still be.
        """
        for trial in self._due():
            self.admit(trial)
            self.news.append(trial)
        ahead = min(self._look_ahead, max(1, self.drawing.searcher.ahead))
        while len(self._pool) < ahead and self.may_draw(room):
            drawn = self.drawing.next(len(self._trials))
            if drawn is None:
                return
            trial, begun = drawn
            if begun is not None:
                self.drawing.note(begun)
                self.news.append(begun)
            self.admit(trial)
            self.news.append(trial)

    def admit(self, trial: Trial) -> None:
        """Takes up a trial that was drawn, now or in the journal that is replayed."""
        signature = self._signature_of(trial.hyperparameters)
        self._history.admit(trial, signature)
        repeats = trial.origin == REPLICATE
        if not repeats:  # a searcher learns nothing from what was tried already
            self.drawing.note(trial)
        if trial.index < self.asked + len(self._history.noise.replicates):
            target = self._history.first_target(trial.index)
            self._pool.add(trial.index, signature, target, before=repeats)

    def remove(self, trial: int) -> None:
        """A trial waits no longer: it was started, or given up."""
        self._pool.remove(trial)

    def packed(self) -> Iterator[Assignment]:
        """The waiting trials, those that could go together in one assignment each."""
        return self._pool.packed()

    @property
    def _trials(self) -> list[Trial]:
        return self._history.ledger.trials

    def _due(self) -> list[Trial]:
        """The replicates to be made now: of the best where the first eta^2 trials were compared."""
        noise, first = self._history.noise, self._history.brackets.ladders[0].rungs[0]
        missing = self._replicates - len(noise.replicates)
        enough = min(self._history.brackets.reduction_factor**2, self.asked)
        if missing <= 0 or first.reached < enough:
            return []
        best = first.best
        number = noise.original if noise.original is not None or best is None else best[2]
        if number is None:
            return []
        of, begin = self._trials[number], len(self._trials)
        why = f"of trial {number}"
        return [
            Trial(index, of.point, of.hyperparameters, REPLICATE, why)
            for index in range(begin, begin + missing)
        ]
