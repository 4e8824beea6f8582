"""The panda: one model, raised from day to day as a person would who looks at its curve each day.

Each evening's verdict (`caviar.search.judging`) decides the next day: going well, the learning rate
goes up a little; still better but less so, momentum or else a decay; slower, the rate goes down;
flat for some days, down at once; worse or exploded, back to the model of an earlier day and on with
a much smaller rate, each time in a row to an earlier one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import chain, islice, takewhile
from typing import Final

from caviar.search.days import DAY, ROLLBACK, Day, Days, Panda
from caviar.search.judging import FITS, MUCH, Verdict
from caviar.search.keeping import Plan
from caviar.search.knobs import Knobs
from caviar.study.records import Value

UP: Final = 1.25
"""Times the learning rate of a day that went well."""
DOWN: Final = 0.6
"""Times the learning rate of a day that was slower."""
DROP: Final = 0.3
"""Times the learning rate after `PATIENCE` flat days, and after the first bad day."""
CAREFUL: Final = 0.1
"""Times the learning rate of a bad day that came right after another one."""
CREEP: Final = 2.0
"""Times the learning rate where the loss falls steadily but hardly."""
WAKE: Final = 10.0
"""Times the learning rate of a model that has learned nothing."""
PATIENCE: Final = 2
"""Flat days in a row before something is done."""
STUCK: Final = 6
"""Days in which a line that takes off no more than a good day should is stuck, unless it fits."""
AVERAGE: Final = 0.7
"""Times 1 - momentum, or 1 - beta_1: the average looks back so much further."""
LONGEST_AVERAGE: Final = 0.98
"""What momentum or beta_1 is not moved beyond."""

UPWARD: Final = {
    Verdict.BETTER: (UP, "going well"),
    Verdict.CREEPING: (CREEP, "falls steadily but hardly"),
    Verdict.ASLEEP: (WAKE, "nothing learned yet"),
}
"""Verdicts after which the rate goes up: how far, and why."""

Start = Callable[[int], tuple[Mapping[str, Value], str]]
"""From a panda's number to what its first day has, and why."""


class PandaKeeper:
    """Keeps each panda for itself (`caviar.search.keeping.Keeper`)."""

    def __init__(self, start: Start, knobs: Knobs) -> None:
        """Takes where pandas start and what can be moved."""
        self._start = start
        self._knobs = knobs

    def first(self, panda: Panda, days: Days) -> Plan:
        """The panda's first day: from where the study says, or from a trial there is already."""
        found = [day for day in days.days if not day.number and day.is_good]
        found.sort(key=lambda day: (day.least, day.trial.index))
        if panda.number < len(found):
            day = found[panda.number]
            why = f"first day, from trial {day.trial.index}"
            return Plan(day.trial.hyperparameters, day, DAY, why)
        values, why = self._start(panda.number)
        return Plan(values, None, DAY, f"first day, {why}")

    def next(self, panda: Panda, days: Days) -> Plan:
        """The next day, by the verdict on the last one."""
        last = panda.days[-1]
        assert last.verdict is not None
        if last.verdict.is_bad:
            return self._back(panda, last)
        if _is_stuck(last):
            return self._anew(panda, last)
        moved, why = self._onward(panda, last)
        values = last.trial.hyperparameters if moved is None else moved
        return Plan(values, last, DAY, why)

    def _anew(self, panda: Panda, last: Day) -> Plan:
        """What moves nowhere at any rate is begun anew, far below all rates tried so far."""
        first = panda.days[0]
        tried = [day.rate for day in panda.days if day.before is first.before]
        values = first.trial.hyperparameters
        lower = min(last.rate, *tried) * CAREFUL
        values = self._knobs.turn(values, "learning_rate", lower) or values
        why = f"stuck for {STUCK} days: begun anew, learning_rate down"
        return Plan(values, first.before, ROLLBACK, why)

    def _onward(self, panda: Panda, last: Day) -> tuple[Mapping[str, Value] | None, str]:
        """What changes when it goes on from its last day, and why."""
        verdict = last.verdict
        if verdict is Verdict.BETTER and _went_down(last):
            moved = self._rate(last, DOWN)
            if moved is not None:
                return moved, "better since the rate went down: learning_rate down"
        if verdict in UPWARD:
            factor, reason = UPWARD[verdict]
            moved = self._rate(last, factor, panda.ceiling)
            if moved is not None:
                return moved, f"{reason}: learning_rate {'a little ' * (factor == UP)}up"
        if verdict in (Verdict.BETTER, Verdict.LESS):
            moved, name = self._later(last)
            reason = "going well" if verdict is Verdict.BETTER else "better, but less"
            return moved, f"{reason}: {name} up" if moved else f"{reason}: left as it is"
        flat = _in_a_row(panda, Verdict.FLAT)
        if verdict is Verdict.SLOWER:
            moved, reason = self._rate(last, DOWN), "slower"
        elif verdict is Verdict.FLAT and flat % (2 * PATIENCE) == PATIENCE:
            moved, reason = self._rate(last, DROP), f"flat for {flat} days"
        elif verdict is Verdict.FLAT and flat and flat % (2 * PATIENCE) == 0:
            moved = self._rate(last, DROP**-2, panda.ceiling)
            reason = f"flat for {flat} days"
            return moved, f"{reason}: learning_rate up" if moved else f"{reason}: left as it is"
        else:
            moved, reason = None, str(verdict)
        return moved, f"{reason}: learning_rate down" if moved else f"{reason}: left as it is"

    def _rate(self, day: Day, factor: float, most: float | None = None) -> dict[str, Value] | None:
        values = day.trial.hyperparameters
        rate = day.rate
        to = rate * factor if most is None else min(rate * factor, max(most, rate))
        return self._knobs.turn(values, "learning_rate", to)

    def _later(self, day: Day) -> tuple[dict[str, Value] | None, str]:
        """Momentum or beta_1 a little up; where there is neither, the decay."""
        values = day.trial.hyperparameters
        for name in ("momentum", "beta_1"):
            held = values.get(name)
            if isinstance(held, float | int) and held < LONGEST_AVERAGE:
                to = min(1 - (1 - held) * AVERAGE, LONGEST_AVERAGE)
                return self._knobs.turn(values, name, to), name
        decay = values.get("learning_rate_decay")
        if isinstance(decay, float | int) and decay == 0 and day.end is not None:
            # The rate halves by now, and falls like 1 / epochs from here on.
            name = "learning_rate_decay"
            return self._knobs.turn(values, name, 1 / day.end.epoch), name
        return None, ""

    def _back(self, panda: Panda, bad: Day) -> Plan:
        """Back to an earlier good day, further back with every bad day in a row."""
        row = _bad_in_a_row(panda)
        way = _way_back(panda.days[-row], row) or panda.days[0].before
        values = (way or panda.days[0]).trial.hyperparameters
        factor = DROP if row == 1 else CAREFUL
        rate = bad.rate * factor
        # Never again at a rate that was tried from there.
        tried = [day.rate * DROP for day in panda.days if day.before is way]
        slow = min(rate, float(values["learning_rate"]), *tried)
        values = self._knobs.turn(values, "learning_rate", slow) or values
        whither = f"back to the end of day {way.number}" if way and way.number else "begun anew"
        return Plan(values, way, ROLLBACK, f"{bad.verdict}: {whither}, learning_rate down")


def _went_down(day: Day) -> bool:
    """Whether its learning rate was lower than that of the day it went on from."""
    return day.before is not None and day.before.number > 0 and day.rate < day.before.rate


def _is_stuck(day: Day) -> bool:
    """Whether its line took hardly anything off its loss for days, and does not even fit."""
    ends = [one.end for one in islice(chain([day], day.line()), STUCK + 1)]
    if len(ends) <= STUCK or ends[0] is None or ends[-1] is None:
        return False
    stands = ends[0].train_loss > (1 - MUCH) * ends[-1].train_loss
    return stands and ends[0].train_accuracy < FITS


def _in_a_row(panda: Panda, verdict: Verdict) -> int:
    """How many of a panda's last days ended with this verdict."""
    return sum(1 for _ in takewhile(lambda day: day.verdict is verdict, reversed(panda.days)))


def _bad_in_a_row(panda: Panda) -> int:
    """How many of a panda's last days were bad."""
    return sum(1 for _ in takewhile(_is_bad, reversed(panda.days)))


def _is_bad(day: Day) -> bool:
    return day.verdict is not None and day.verdict.is_bad


def _way_back(bad: Day, row: int) -> Day | None:
    """The best day before the first of `row` bad ones; of the second the best before that one ...

    None where that is the beginning.
    """
    left = [day for day in bad.line() if day.number and day.is_good]
    way = None
    for _ in range(row):
        if not left:
            return None
        way = min(left, key=lambda day: (day.cost, -day.number))
        left = left[left.index(way) + 1 :]
    return way
