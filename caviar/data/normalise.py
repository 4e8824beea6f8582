"""Standardising features by the training part's own mean and variance."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

_CHUNK = 8192
"""Rows converted at a time, so that float64 copies stay small beside the data."""


def moments(x: NDArray[Any]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean and standard deviation `[features]` over all rows, in the units of `x`.

    A constant feature gets the standard deviation 1, or the whole range (255) for bytes, so that a
    pixel which never varied in training cannot blow up on dev.

    Args:
        x: the training part's `[n, features]`, uint8 or float32.
    """
    # The first row as origin keeps the variance exact for features far away from zero.
    origin = x[0].astype(np.float64)
    total = np.zeros(x.shape[1])
    squares = np.zeros(x.shape[1])
    for chunk in _chunks(x):
        shifted = chunk - origin
        total += shifted.sum(axis=0)
        squares += np.einsum("nf,nf->f", shifted, shifted)
    mean = total / len(x)
    variance = np.maximum(squares / len(x) - mean**2, 0.0)
    # Rounding alone may leave a constant feature with a variance of about eps times its squares.
    constant = variance <= 1e-12 * squares / len(x)
    spread = np.where(constant, 255.0 if x.dtype == np.uint8 else 1.0, np.sqrt(variance))
    return (mean + origin).astype(np.float32), spread.astype(np.float32)


def standardise(
    x: NDArray[Any], mean: NDArray[np.float32], std: NDArray[np.float32]
) -> NDArray[np.float32]:
    """`(x - mean) / std`, float32 `[n, features]`; the compiled step does the same."""
    out = np.empty(x.shape, np.float32)
    for start in range(0, len(x), _CHUNK):
        piece = out[start : start + _CHUNK]
        np.subtract(x[start : start + _CHUNK], mean, out=piece)
        np.divide(piece, std, out=piece)
    return out


def _chunks(x: NDArray[Any]) -> Iterator[NDArray[np.float64]]:
    for start in range(0, len(x), _CHUNK):
        yield x[start : start + _CHUNK].astype(np.float64)
