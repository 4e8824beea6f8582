"""What training gets to see of a data set: standardised parts and how they were made."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Examples of one part, ready for the first layer.

    Attributes:
        x: standardised features, float32 `[n, features]`.
        y: class numbers, int32 `[n]`, in [0, classes).
    """

    x: NDArray[np.float32] = field(repr=False)
    y: NDArray[np.int32] = field(repr=False)

    def __len__(self) -> int:
        return len(self.y)


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """A classification data set cut into train, dev and test.

    Attributes:
        name: as the study file names it.
        version: of the builder that made it, as `1.0.0`.
        class_names: one a class, in the order of the class numbers.
        feature_shape: of one example before it was flattened, as `(28, 28, 1)`.
        train: what networks learn from; mean and std are its own.
        dev: what trials are compared on.
        test: the sealed part, read once when the winner is chosen; None: dev only.
        mean: float32 `[features]`, in the units of the data on disk.
        std: float32 `[features]`, in those units, > 0; x = (raw - mean) / std.
        fingerprint: SHA-256 (hex) of the data on disk and of the cut.
    """

    name: str
    version: str
    class_names: tuple[str, ...]
    feature_shape: tuple[int, ...]
    train: Part
    dev: Part
    test: Part | None
    mean: NDArray[np.float32] = field(repr=False)
    std: NDArray[np.float32] = field(repr=False)
    fingerprint: str

    @property
    def features(self) -> int:
        """Numbers in one flattened example."""
        return int(self.train.x.shape[1])

    @property
    def classes(self) -> int:
        """How many classes there are."""
        return len(self.class_names)

    def without_test(self) -> Dataset:
        """The same data with the sealed part left out: what trainables are sent."""
        return replace(self, test=None)


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """Examples as a source gave them, not yet cut or standardised.

    Attributes:
        x: uint8 or float32 `[n, features]`.
        y: int32 `[n]`.
    """

    x: NDArray[Any] = field(repr=False)
    y: NDArray[np.int32] = field(repr=False)

    def __len__(self) -> int:
        return len(self.y)


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """A data set as it lies on disk.

    Attributes:
        name: as the study file names it.
        version: of its builder.
        class_names: one a class.
        feature_shape: of one example.
        splits: `train`, and `validation` and `test` where it brings them.
    """

    name: str
    version: str
    class_names: tuple[str, ...]
    feature_shape: tuple[int, ...]
    splits: Mapping[str, Examples]


def fingerprint(source: Source, cut: Iterable[tuple[str, str, NDArray[np.int64]]]) -> str:
    """SHA-256 (hex) of a source's arrays and of which rows went to which part.

    Args:
        source: the data on disk.
        cut: part's name, split's name, row numbers `[n]`; in the order train, dev, test.
    """
    digest = hashlib.sha256()
    for name in sorted(source.splits):
        for array in (source.splits[name].x, source.splits[name].y):
            digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
            digest.update(np.ascontiguousarray(array).data)
    for part, split, rows in cut:
        digest.update(f"{part} {split} {len(rows)}".encode())
        digest.update(np.ascontiguousarray(rows, np.int64).data)
    return digest.hexdigest()
