"""Standardising features by the training part's own mean and variance."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

_CHUNK = 8192
"""Rows converted at a time, so that float64 copies stay small beside the data."""


def moments(
    x: NDArray[Any], rows: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean and standard deviation `[features]` over some rows, in the units of `x`.

    A constant feature gets the standard deviation 1, or the whole range (255) for bytes, so that a
    pixel which never varied in training cannot blow up on dev.

    Args:
        x: `[n, features]`, uint8 or float32.
        rows: the training part's.
    """
    # The first row as origin keeps the variance exact for features far away from zero.
    origin = x[rows[0]].astype(np.float64)
    total = np.zeros(x.shape[1])
    squares = np.zeros(x.shape[1])
    for chunk in _chunks(x, rows):
        shifted = chunk - origin
        total += shifted.sum(axis=0)
        squares += np.einsum("nf,nf->f", shifted, shifted)
    mean = total / len(rows)
    variance = np.maximum(squares / len(rows) - mean**2, 0.0)
    # Rounding alone may leave a constant feature with a variance of about eps times its squares.
    constant = variance <= 1e-12 * squares / len(rows)
    spread = np.where(constant, 255.0 if x.dtype == np.uint8 else 1.0, np.sqrt(variance))
    return (mean + origin).astype(np.float32), spread.astype(np.float32)


def standardise(
    x: NDArray[Any],
    rows: NDArray[np.int64],
    mean: NDArray[np.float32],
    std: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Rows of `x` as `(x - mean) / std`, float32 `[len(rows), features]`."""
    out = np.empty((len(rows), x.shape[1]), np.float32)
    for start in range(0, len(rows), _CHUNK):
        piece = out[start : start + _CHUNK]
        np.subtract(x[rows[start : start + _CHUNK]], mean, out=piece)
        np.divide(piece, std, out=piece)
    return out


def _chunks(x: NDArray[Any], rows: NDArray[np.int64]) -> Iterator[NDArray[np.float64]]:
    for start in range(0, len(rows), _CHUNK):
        yield x[rows[start : start + _CHUNK]].astype(np.float64)
