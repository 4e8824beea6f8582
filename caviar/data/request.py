"""What is asked of this room: which data, and how they are to be read, cut and weighted.

The fields mirror the study file's table `[data]`; nothing here knows the study file itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from caviar.errors import StudyError

MISSING = ("refuse", "mean", "median", "most_frequent")
"""What may be done about missing values."""


@dataclass(frozen=True, slots=True)
class Request:
    """A data set by name or by path, and what is done to it.

    Attributes:
        name: a registered one, one of our own, or a TFDS set as `name[/config][:version]`.
        path: a `.npz`, `.csv` or `.parquet` file, or a folder of images; it goes before `name`.
        label: the column of a table that holds the class.
        drop: columns of a table to ignore.
        categorical: columns of numbers in a table that are names of something (one-hot).
        missing: see `MISSING`; what is filled in is the training part's own statistic.
        normalise: whether features are standardised by the training part's mean and variance.
        class_weights: `none`, `balanced`, or weights by class name (1 where none is given).
        data_dir: where TFDS keeps its files; None: its own place, and the user's cache for ours.
        fractions: shares of train, dev and test; None: 60/20/20, or 98/1/1 from 100,000 examples
            on. A split the data set brings (validation, test) stands for its part.
    """

    name: str = "digits"
    path: str | Path | None = None
    label: str | None = None
    drop: Sequence[str] = ()
    categorical: Sequence[str] = ()
    missing: str = "refuse"
    normalise: bool = True
    class_weights: str | Mapping[str, float] = "none"
    data_dir: str | Path | None = None
    fractions: Sequence[float] | None = None

    def __post_init__(self) -> None:
        if self.missing not in MISSING:
            known = ", ".join(f'"{way}"' for way in MISSING)
            raise StudyError(f"data.missing: must be one of {known}, got {self.missing!r}")
