"""Data as arrays: a `.npz` file, or what a registered function gives."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from caviar.data.dataset import Examples, Source
from caviar.data.labels import class_numbers
from caviar.errors import StudyError

SPLITS = {"train": ("x", "y"), "validation": ("x_dev", "y_dev"), "test": ("x_test", "y_test")}
"""The arrays of each split; only those of train must be there."""

_OTHER_NAMES = {"x_train": "x", "y_train": "y"}
"""As Keras names them in its files."""

_ABOUT = ("class_names", "feature_shape")
ARRAYS = (*(array for pair in SPLITS.values() for array in pair), *_ABOUT)
"""Every array that may be given."""


def read_npz(path: Path) -> Source:
    """A `.npz` of arrays named as in `SPLITS`, and optionally `class_names`; pickles are refused.

    Raises:
        StudyError: no such file, other arrays, or arrays that are no data to classify.
    """
    place = f"data.path: {path.name!r}"
    try:
        # Opened here, as NumPy leaves a file open that is no archive.
        with path.open("rb") as opened:
            file = np.load(opened, allow_pickle=False)
            arrays = file if isinstance(file, np.ndarray) else dict(file)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise StudyError(f"{place}: must be a .npz of arrays without pickles: {reason}") from error
    if isinstance(arrays, np.ndarray):
        raise StudyError(f"{place}: must be a .npz of named arrays, got a single one of np.save's")
    return from_arrays("path", path.name, "file", arrays)


def from_arrays(key: str, name: str, version: str, arrays: Mapping[str, Any]) -> Source:
    """A source from arrays named as in `SPLITS`, `class_names` and `feature_shape`.

    Args:
        key: of `[data]`: `name` or `path`.
        name: of the data set.
        version: of the data set.
        arrays: `x` `[n, ...]` of numbers, `y` `[n]` of whole numbers or names. With `class_names`
            labels are numbers from 0; without, the values that occur are the classes.

    Raises:
        StudyError: naming the array.
    """
    place = f"data.{key}: {name!r}"
    _check_names(place, arrays)
    arrays = {
        _OTHER_NAMES.get(name, name): _as_array(place, name, given)
        for name, given in arrays.items()
        if given is not None
    }
    _check_pairs(place, arrays)
    present = [split for split, (x, _) in SPLITS.items() if x in arrays]
    shape = _feature_shape(place, arrays)
    inputs = {split: _inputs(place, SPLITS[split], arrays, shape) for split in present}
    labels = [arrays[SPLITS[split][1]] for split in present]
    places = [f"{place}: array {SPLITS[split][1]!r}" for split in present]
    if "class_names" in arrays:
        names = _class_names(place, arrays["class_names"])
        numbers = [_as_given(*pair) for pair in zip(places, labels, strict=True)]
    else:
        names, numbers = class_numbers(places, labels)
    splits = {split: Examples(inputs[split], y) for split, y in zip(present, numbers, strict=True)}
    return Source(name, version, names, shape, splits, key=key)


def _check_names(place: str, arrays: Mapping[str, Any]) -> None:
    for array in arrays:
        if array not in ARRAYS and array not in _OTHER_NAMES:
            raise StudyError(
                f"{place}: unknown array {array!r}; the arrays may be {', '.join(ARRAYS)}"
            )
        if _OTHER_NAMES.get(array) in arrays:
            raise StudyError(f"{place}: must hold {_OTHER_NAMES[array]!r} or {array!r}, got both")


def _as_array(place: str, name: str, given: Any) -> Any:
    """What was given as an array; a masked value is missing, which only NaN can say."""
    try:
        if isinstance(given, np.ma.MaskedArray) and given.dtype.kind in "biuf":
            return np.ma.filled(given.astype(np.float64), np.nan)
        return np.asarray(given)
    except (TypeError, ValueError) as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise StudyError(f"{place}: array {name!r} must be an array: {reason}") from error


def _check_pairs(place: str, arrays: Mapping[str, Any]) -> None:
    for split, (x, y) in SPLITS.items():
        for array, other in ((x, y), (y, x)):
            if array not in arrays and (split == "train" or other in arrays):
                got = ", ".join(arrays) or "none"
                raise StudyError(f"{place}: array {array!r} is missing, got {got}")


def _feature_shape(place: str, arrays: Mapping[str, Any]) -> tuple[int, ...]:
    x = arrays["x"]
    if x.ndim < 2 or 0 in x.shape[1:]:
        raise StudyError(
            f"{place}: array 'x' must be [examples, features, ..], got shape {list(x.shape)}"
        )
    given = arrays.get("feature_shape")
    if given is None:
        return tuple(x.shape[1:])
    sizes = np.atleast_1d(given)
    whole = sizes.dtype.kind in "iu" and (sizes > 0).all()
    if not whole or np.prod(sizes) != np.prod(x.shape[1:]):
        raise StudyError(
            f"{place}: feature_shape must hold the {np.prod(x.shape[1:])} features of an example, "
            f"got {sizes.tolist()}"
        )
    return tuple(sizes.tolist())


def _inputs(
    place: str, names: tuple[str, str], arrays: Mapping[str, Any], shape: Sequence[int]
) -> NDArray[Any]:
    """Flat inputs `[n, features]`: bytes and truths as uint8, every other number as float32."""
    x, y = (arrays[name] for name in names)
    if x.dtype.kind not in "biuf":
        raise StudyError(f"{place}: array {names[0]!r} must be numbers, got {x.dtype}")
    if x.ndim == 0 or y.ndim == 0 or len(x) != len(y):
        raise StudyError(
            f"{place}: arrays {names[0]!r} and {names[1]!r} must have one row an example, "
            f"got shapes {list(x.shape)} and {list(y.shape)}"
        )
    features = int(np.prod(shape))
    if np.prod(x.shape[1:]) != features:
        raise StudyError(
            f"{place}: array {names[0]!r} must have {features} features an example as 'x' has, "
            f"got shape {list(x.shape)}"
        )
    with np.errstate(over="ignore"):  # too large for float32 becomes inf, which is refused by row
        flat = x.reshape(len(x), features)
        return flat.astype(np.uint8 if x.dtype.kind == "b" else _kept(x.dtype), copy=False)


def _kept(dtype: np.dtype[Any]) -> type[np.generic]:
    return np.uint8 if dtype == np.uint8 else np.float32


def _class_names(place: str, given: Any) -> tuple[str, ...]:
    if given.ndim != 1:
        raise StudyError(
            f"{place}: class_names must be a list of names, got shape {list(given.shape)}"
        )
    names = tuple(str(name) for name in given.tolist())
    for name in names:
        if names.count(name) > 1:
            raise StudyError(f"{place}: class_names must differ, got {name!r} twice")
    return names


def _as_given(place: str, labels: NDArray[Any]) -> NDArray[np.int32]:
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1 or labels.dtype.kind not in "iub":
        raise StudyError(
            f"{place}: must be one whole number an example where class_names are given, "
            f"got {labels.dtype} of shape {list(labels.shape)}"
        )
    # Numbers that int32 cannot hold must not wrap round into the range of the classes.
    return np.clip(labels.astype(np.int64), -1 << 31, (1 << 31) - 1).astype(np.int32)
