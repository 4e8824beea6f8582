"""The shapes of learning curves, named: overfitting, still improving, unstable and so on.

Pure functions of arrays. Losses are compared as `caviar.report.levels`; what is smaller than a
curve's own jitter is never named.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from caviar.report.levels import (
    LEAST,
    SEVERAL,
    Floats,
    falls,
    jitter,
    levels,
    smoothed,
    smoothed_losses,
    tolerance,
)
from caviar.study.records import Measurement

RISE: Final = 0.1
"""Relative rise of dev loss above its least from which it has turned up."""
FLAT: Final = 0.05
"""Relative range of dev loss within which it has levelled off."""
JUMP: Final = math.log(1.5)
"""Rise of train loss within an epoch that is a spike."""
UNSTEADY: Final = 0.1
"""Relative jitter of dev loss from which single epochs tell little."""


class Shape(StrEnum):
    """What a curve can be; several may hold."""

    EXPLODED = "exploded"
    UNSTABLE = "unstable"
    OVERFITTING = "overfitting"
    STEP_VARIANCE = "step variance"
    IMPROVING = "still improving"
    PLATEAUED = "plateaued"


@dataclass(frozen=True)
class Named:
    """One thing that a curve shows.

    Attributes:
        shape: its name.
        epoch: where it begins; of step variance and still improving the last one.
        line: the same in a sentence.
    """

    shape: Shape
    epoch: int
    line: str


def shapes_of(curve: Sequence[Measurement]) -> tuple[Named, ...]:
    """What a trial's measurements show, by epoch; () if there is nothing to say."""
    diverged = next((m.epoch for m in curve if m.diverged), None)
    kept = [m for m in curve if not m.diverged]
    losses = [[m.train_loss for m in kept], [m.dev_loss for m in kept]]
    return shapes([m.epoch for m in kept], *losses, diverged=diverged)


def shapes(
    epochs: Sequence[int],
    train_loss: ArrayLike,
    dev_loss: ArrayLike,
    *,
    diverged: int | None = None,
) -> tuple[Named, ...]:
    """What a pair of curves shows; () if there is nothing to say, or too few epochs.

    Args:
        epochs: `[n]`, rising.
        train_loss: `[n]` in nats; from the first one that is not finite on nothing counts.
        dev_loss: `[n]` likewise.
        diverged: an epoch after these in which it diverged.
    """
    train, dev = (np.asarray(loss, dtype=np.float64).reshape(-1) for loss in (train_loss, dev_loss))
    sound = np.isfinite(train) & np.isfinite(dev)
    end = len(sound) if sound.all() else int(np.argmin(sound))
    exploded = diverged if end == len(sound) else epochs[end]
    epochs, train, dev = epochs[:end], train[:end], dev[:end]
    turned = onset(train, dev)
    found = [
        None if exploded is None else _exploded(exploded),
        _unstable(epochs, train),
        None if turned is None else _overfitting(epochs, train, dev, turned),
        _step_variance(epochs, dev),
        _at_the_end(epochs, dev) if turned is None else None,
    ]
    return tuple(named for named in found if named is not None)


def onset(train_loss: ArrayLike, dev_loss: ArrayLike) -> int | None:
    """Where dev loss turned up for good while train loss did not rise; None if it did not.

    Args:
        train_loss: `[n]`, finite.
        dev_loss: `[n]`, finite.

    Returns:
        The place, from 0, of the last low before dev loss left its least level and stayed above.
    """
    train, dev = levels(train_loss), levels(dev_loss)
    if len(dev) <= SEVERAL or falls(dev):
        return None
    smooth, least = smoothed(dev), tolerance(dev)
    turned = int(np.flatnonzero(smooth <= smooth.min() + least)[-1])
    while turned and smooth[turned - 1] <= smooth[turned]:
        turned -= 1
    late = float(np.mean(dev[-max(SEVERAL, len(dev) // 8) :]))
    risen = late - smooth.min() > max(math.log1p(RISE), 3 * least)
    stays = np.count_nonzero(dev[turned + 1 :] > smooth.min() + least) >= SEVERAL
    fitted = smoothed(train)[-1] - smoothed(train)[turned] <= tolerance(train)
    return turned if risen and stays and fitted else None


def still_falling(losses: ArrayLike) -> bool:
    """Whether a loss still fell over the last quarter of its epochs, by more than its jitter.

    Args:
        losses: `[n]`; only what comes before the first that is not finite counts.
    """
    found = np.asarray(losses, dtype=np.float64).reshape(-1)
    sound = np.isfinite(found)
    return falls(levels(found if sound.all() else found[: int(np.argmin(sound))]))


def _exploded(epoch: int) -> Named:
    return Named(Shape.EXPLODED, epoch, f"exploded: training broke down in epoch {epoch}")


def _unstable(epochs: Sequence[int], train: Floats) -> Named | None:
    """Spikes of train loss, or a rise: steps that are too long."""
    level = levels(train)
    if len(level) < 2:
        return None
    limit = max(JUMP, 6 * jitter(level))
    spikes = np.flatnonzero(np.diff(level) > limit) + 1
    if len(spikes):
        at = int(spikes[0])
        times = "" if len(spikes) == 1 else f", the first of {len(spikes)} such jumps"
        how = f"jumped from {train[at - 1]:.3g} to {train[at]:.3g} in epoch {epochs[at]}{times}"
        return Named(Shape.UNSTABLE, epochs[at], f"unstable: train loss {how}")
    smooth, plain = smoothed(level), smoothed_losses(train)
    least = int(np.argmin(smooth))
    if smooth[-1] - smooth[least] <= max(math.log1p(RISE), 2 * tolerance(level)):
        return None
    how = f"rose from {plain[least]:.3g} in epoch {epochs[least]} to {plain[-1]:.3g} at the end"
    return Named(Shape.UNSTABLE, epochs[least], f"unstable: train loss {how}")


def _overfitting(epochs: Sequence[int], train: Floats, dev: Floats, turned: int) -> Named:
    fell = levels(train)[turned] - levels(train)[-1] > LEAST
    meanwhile = "went on falling" if fell else "stayed as low"
    plain = smoothed_losses(dev)
    line = (
        f"overfitting from epoch {epochs[turned]} on: dev loss turned up for good, from "
        f"{plain[turned]:.3g} to {plain[-1]:.3g}, while train loss {meanwhile}"
    )
    return Named(Shape.OVERFITTING, epochs[turned], line)


def _step_variance(epochs: Sequence[int], dev: Floats) -> Named | None:
    level = levels(dev)
    later = level[len(level) // 2 :]
    spread = jitter(later if len(later) >= 5 else level)
    if spread <= UNSTEADY:
        return None
    line = (
        f"step variance: dev loss swings by about {100 * math.expm1(spread):.0f} % from epoch to "
        "epoch, so that a single epoch tells little"
    )
    return Named(Shape.STEP_VARIANCE, epochs[-1], line)


def _at_the_end(epochs: Sequence[int], dev: Floats) -> Named | None:
    """Still improving, or levelled off."""
    if not len(dev):
        return None
    return _improving(epochs, dev) if falls(levels(dev)) else _plateaued(epochs, dev)


def _improving(epochs: Sequence[int], dev: Floats) -> Named | None:
    level = levels(dev)
    smooth, plain = smoothed(level), smoothed_losses(dev)
    if smooth[-1] > smooth.min() + tolerance(level):
        return None  # it comes back from worse, and has been better
    stretch = max(1, len(level) // 4)
    before, after = plain[-1 - stretch], plain[-1]
    span = f"the last {stretch} epochs" if stretch > 1 else "the last epoch"
    line = f"still improving: dev loss fell over {span}, from {before:.3g} to {after:.3g}"
    return Named(Shape.IMPROVING, epochs[-1], line)


def _plateaued(epochs: Sequence[int], dev: Floats) -> Named | None:
    level = levels(dev)
    if len(level) < 2 * SEVERAL:
        return None
    smooth, plain = smoothed(level), smoothed_losses(dev)
    rest = float(np.median(level[-max(SEVERAL, len(level) // 4) :]))
    apart = np.flatnonzero(np.abs(smooth - rest) > max(FLAT, 1.5 * tolerance(level)))
    since = int(apart[-1]) + 1 if len(apart) else 0
    if len(level) - since <= max(SEVERAL, len(level) // 4):
        return None
    line = f"plateaued: dev loss has stayed near {plain[-1]:.3g} since epoch {epochs[since]}"
    return Named(Shape.PLATEAUED, epochs[since], line)
