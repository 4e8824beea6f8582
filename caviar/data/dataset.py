"""What training gets to see of a data set: raw parts, and how they are to be standardised.

`Examples` and `Source` are what a reader gives; `Part` and `Dataset` what a study works on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from caviar.data.normalise import standardise


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Examples of one part, in the units of the data on disk.

    Attributes:
        x: raw features `[n, features]`, uint8 or float32; bytes stay bytes.
        y: class numbers, int32 `[n]`, in [0, classes).
    """

    x: NDArray[Any] = field(repr=False)
    y: NDArray[np.int32] = field(repr=False)

    def __len__(self) -> int:
        return len(self.y)


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """A classification data set cut into train, dev and test.

    Attributes:
        name: as the study file names it; of a path its last part.
        version: of the builder that made it, as `1.0.0`; `file` or `registered` for what has none.
        class_names: one a class, in the order of the class numbers.
        feature_shape: of one example before it was flattened, as `(28, 28, 1)`.
        train: what networks learn from; mean and std are its own.
        dev: what trials are compared on.
        test: the sealed part, read once when the winner is chosen; None: dev only.
        mean: float32 `[features]`, in the units of the data on disk; 0 if not normalised.
        std: float32 `[features]`, in those units, > 0; 1 if not normalised.
        fingerprint: SHA-256 (hex) of the data on disk and of the cut.
        class_weights: float32 `[classes]`, of mean 1 over the training part; None: all alike.
        warnings: what a person should know, one line each; nothing that forbids training.
        fills: float32 `[features]`, what stood in for missing values, NaN for features of which
            none was missing; None if that is all.
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
    class_weights: NDArray[np.float32] | None = field(default=None, repr=False)
    warnings: tuple[str, ...] = ()
    fills: NDArray[np.float32] | None = field(default=None, repr=False)

    @property
    def features(self) -> int:
        """Numbers in one flattened example."""
        return int(self.train.x.shape[1])

    @property
    def classes(self) -> int:
        """How many classes there are."""
        return len(self.class_names)

    @property
    def image_shape(self) -> tuple[int, int, int] | None:
        """Height, width and channels if the examples are images, else None."""
        match self.feature_shape:
            case (height, width) if min(height, width) > 1:
                return height, width, 1
            case (height, width, 1 | 3 | 4 as channels) if min(height, width) > 1:
                return height, width, channels
        return None

    def standardised(self, part: Part) -> NDArray[np.float32]:
        """A part as networks see it: `(x - mean) / std`, float32 `[n, features]`."""
        return standardise(part.x, self.mean, self.std)

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
        feature_names: of a table, the column that each feature comes from.
        one_hot: the columns of each text column; they are missing together.
        key: of the study file's table `[data]` that says where it is: `name` or `path`.
        warnings: what a person should know of what was read, one line each.
    """

    name: str
    version: str
    class_names: tuple[str, ...]
    feature_shape: tuple[int, ...]
    splits: Mapping[str, Examples]
    feature_names: tuple[str, ...] = ()
    one_hot: tuple[slice, ...] = ()
    key: str = "name"
    warnings: tuple[str, ...] = ()

    @property
    def place(self) -> str:
        """Where a mistake in it is."""
        return f"data.{self.key}: {self.name!r}"

    def split_place(self, split: str) -> str:
        """Where a mistake in one of its splits is; a single file has none to tell apart."""
        alone = self.key == "path" and len(self.splits) == 1
        return self.place if alone else f"{self.place}: split {split!r}"

    def feature(self, column: int) -> str:
        """What a person calls a feature."""
        if self.feature_names:
            return f"column {self.feature_names[column]!r}"
        return f"feature {column}"


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
