"""What mattered, in plain words; only what holds when trials are resampled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from caviar.report.weights import Interaction, RungImportance, Weight
from caviar.study.wording import one_line

EXPECTED: Final = ("first", "second", "third", "last, if at all")
"""When the lectures would have a person tune a tier."""


def lines_of(rung: RungImportance | None) -> tuple[str, ...]:
    """What mattered at one rung, in sentences."""
    if rung is None:
        return ("nothing can be told: no trials were compared at a rung",)
    if rung.why_not:
        return (f"nothing can be told at epoch {rung.epoch}: {rung.why_not}",)
    clear = [weight for weight in rung.weights if weight.clear]
    if not clear and rung.fit is not None and rung.fit <= 0:
        found = f"nothing that is searched predicts how {rung.trials} trials did"
        return (f"at epoch {rung.epoch} {found}: more trials, or wider bounds, may tell",)
    lines = [_weight(weight, rung.epoch) for weight in clear]
    lines += [_interaction(pair) for pair in rung.interactions if pair.clear]
    return tuple(map(one_line, [*lines, *_rest(rung.weights)]))


def percent(share: float) -> str:
    """A share as `77 %`; tenths below 10 %."""
    return f"{100 * share:.0f} %" if share >= 0.095 else f"{100 * share:.1f} %"


def _weight(weight: Weight, epoch: int) -> str:
    """One that matters, and what the lectures say of it."""
    assert weight.share is not None
    assert weight.low is not None
    assert weight.high is not None
    spread = f"({percent(weight.low)} to {percent(weight.high)})"
    decided = f"{weight.name} decides {percent(weight.share)} of the differences at epoch {epoch}"
    return f"{decided} {spread}{_place(weight)}; the lectures tune it {EXPECTED[weight.tier - 1]}"


def _place(weight: Weight) -> str:
    if weight.rank is None:
        return ""
    first, last = weight.rank
    return f", place {first}" if first == last else f", place {first} to {last}"


def _interaction(pair: Interaction) -> str:
    one, other = pair.names
    return f"{one} and {other} decide {percent(pair.share)} more together: tune them together"


def _rest(weights: Sequence[Weight]) -> list[str]:
    """Those that nothing can be said of, and those whose share is not told from chance."""
    chance = [w for w in weights if w.share is not None and not w.clear]
    few = [w for w in weights if w.share is None]
    lines = []
    if chance:
        odd = "; the lectures begin with {}, so its bounds may be narrow"
        begin = "".join(odd.format(weight.name) for weight in chance if weight.tier == 1)
        names = ", ".join(weight.name for weight in chance)
        lines.append(f"not told from chance: {names}{begin}")
    if few:
        lines.append(f"too few trials, or no difference: {', '.join(w.name for w in few)}")
    return lines
