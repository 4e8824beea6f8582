"""The one front door: a data set by name or path, checked, cut and ready to be standardised."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from caviar.data import missing, split, tfds_source
from caviar.data.arrays import read_npz
from caviar.data.checks import check_cut, check_source
from caviar.data.child import read_images_in_child, read_in_child
from caviar.data.class_weights import class_weights
from caviar.data.dataset import Dataset, Examples, Part, Source, fingerprint
from caviar.data.image_folder import list_images
from caviar.data.normalise import moments
from caviar.data.registry import is_registered, read_registered
from caviar.data.request import Request
from caviar.data.shift import shift_warnings
from caviar.data.table import read_table
from caviar.errors import StudyError

Rows = NDArray[np.int64]
Cut = dict[str, tuple[str, Rows]]
"""Part's name -> the split it comes from and its rows there."""


def load_dataset(data: Request | str, seed: int, *, quiet: bool = True) -> Dataset:
    """Loads a data set; downloads and prepares it first if need be. Call it in the driver only.

    Args:
        data: what is asked; a bare string is the name of a data set.
        seed: the study's; the cut is a function of it alone.
        quiet: no progress bars while preparing.

    Raises:
        StudyError: an unknown data set, or one that cannot be prepared, cut or classified.
    """
    request = Request(name=data) if isinstance(data, str) else data
    rng = split.generator(seed)
    if request.fractions is not None:
        split.check_fractions(request.fractions)
    return cut_source(read_source(request, quiet=quiet), rng, request)


def read_source(request: Request, *, quiet: bool = True) -> Source:
    """The data as they lie on disk, by whichever reader knows them.

    Raises:
        StudyError: they are unknown or unreadable.
    """
    if request.path is not None:
        return _read_path(Path(request.path).expanduser(), request, quiet)
    if is_registered(request.name):
        return read_registered(request.name)
    folder = None if request.data_dir is None else Path(request.data_dir).expanduser()
    read = tfds_source.read if tfds_source.is_own(request.name) else read_in_child
    return read(request.name, folder, quiet=quiet)


def _read_path(path: Path, request: Request, quiet: bool) -> Source:
    try:
        return _read_file_or_folder(path, request, quiet)
    except OSError as error:
        where = str(path) if len(str(path)) <= 200 else f"{str(path)[:200]}..."
        raise StudyError(f"data.path: {where!r} cannot be read: {error.strerror}") from error


def _read_file_or_folder(path: Path, request: Request, quiet: bool) -> Source:
    if not path.exists():
        raise StudyError(f"data.path: there is no file or folder {str(path)!r}")
    suffix = path.suffix.lower()
    if suffix in {".csv", ".parquet"} and path.is_file():
        return read_table(path, request)
    for key in ("label", "drop", "categorical"):
        if getattr(request, key):
            raise StudyError(f"data.{key}: is for .csv and .parquet files only, got {path.name!r}")
    if path.is_dir():
        list_images(path)  # what is wrong with the folder is told before TensorFlow is woken
        return read_images_in_child(path, quiet=quiet)
    if suffix == ".npz":
        return read_npz(path)
    raise StudyError(
        "data.path: must be a .npz, .csv or .parquet file or a folder of images in class folders, "
        f"got {path.name!r}"
    )


def cut_source(source: Source, rng: np.random.Generator, request: Request) -> Dataset:
    """Checks and cuts a data set as it lies on disk.

    Raises:
        StudyError: see `checks` and `split.stratified_split`.
    """
    check_source(source, missing=request.missing != "refuse")
    shares = None if request.fractions is None else split.check_fractions(request.fractions)
    cut = _cut(source, rng, shares)
    labels = {name: source.splits[origin].y[rows] for name, (origin, rows) in cut.items()}
    check_cut(source, labels)
    fills = None
    if request.missing != "refuse":
        fills = missing.fill_values(source, cut["train"][1], request.missing)
    parts = {
        name: Part(missing.fill(_rows(source.splits[origin].x, rows), fills), labels[name])
        for name, (origin, rows) in cut.items()
    }
    mean, std = moments(parts["train"].x)
    warnings = (*source.warnings, *shift_warnings(source, parts, mean, std))
    if not request.normalise:
        mean, std = np.zeros_like(mean), np.ones_like(std)
    return Dataset(
        name=source.name,
        version=source.version,
        class_names=source.class_names,
        feature_shape=source.feature_shape,
        train=parts["train"],
        dev=parts["dev"],
        test=parts.get("test"),
        mean=mean,
        std=std,
        fingerprint=fingerprint(source, ((name, *cut[name]) for name in cut)),
        class_weights=class_weights(request.class_weights, labels["train"], source.class_names),
        warnings=warnings,
        fills=fills,
    )


def _rows(x: NDArray[np.generic], rows: Rows) -> NDArray[np.generic]:
    """Some rows of `x`; all of them without a copy."""
    return np.asarray(x) if len(rows) == len(x) else x[rows]


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
    rows = split.stratified_split(
        examples.y, shares.tolist(), rng, source.class_names, source.place
    )
    cut: Cut = {"train": ("train", rows[0])}
    cut["dev"] = ("train", rows[1]) if dev > 0.0 else _whole("validation", source.splits)
    if own_test:
        cut["test"] = _whole("test", source.splits)
    elif test > 0.0:
        cut["test"] = ("train", rows[2])
    return cut


def _whole(split_name: str, splits: Mapping[str, Examples]) -> tuple[str, Rows]:
    return split_name, np.arange(len(splits[split_name]))
