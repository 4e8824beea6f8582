"""A trained network out of its checkpoint: caviar's own prediction, without TensorFlow.

It is what the winner is evaluated by, what every exported model is held against, and what `caviar
predict` runs. It does what the compiled step does on the dev part: inputs standardised, hidden
layers normalised by batch norm's debiased averages, softmax. A network that was trained with
products rounded to bfloat16 is computed in float32 like any other; its weights are float32.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import DTypeLike, NDArray
from scipy import special

from caviar.errors import StudyError
from caviar.study.records import Value
from caviar.winner.weights import EPSILON, Layer, read_weights

LEAK: Final = 0.01
"""Slope of leaky_relu below zero."""

_ROWS: Final = 4096
"""Examples computed at a time, so that activations stay small."""
Array = NDArray[Any]


def _gelu(z: Array) -> Array:
    half, root = z.dtype.type(0.5), z.dtype.type(0.5**0.5)
    found: Array = half * z * special.erfc(-z * root)
    return found


ACTIVATIONS: Final[Mapping[str, Callable[[Array], Array]]] = MappingProxyType(
    {
        "relu": lambda z: np.maximum(z, 0),
        "leaky_relu": lambda z: np.where(z > 0, z, z * z.dtype.type(LEAK)),
        "tanh": np.tanh,
        "sigmoid": special.expit,
        "gelu": _gelu,
    }
)
"""Each of the same dtype as what it is given."""


@dataclass(frozen=True, eq=False)
class Network:
    """A trained network.

    Attributes:
        layers: the hidden layers, then the output layer.
        activation: of the hidden layers, a key of `ACTIVATIONS`.
        epsilon: under batch norm's root.
        mean: of the inputs as they lie on disk, `[features]`.
        scale: 1 over their standard deviation, `[features]`.
        feature_shape: of one example as it lies on disk.
        trial: whose checkpoint it was.
        epoch: how long it was trained.
        hyperparameters: in a person's units.
        checkpoint: the bytes that it was read from.
    """

    layers: tuple[Layer, ...] = field(repr=False)
    activation: str
    epsilon: float
    mean: Array = field(repr=False)
    scale: Array = field(repr=False)
    feature_shape: tuple[int, ...]
    trial: int = 0
    epoch: int = 0
    hyperparameters: Mapping[str, Value] = field(default_factory=dict)
    checkpoint: bytes = field(default=b"", repr=False)

    @property
    def features(self) -> int:
        """Numbers in one flattened example."""
        return len(self.mean)

    @property
    def classes(self) -> int:
        """How many probabilities an example gets."""
        return int(self.layers[-1].w.shape[1])

    @classmethod
    def from_checkpoint(
        cls,
        data: bytes,
        feature_shape: tuple[int, ...] | None = None,
        normalisation: tuple[Array, Array] | None = None,
    ) -> Network:
        """The network whose checkpoint it is.

        Args:
            data: the file's bytes.
            feature_shape: of one example as it lies on disk; a flat one by default.
            normalisation: the data set's mean and standard deviation `[features]`, for checkpoints
                of before these were kept in them.

        Raises:
            StudyError: the bytes are no checkpoint, or one of other features.
        """
        weights = read_weights(data)
        hyper = dict(weights.header["hyperparameters"])
        mean, std = normalisation or (weights.mean, weights.std)
        if mean is None or std is None:
            raise StudyError("checkpoint: must hold how inputs are normalised, got an older one")
        shape = feature_shape or (len(mean),)
        if not math.prod(shape) == len(mean) == len(weights.layers[0].w):
            raise StudyError(f"checkpoint: has {len(mean)} features, and an example {shape}")
        return cls(
            layers=weights.layers,
            activation=_activation(hyper),
            epsilon=float(np.float32(hyper.get("batch_norm_epsilon", EPSILON))),
            mean=mean.astype(np.float32),
            scale=(1.0 / std.astype(np.float64)).astype(np.float32),
            feature_shape=shape,
            trial=int(weights.header["trial"]),
            epoch=int(weights.header["epoch"]),
            hyperparameters=hyper,
            checkpoint=data,
        )

    @classmethod
    def load(cls, path: Path, feature_shape: tuple[int, ...] | None = None) -> Network:
        """The network of a checkpoint file.

        Raises:
            StudyError: there is none, or see `from_checkpoint`.
        """
        try:
            data = path.read_bytes()
        except OSError as error:
            raise StudyError(f"{path}: cannot be read: {error.strerror}") from error
        try:
            return cls.from_checkpoint(data, feature_shape)
        except StudyError as error:
            raise StudyError(f"{path}: {error}") from error

    def probabilities(self, x: Array, dtype: DTypeLike = np.float32) -> NDArray[np.float32]:
        """What the network makes of examples, float32 `[n, classes]`; each row's sum is 1.

        Args:
            x: as they lie on disk, `[n, *feature_shape]` or `[n, features]`, numbers of any kind.
            dtype: computed in; float64 tells how much float32 rounded.

        Raises:
            StudyError: they have another shape.
        """
        # A network may have learnt its way to infinity; that is for the caller to see, once.
        with np.errstate(over="ignore", invalid="ignore"):
            return special.softmax(self.logits(x, dtype), axis=-1).astype(np.float32)

    def logits(self, x: Array, dtype: DTypeLike = np.float32) -> Array:
        """The output layer's sums, `[n, classes]`; see `probabilities`."""
        rows = self.flat(np.asarray(x))
        with np.errstate(over="ignore", invalid="ignore"):
            parts = [
                self._logits(rows[start : start + _ROWS].astype(dtype))
                for start in range(0, len(rows), _ROWS)
            ]
        return np.concatenate(parts) if parts else np.zeros((0, self.classes), dtype)

    def flat(self, x: Array) -> Array:
        """Examples as `[n, features]`.

        Raises:
            StudyError: they have another shape, or are no numbers.
        """
        if x.dtype.kind not in "buif":
            raise StudyError(f"x: must be numbers, got {x.dtype}")
        if x.shape[1:] not in {self.feature_shape, (self.features,)}:
            wanted = " x ".join(map(str, self.feature_shape))
            got = " x ".join(map(str, x.shape[1:])) or "a single number"
            raise StudyError(f"x: an example must be {wanted}, got {got}")
        return x.reshape(len(x), self.features)

    def _logits(self, x: Array) -> Array:
        kind = x.dtype
        a: Array = (x - self.mean.astype(kind)) * self.scale.astype(kind)
        activate = ACTIVATIONS[self.activation]
        for layer in self.layers[:-1]:
            a = activate(self._summed(a, layer))
        return self._summed(a, self.layers[-1])

    def _summed(self, a: Array, layer: Layer) -> Array:
        """A layer's z, normalised or with its bias added."""
        z: Array = a @ layer.w.astype(a.dtype)
        if layer.gamma is None:
            return z if layer.b is None else z + layer.b.astype(a.dtype)
        gamma, beta, mean, variance = (
            part.astype(a.dtype) for part in layer[2:] if part is not None
        )
        return (z - mean) * (gamma / np.sqrt(variance + a.dtype.type(self.epsilon))) + beta


def _activation(hyper: Mapping[str, Value]) -> str:
    name = str(hyper.get("activation", "relu"))
    if name not in ACTIVATIONS:
        known = ", ".join(ACTIVATIONS)
        raise StudyError(f"checkpoint: activation must be one of {known}, got {name!r}")
    return name
