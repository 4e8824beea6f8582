"""Whom an assignment trained and with what, in lines: for who points at its bar."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from caviar.report.evidence import Evidence
from caviar.report.page.markup import clipped, value_text
from caviar.study.finals import SIZES, Finals
from caviar.study.records import Assignment, Value

MOST_TOLD: Final = 4
"""Lanes whose hyperparameters are told one by one; of more, their range."""
MOST_NAMED: Final = 12
"""Trials that are named; of more, the first and how many."""
MOST_VALUES: Final = 8
"""Hyperparameters that are told of."""


class Trained:
    """What can be told of a study's assignments."""

    def __init__(self, evidence: Evidence) -> None:
        """Takes what was searched, and the trials."""
        self._names = list(evidence.spec.space.domains)[:MOST_VALUES]
        self._trials = evidence.trials

    def searched(self, assignment: Assignment | None) -> str:
        """Of an assignment of the search; "" if it is not known."""
        if assignment is None or max(assignment.trials, default=-1) >= len(self._trials):
            return ""
        trials = assignment.trials
        values = [self._trials[trial].hyperparameters for trial in trials]
        plural = "s" * (len(trials) != 1)
        who = f"{_epochs(assignment)} of trial{plural} {_listed(list(map(str, trials)))}"
        if len(trials) > MOST_TOLD:
            return "\n".join([who, *self._ranges(values)])
        if len(trials) == 1:
            return "\n".join([who, *self._lines(values[0])])
        each = [f"{t}: {self._line(v)}" for t, v in zip(trials, values, strict=True)]
        return "\n".join([who, *each])

    def retrained(self, finals: Finals, assignment: Assignment | None) -> str:
        """Of an assignment of finals; "" if it is not known."""
        most = finals.seeds * len(finals.candidates)
        if assignment is None or max(assignment.trials, default=-1) >= most:
            return ""
        who = [_candidate(finals, trial) for trial in assignment.trials]
        told = f"{_epochs(assignment)} of {_listed(who)}"
        named = dict.fromkeys(finals.candidate(t).name for t in assignment.trials)
        if len(named) > 1:
            return told
        return "\n".join(
            [told, *self._lines(finals.candidate(assignment.trials[0]).hyperparameters)]
        )

    def _lines(self, values: Mapping[str, Value]) -> list[str]:
        return [f"{clipped(n, 40)}: {value_text(values[n])}" for n in self._names if n in values]

    def _line(self, values: Mapping[str, Value]) -> str:
        return ", ".join(self._lines(values))

    def _ranges(self, values: Sequence[Mapping[str, Value]]) -> Iterable[str]:
        for name in self._names:
            found = {each[name] for each in values if name in each}
            numbers = sorted(v for v in found if isinstance(v, int | float))
            if len(numbers) == len(found) > 1:
                ends = f"{value_text(numbers[0])} to {value_text(numbers[-1])}"
                yield f"{clipped(name, 40)}: {ends}"
            elif found:
                yield f"{clipped(name, 40)}: {_listed(sorted(map(value_text, found)))}"


def _epochs(assignment: Assignment) -> str:
    first, last = assignment.first_epoch + 1, assignment.last_epoch
    return f"epoch {last}" if first == last else f"epochs {first} to {last}"


def _candidate(finals: Finals, trial: int) -> str:
    one = finals.candidate(trial)
    if finals.kind == SIZES:
        return f"{clipped(one.name, 40)} on {100 * one.share:g} % of the data"
    return f"{clipped(one.name, 40)}, seed {trial % finals.seeds + 1}"


def _listed(names: Sequence[str]) -> str:
    if len(names) <= MOST_NAMED:
        return "; ".join(names) if any("," in name for name in names) else ", ".join(names)
    return f"{', '.join(names[: MOST_NAMED - 1])} and {len(names) - MOST_NAMED + 1} more"
