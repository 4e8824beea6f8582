"""Whether gradients are right: two-sided differences of the cost against those of the tape.

As taught: for some entries of every parameter, g_num = (J(w + h) - J(w - h)) / 2h in float64, and
the relative difference |g - g_num| / (|g| + |g_num|) of the two vectors: below 1e-7 great, around
1e-5 worth a look, from 1e-3 on most likely a mistake.

Two things are no fault of the gradient's and are kept out of the verdict. An entry whose step takes
the cost across a kink (a ReLU switches, a weight changes sign under L1) has no derivative there: it
is left out and counted. And the cost is rounded, so that a difference is good to about 1e-11, which
is much beside a small gradient: an array that is not right is looked at again with a hundred times
the step, extrapolated to none (Richardson), and what then differs by no more than rounding counts
as equal. A wrong gradient is wrong at both looks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

Params = list[dict[str, tf.Tensor]]
"""Each layer's parameters by name, of one network: no stack axis."""
Cost = Callable[[Params], tf.Tensor]
"""From parameters to the cost, `[]`; it must draw nothing at random, or always the same."""

_Array = NDArray[np.float64]
_ROUNDING = 16 * float(np.finfo(np.float64).eps)
"""How much of a cost is rounding, at most: what a few sums and products leave."""
_SECOND_LOOK = 100.0
"""How many times the step is taken at the second look."""


class Verdict(StrEnum):
    """What a relative difference says."""

    RIGHT = "right"
    LOOK = "look again"
    SUSPECT = "suspect"
    WRONG = "wrong"


def verdict(relative: float) -> Verdict:
    """Right below 1e-7, a look below 1e-5, suspect below 1e-3, else wrong (NaN too)."""
    bounds = ((1e-7, Verdict.RIGHT), (1e-5, Verdict.LOOK), (1e-3, Verdict.SUSPECT))
    return next((found for bound, found in bounds if relative < bound), Verdict.WRONG)


@dataclass(frozen=True, slots=True)
class ArrayCheck:
    """What was found of one parameter array.

    Attributes:
        layer: its layer, from 0, the output layer last.
        name: of the array, as `w`.
        relative: the relative difference over the entries checked; 0 where it is all rounding.
        checked: how many entries that were.
        kinks: how many were left out because a step took the cost across a kink.
        gradient: Euclidean norm of the given gradient over the entries checked.
    """

    layer: int
    name: str
    relative: float
    checked: int
    kinks: int
    gradient: float

    @property
    def verdict(self) -> Verdict:
        """What `relative` says."""
        return verdict(self.relative)


@dataclass(frozen=True, slots=True)
class Check:
    """What was found of all parameters.

    Attributes:
        arrays: one check each.
        relative: the relative difference over all entries checked, as one vector.
    """

    arrays: tuple[ArrayCheck, ...]
    relative: float

    @property
    def verdict(self) -> Verdict:
        """The worst of the arrays' and the overall: a small array must not hide behind a large."""
        worst = np.max([self.relative, *(array.relative for array in self.arrays)])  # or NaN
        return verdict(float(worst))

    @property
    def passed(self) -> bool:
        """Whether everything checked is right, and something was."""
        return self.verdict is Verdict.RIGHT and any(array.checked for array in self.arrays)


@dataclass(frozen=True, slots=True)
class _Look:
    """Gradients of the entries of one array that could be checked, given and numerical.

    `noise` is how far rounding may take the numerical ones, in Euclidean norm.
    """

    given: _Array
    numerical: _Array
    kinks: int
    noise: float

    @property
    def relative(self) -> float:
        """|g - g_num| / (|g| + |g_num|), rounding included."""
        size = np.linalg.norm(self.given) + np.linalg.norm(self.numerical)
        return float(np.linalg.norm(self.given - self.numerical) / size) if size != 0.0 else 0.0

    @property
    def fair(self) -> float:
        """The same, but 0 where all that is not right may be rounding."""
        rounding = float(np.linalg.norm(self.given - self.numerical)) <= self.noise
        right = verdict(self.relative) is Verdict.RIGHT
        return 0.0 if rounding and not right else self.relative


def gradient_check(
    cost: Cost,
    params: Params,
    gradients: Params | None,
    rng: np.random.Generator,
    per_array: int = 64,
    step: float = 1e-5,
    pattern: Callable[[Params], tf.Tensor] | None = None,
) -> Check:
    """Compares gradients with two-sided differences of the cost.

    Args:
        cost: of the parameters, in float64.
        params: where to check; float64.
        gradients: to be checked; None for those of the tape.
        rng: draws the entries that are checked.
        per_array: how many entries of each array, at most.
        step: h, added to and taken from one entry at a time.
        pattern: from parameters to the signs on which the cost's formula depends (of every ReLU's
            input; of the weights, under L1), of any shape; None if it has no kinks.

    Raises:
        ValueError: parameters that are not float64.
    """
    if any(t.dtype != tf.float64 for t in tf.nest.flatten(params)):
        raise ValueError("gradients are checked in float64: differences need its digits")
    if gradients is None:
        gradients = _of_the_tape(cost, params)
    probe = _Probe(cost, params, pattern)
    arrays, looks = [], []
    for layer, tensors in enumerate(params):
        for name, tensor in tensors.items():
            size = int(tf.size(tensor))
            entries = np.sort(rng.choice(size, min(per_array, size), replace=False))
            given = np.ravel(gradients[layer][name])[entries]
            look = _best_look(probe, (layer, name), entries, given, step)
            looks.append(look)
            norm = float(np.linalg.norm(look.given))
            found = (look.fair, len(look.given), look.kinks, norm)
            arrays.append(ArrayCheck(layer, name, *found))
    return Check(tuple(arrays), _together(looks).fair)


def _of_the_tape(cost: Cost, params: Params) -> Params:
    with tf.GradientTape() as tape:
        tape.watch(params)
        value = cost(params)
    found: Params = tape.gradient(value, params, unconnected_gradients="zero")
    return found


class _Probe:
    """The cost and its pattern with one entry of one array moved."""

    def __init__(self, cost: Cost, params: Params, pattern: Callable[[Params], tf.Tensor] | None):
        self._params = params
        self._arrays = [{name: t.numpy() for name, t in layer.items()} for layer in params]

        def both(params: Params) -> tuple[tf.Tensor, tf.Tensor]:
            signs = tf.zeros(()) if pattern is None else pattern(params)
            return cost(params), signs

        self._both = tf.function(both, autograph=False)
        self.noise = _ROUNDING * max(abs(float(cost(params))), 1.0)

    def __call__(
        self, where: tuple[int, str], entry: int, move: float
    ) -> tuple[float, NDArray[np.generic]]:
        """The cost and the pattern with `move` added to entry `entry` of the array at `where`."""
        layer, name = where
        moved = self._arrays[layer][name].copy()
        moved.ravel()[entry] += move
        params = [dict(tensors) for tensors in self._params]
        params[layer][name] = tf.constant(moved)
        value, signs = self._both(params)
        return float(value), signs.numpy()

    def difference(self, where: tuple[int, str], entry: int, step: float) -> tuple[float, bool]:
        """(J(w + h) - J(w - h)) / 2h, and whether a kink lies between."""
        above, signs_above = self(where, entry, step)
        below, signs_below = self(where, entry, -step)
        return (above - below) / (2.0 * step), not np.array_equal(signs_above, signs_below)


def _best_look(
    probe: _Probe, where: tuple[int, str], entries: NDArray[np.int64], given: _Array, step: float
) -> _Look:
    """One look, or the better of two where the first does not say "right"."""
    first = _look(probe, where, entries, given, (step,))
    if verdict(first.relative) is Verdict.RIGHT:
        return first
    wide = _SECOND_LOOK * step
    second = _look(probe, where, entries, given, (wide, 2.0 * wide))
    better = len(second.given) > 0 and second.relative < first.relative
    return second if better else first


def _look(
    probe: _Probe,
    where: tuple[int, str],
    entries: NDArray[np.int64],
    given: _Array,
    steps: Sequence[float],
) -> _Look:
    """The differences of an array's entries with one step, or extrapolated from h and 2h."""
    numerical, smooth = np.zeros(len(entries)), np.ones(len(entries), bool)
    for i, entry in enumerate(entries):
        found = [probe.difference(where, int(entry), step) for step in steps]
        slopes = [slope for slope, _ in found]
        numerical[i] = slopes[0] if len(steps) == 1 else (4.0 * slopes[0] - slopes[1]) / 3.0
        smooth[i] = not any(kink for _, kink in found)
    noise = probe.noise / steps[0] * np.sqrt(smooth.sum())
    return _Look(given[smooth], numerical[smooth], int((~smooth).sum()), float(noise))


def _together(looks: Sequence[_Look]) -> _Look:
    """All arrays as one vector."""
    given = np.concatenate([look.given for look in looks])
    numerical = np.concatenate([look.numerical for look in looks])
    noise = float(np.linalg.norm([look.noise for look in looks]))
    return _Look(given, numerical, sum(look.kinks for look in looks), noise)
