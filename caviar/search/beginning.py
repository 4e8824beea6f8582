"""Beginning days: whose turn it is, who shares an assignment, and the trials that come of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from caviar.search.days import Panda
from caviar.search.keeping import Plan
from caviar.search.knobs import Knobs
from caviar.study.records import Signature, Trial, Value

HURRY: Final = 2
"""Days that a panda must be behind others for a slice to compile for it."""

SignatureOf = Callable[[Mapping[str, Value]], Signature]


@dataclass(frozen=True, slots=True)
class Ready:
    """A panda whose next day can begin.

    Attributes:
        panda: the panda.
        plan: how its day begins.
        signature: what it must be compiled for.
    """

    panda: Panda
    plan: Plan
    signature: Signature

    def trial(self, index: int, knobs: Knobs) -> Trial:
        """The day as a trial of this index."""
        plan, values = self.plan, dict(self.plan.hyperparameters)
        parent = (plan.before.trial.index, plan.epoch) if plan.before is not None else None
        point = knobs.point(values)
        return Trial(index, point, values, plan.origin, plan.why, self.panda.number, parent)


def next_in_turn(ready: Iterable[Ready], warm: Collection[Signature]) -> list[Ready]:
    """Those who begin together: of one signature, at the same epoch.

    It is the turn of who has lived the fewest days, where that takes no compiling; then of the
    most.

    Args:
        ready: in the order in which they are to be taken.
        warm: signatures whose compiled step the asking slice has ready.
    """
    groups: dict[tuple[Signature, int], list[Ready]] = {}
    for one in ready:
        groups.setdefault((one.signature, one.plan.epoch), []).append(one)
    return min(groups.values(), key=lambda group: _turn(group, warm), default=[])


def _turn(group: Sequence[Ready], warm: Collection[Signature]) -> tuple[int, int, int]:
    fewest = min(len(one.panda.days) for one in group)
    return (fewest if group[0].signature in warm else fewest + HURRY, fewest, -len(group))
