"""The one front door: a data set by name, cut and standardised."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from caviar.data import split, tfds_source
from caviar.data.checks import check_source
from caviar.data.child import read_in_child
from caviar.data.dataset import Dataset, Examples, Part, Source, fingerprint
from caviar.data.normalise import moments, standardise

Rows = NDArray[np.int64]
Cut = dict[str, tuple[str, Rows]]
"""Part's name -> the split it comes from and its rows there."""


def load_dataset(
    name: str,
    seed: int,
    data_dir: str | Path | None = None,
    fractions: Sequence[float] | None = None,
    *,
    quiet: bool = True,
) -> Dataset:
    """Loads a data set; downloads and prepares it first if need be. Call it in the driver only.

    Args:
        name: `digits`, or any TFDS classification set as `name[/config][:version]`.
        seed: the study's; the cut is a function of it alone.
        data_dir: where TFDS keeps its files; by default its own place, and the user's cache
            directory for `digits`.
        fractions: shares of train, dev and test; by default 60/20/20, or 98/1/1 from 100,000
            examples on. A split of the data set's own (test, validation) stands for its part.
        quiet: no progress bars while preparing.

    Raises:
        StudyError: an unknown data set, or one that cannot be prepared, cut or classified.
    """
    directory = None if data_dir is None else Path(data_dir).expanduser()
    rng = split.generator(seed)
    shares = None if fractions is None else split.check_fractions(fractions)
    own = tfds_source.base_name(name) in tfds_source.OWN
    read = tfds_source.read if own else read_in_child
    return cut_source(read(name, directory, quiet=quiet), rng, shares)


def cut_source(
    source: Source, rng: np.random.Generator, fractions: split.Fractions | None = None
) -> Dataset:
    """Checks, cuts and standardises a data set as it lies on disk.

    Raises:
        StudyError: see `checks.check_source` and `split.stratified_split`.
    """
    check_source(source)
    cut = _cut(source, rng, fractions)
    mean, std = moments(source.splits["train"].x, cut["train"][1])

    def part(name: str) -> Part | None:
        if name not in cut:
            return None
        examples, rows = source.splits[cut[name][0]], cut[name][1]
        return Part(standardise(examples.x, rows, mean, std), examples.y[rows])

    train, dev = part("train"), part("dev")
    assert train is not None
    assert dev is not None
    return Dataset(
        name=source.name,
        version=source.version,
        class_names=source.class_names,
        feature_shape=source.feature_shape,
        train=train,
        dev=dev,
        test=part("test"),
        mean=mean,
        std=std,
        fingerprint=fingerprint(source, ((name, *cut[name]) for name in cut)),
    )


def _cut(source: Source, rng: np.random.Generator, fractions: split.Fractions | None) -> Cut:
    """Rows of each part. What the data set brings stays; what it lacks is cut from train."""
    examples = source.splits["train"]
    train, dev, test = fractions or split.default_fractions(len(examples))
    dev = 0.0 if "validation" in source.splits else dev
    own_test = test > 0.0 and "test" in source.splits
    test = 0.0 if own_test else test
    if fractions is None:
        train = 1.0 - dev - test
    shares = np.array([train, dev, test]) / (train + dev + test)
    rows = split.stratified_split(examples.y, shares.tolist(), rng, source.class_names)
    cut: Cut = {"train": ("train", rows[0])}
    cut["dev"] = ("train", rows[1]) if dev > 0.0 else _whole("validation", source.splits)
    if own_test:
        cut["test"] = _whole("test", source.splits)
    elif test > 0.0:
        cut["test"] = ("train", rows[2])
    return cut


def _whole(split_name: str, splits: Mapping[str, Examples]) -> tuple[str, Rows]:
    return split_name, np.arange(len(splits[split_name]))
