"""What of a checkpoint a prediction needs, read without TensorFlow.

The optimiser's slots are left out. Batch norm's averages are debiased here, as the compiled step
does it before it looks at the dev part.
"""

from __future__ import annotations

import io
import json
import math
import zipfile
from collections.abc import Mapping
from itertools import count, takewhile
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from caviar.errors import StudyError
from caviar.study.records import Value

FORMAT: Final = 1
"""Of the checkpoints that can be read; `caviar.train.checkpoint` writes them."""

EPSILON: Final = 1e-3
"""Batch norm's, where a trial does not say."""
MOMENTUM: Final = 0.99
"""Of batch norm's averages, likewise."""

_BROKEN = (ValueError, OSError, EOFError, KeyError, TypeError, RuntimeError, zipfile.BadZipFile)
"""What NumPy, zipfile and json raise on damaged bytes."""

Array = NDArray[Any]


class Layer(NamedTuple):
    """A layer's arrays, float32; `w` `[fan_in, units]`, the others `[units]`.

    Attributes:
        w: weights.
        b: added to the product; None beside batch norm.
        gamma: batch norm's scale; None without it, and so the three below.
        beta: its shift.
        mean: its debiased average of means.
        variance: its debiased average of variances.
    """

    w: Array
    b: Array | None = None
    gamma: Array | None = None
    beta: Array | None = None
    mean: Array | None = None
    variance: Array | None = None


class Weights(NamedTuple):
    """A checkpoint as far as it matters here.

    Attributes:
        header: whose it is: `trial`, `epoch`, `hyperparameters` and more.
        layers: the hidden layers, then the output layer.
        mean: of the inputs as they lie on disk, `[features]`; None in checkpoints of before it was
            kept there.
        std: their standard deviation, likewise.
    """

    header: dict[str, Any]
    layers: tuple[Layer, ...]
    mean: Array | None
    std: Array | None


def read_weights(data: bytes) -> Weights:
    """What a checkpoint's bytes hold.

    Raises:
        StudyError: they are no checkpoint of this format.
    """
    arrays = _read(data)
    header = _header(arrays)
    layers = tuple(_layers(arrays, header["hyperparameters"]))
    mean, std = (_vector(arrays.get(f"input.{name}")) for name in ("mean", "std"))
    features = len(layers[0].w) if mean is None else len(mean)
    sizes = [features, *(layer.w.shape[1] for layer in layers)]
    if [layer.w.shape[0] for layer in layers] != sizes[:-1]:
        raise StudyError("not a checkpoint: its layers do not fit together")
    return Weights(header, layers, mean, std)


def _read(data: bytes) -> dict[str, Array]:
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files if not name.startswith("slots.")}
    except _BROKEN as error:
        raise StudyError(f"not a checkpoint: {error}") from error


def _header(arrays: Mapping[str, Array]) -> dict[str, Any]:
    try:
        found = json.loads(arrays["header"].tobytes())
        known = found["format"], int(found["trial"]), int(found["epoch"])
        dict(found["hyperparameters"])
    except _BROKEN as error:
        raise StudyError(f"not a checkpoint: {error}") from error
    if known[0] != FORMAT:
        raise StudyError(f"checkpoint format must be {FORMAT}, got {known[0]}")
    return dict(found)


def _vector(array: Array | None) -> Array | None:
    return None if array is None else array.astype(np.float32)


def _layers(arrays: Mapping[str, Array], hyper: Mapping[str, Value]) -> list[Layer]:
    depth = len(list(takewhile(lambda place: f"params.{place}.w" in arrays, count())))
    if not depth:
        raise StudyError("not a checkpoint: it has no layers")
    try:
        return [_layer(arrays, place, hyper) for place in range(depth)]
    except _BROKEN as error:
        raise StudyError(f"not a checkpoint: {error}") from error


def _layer(arrays: Mapping[str, Array], place: int, hyper: Mapping[str, Value]) -> Layer:
    def own(name: str) -> Array:
        return arrays[f"params.{place}.{name}"][0].astype(np.float32)

    if f"params.{place}.gamma" not in arrays:
        return Layer(own("w"), own("b"))
    seen = _seen(float(arrays["step"][0]), float(hyper.get("batch_norm_momentum", MOMENTUM)))
    averages = (arrays[f"averages.{place}.{name}"][0] / seen for name in ("mean", "variance"))
    return Layer(own("w"), None, own("gamma"), own("beta"), *averages)


def _seen(step: float, momentum: float) -> np.float32:
    """The weight that batch norm's averages have seen, `1 - momentum ** step`.

    They were made by a float32 momentum; see `caviar.nn.batch_norm.debiased`.
    """
    of_new = float(np.float32(1.0) - np.float32(momentum))
    return np.float32(-math.expm1(max(step, 1.0) * math.log1p(-of_new)) if of_new < 1.0 else 1.0)
