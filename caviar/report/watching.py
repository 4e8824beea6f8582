"""What the layers' numbers tell, in plain sentences: vanishing, exploding, idle, how it ended.

The rules are coarse on purpose: they name what a look at the numbers would show, and nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby
from typing import Final

from caviar.study.records import Measurement, Watch

VANISHING: Final = 1000
"""The first layer's gradient norm is so many times below the output's where gradients vanish."""
SEVERAL: Final = 3
"""Epochs in a row after which that is no accident. A trial that has fewer must show more."""
EXPLODING: Final = 100
"""The whole gradient's norm grows over so many times where gradients explode."""
IDLE: Final = 0.5
"""Share of a layer's units above which it is worth a word."""

_SATURATING: Final = ("tanh", "sigmoid")
_Epochs = list[tuple[int, Watch]]


def findings(curve: Sequence[Measurement], activation: str = "relu") -> list[str]:
    """One sentence for each thing that a trial's epochs tell; [] if all is well.

    Args:
        curve: a trial's measurements, first epoch to last; those not watched tell less.
        activation: of its hidden layers; names what an idle unit is.
    """
    watched = [(found.epoch, found.watch) for found in curve if found.watch is not None]
    word = "saturated" if activation in _SATURATING else "dead"
    told = [_vanishing(watched), _exploding(watched), _idle(watched, word), _ending(curve)]
    return [sentence for sentence in told if sentence]


def _ending(curve: Sequence[Measurement]) -> str:
    """How the trial ended, if it did so by itself."""
    last = curve[-1] if curve else None
    if last is None or not (last.diverged or last.stopped):
        return ""
    why = f": {last.reason}" if last.reason else ""
    return f"{'diverged' if last.diverged else 'stopped'} in epoch {last.epoch}{why}"


def _vanishing(watched: _Epochs) -> str:
    """The longest stretch of epochs in which the first layer hardly learned."""
    stretches = [
        list(group) for small, group in groupby(watched, key=lambda at: _is_small(at[1])) if small
    ]
    longest = max(stretches, key=len, default=[])
    least = min((_ratio(watch) for _, watch in longest), default=0.0)
    no_accident = len(longest) >= SEVERAL
    if not no_accident and not (len(longest) == len(watched) and least > VANISHING**2):
        return ""
    below = "nothing beside" if math.isinf(least) else f"about {_times(least)} times or more below"
    return (
        f"vanishing gradients: in {_epochs(longest)} the first layer's "
        f"gradient norm was {below} the output layer's"
    )


def _epochs(stretch: _Epochs) -> str:
    first, last = stretch[0][0], stretch[-1][0]
    return f"epoch {first}" if first == last else f"epochs {first} to {last}"


def _is_small(watch: Watch) -> bool:
    return len(watch.gradient_norm) > 1 and _ratio(watch) > VANISHING


def _ratio(watch: Watch) -> float:
    """The output's gradient norm over the first layer's; NaN where there is none to speak of."""
    first, last = watch.gradient_norm[0], watch.gradient_norm[-1]
    if math.isinf(last) or not last:
        return math.nan
    return last / first if first else math.inf


def _exploding(watched: _Epochs) -> str:
    """The gradient's growth since it was first seen."""
    norms = [(epoch, math.hypot(*watch.gradient_norm)) for epoch, watch in watched]
    seen = [(epoch, norm) for epoch, norm in norms if norm > 0]  # not NaN
    if not seen or math.isinf(seen[0][1]):
        return ""
    (first, small), (peak, large) = seen[0], max(seen, key=lambda at: at[1])
    if large <= EXPLODING * small:
        return ""
    growth = "beyond all numbers" if math.isinf(large) else f"{_times(large / small)}-fold"
    return (
        f"exploding gradients: their norm grew {growth}, from {small:.2g} in epoch {first} to "
        f"{large:.2g} in epoch {peak}"
    )


def _times(factor: float) -> str:
    return f"{float(f'{factor:.2g}'):,.0f}" if factor < 1e6 else f"{factor:.0e}"


def _idle(watched: _Epochs, word: str) -> str:
    """The layers most of whose units were idle in the last epoch."""
    if not watched:
        return ""
    epoch, watch = watched[-1]
    shares = {layer: share for layer, share in enumerate(watch.idle, 1) if share > IDLE}
    if not shares:
        return ""
    most = f"{100 * max(shares.values()):.0f} %"
    how_many = most if len(shares) == 1 else f"over half, up to {most},"
    return f"{word} units: {how_many} of those of {_layers(list(shares))} in epoch {epoch}"


def _layers(numbers: Sequence[int]) -> str:
    """Layers in words, as `layers 2 to 5 and 9`."""
    stretches: list[list[int]] = []
    for number in numbers:
        if stretches and stretches[-1][-1] == number - 1:
            stretches[-1].append(number)
        else:
            stretches.append([number])
    told = [
        f"{stretch[0]} to {stretch[-1]}" if len(stretch) > 1 else str(stretch[0])
        for stretch in stretches
    ]
    listed = " and ".join(filter(None, (", ".join(told[:-1]), told[-1])))
    return f"layer{'s' * (len(numbers) > 1)} {listed}"
