"""Ten lines, bent out of shape: a small problem on which an MLP is twice as good as linear models.

A generator of our own after the recipe of Greydanus and Kobak, "Scaling Down Deep Learning with
MNIST-1D" (ICML 2024, arXiv:2011.14439): templates of twelve points are padded, scaled, moved, put
among correlated noise, sheared and sampled at forty points. The templates are our own drawings.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

POINTS = 40
"""Numbers in one signal."""

TEMPLATES = np.array(
    [
        [5, 6.2, 6.8, 7, 7, 7, 7, 7, 7, 6.8, 6.2, 5],  # 0: a plateau
        [5, 4.4, 3.8, 3.3, 3.3, 3.9, 4.5, 5.1, 5.7, 6.2, 5.4, 5],  # 1: down, then a ramp up
        [5, 3.6, 4.4, 5.4, 6.4, 7, 7, 6.4, 5.4, 4.4, 3.6, 5],  # 2: a hill between two holes
        [5, 6.4, 7, 6.4, 5.4, 4.8, 5.4, 6.4, 7, 6.4, 5.6, 5],  # 3: two bumps
        [5, 4, 3.2, 3.2, 4, 5.2, 6.2, 6.8, 6.8, 6.8, 6.0, 5],  # 4: a dip, then a plateau
        [5, 6.4, 6.8, 6.8, 6.2, 5.2, 4.2, 3.4, 3.2, 3.2, 3.8, 5],  # 5: a plateau, then a dip
        [5, 4.6, 4.2, 3.8, 3.4, 3, 3, 3.4, 3.8, 4.2, 4.6, 5],  # 6: a valley
        [5, 5.4, 5.8, 6.2, 6.6, 7, 7.4, 5.4, 4.2, 3.8, 4.2, 5],  # 7: a slow climb, a fall
        [5, 3.6, 3, 3.6, 4.8, 5.4, 4.8, 3.6, 3, 3.6, 4.6, 5],  # 8: two dips
        [5, 6.6, 6.6, 5.0, 3.4, 3.4, 5.0, 6.6, 6.6, 5.4, 4.6, 5],  # 9: a bump, a dip, a bump
    ]
)
"""Heights of the ten shapes, `[class, 12]`; 5 is the ground line."""

_HEIGHT = 0.19
"""Standard deviation within a template; chosen so that the published accuracies come out."""

_PADDING = (36, 60)
"""Points of nothing added to a template, least and most; the more, the narrower its shape."""

_SCALE = 0.4
"""Heights differ by this share, from the lowest to the highest."""

_MOVE = 48
"""Points by which a shape is moved to the right, at most."""

_NOISE, _SMOOTH = 0.25, 2.0
"""Standard deviation of the noise around a shape, and of the Gaussian that smooths it."""

_GRAIN = 0.02
"""Standard deviation of the white noise everywhere."""

_SHEAR = 0.75
"""Difference between the ends that a tilt makes, from the most down to the most up."""


def make_signals(
    examples: int, rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Signals of random classes, every class equally often.

    Args:
        examples: how many.
        rng: where all that is random comes from.

    Returns:
        Signals float32 `[examples, 40]` and class numbers int32 `[examples]`.
    """
    labels = rng.permutation(np.arange(examples) % len(TEMPLATES)).astype(np.int32)
    above = TEMPLATES - TEMPLATES[:, :1]
    templates = above * (_HEIGHT / above.std(axis=1, keepdims=True))
    signals = [_signal(templates[label], rng) for label in labels]
    return np.array(signals, np.float32).reshape(examples, POINTS), labels


def _signal(template: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """One template, bent out of shape: `[40]`."""
    longest = len(template) + _PADDING[1]
    signal, shape = _padded(template, longest, int(rng.integers(_PADDING[0], _PADDING[1] + 1)))
    signal *= 1.0 + _SCALE * rng.uniform(-0.5, 0.5)
    move = int(rng.integers(0, _MOVE))
    signal, shape = np.roll(signal, move), np.roll(shape, move)
    around = gaussian_filter1d(rng.normal(0.0, _NOISE, longest), _SMOOTH)
    signal = np.where(shape, signal, around) + rng.normal(0.0, _GRAIN, longest)
    signal += _SHEAR * rng.uniform(-0.5, 0.5) * np.linspace(-0.5, 0.5, longest)
    return _resampled(signal, POINTS)


def _padded(
    template: NDArray[np.float64], longest: int, padding: int
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """A template followed by nothing, and where it is; both stretched to `longest` points."""
    padded = np.concatenate([template, np.zeros(padding)])
    share = len(template) / len(padded)
    return _resampled(padded, longest), np.linspace(0.0, 1.0, longest) < share


def _resampled(signal: NDArray[np.float64], points: int) -> NDArray[np.float64]:
    """The same line through another number of points."""
    old, new = np.linspace(0.0, 1.0, len(signal)), np.linspace(0.0, 1.0, points)
    return np.interp(new, old, signal)
