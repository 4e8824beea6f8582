"""New examples out of a file: `.npz`, `.csv` or an image, as the winner's data set had them.

A `.npz` holds an array `x`, one example or many. A `.csv` has a line an example; of a table that
the study was given, its columns by name (others, as the label, are passed over) or all of them in
order without a first line of names; of other data a column a feature. Missing values are refused.
An image must have the data set's size; its channels are converted.
"""

from __future__ import annotations

import csv
import warnings
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from caviar.data.image_folder import SUFFIXES
from caviar.errors import StudyError
from caviar.study.wording import one_line, show
from caviar.winner.about import About
from caviar.winner.columns import MISSING, Column, encode, number

_MODES: Final = {1: "L", 3: "RGB", 4: "RGBA"}
"""By channels, what Pillow calls an image of so many."""
_WIDE: Final = ("I", "F")
"""What Pillow's modes of more than a byte a channel begin with."""
_COUNTED: Final = 8
"""Fewer numbers than this that count from 0 may as well be an example."""
_SEPARATORS: Final = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}


@dataclass(frozen=True, eq=False)
class Given:
    """Examples that a person gave.

    Attributes:
        x: `[n, features]` or `[n, *shape]`, finite numbers.
        remark: what a person should know of them; empty if all is well.
    """

    x: NDArray[Any]
    remark: str = ""


def read_examples(path: Path, about: About) -> Given:
    """The examples of a file.

    Raises:
        StudyError: it cannot be read, or holds no such examples; naming row and column.
    """
    place, suffix = one_line(str(path)), path.suffix.lower()
    readers = {".npz": _npz, ".csv": _csv, **dict.fromkeys(SUFFIXES, _image)}
    if suffix not in readers:
        raise StudyError(
            f"{place}: must be a .npz, a .csv or an image ({_listed(sorted(SUFFIXES))})"
        )
    try:
        x = readers[suffix](path, place, about)
    except OSError as error:
        raise StudyError(f"{place}: cannot be read: {error.strerror or error}") from None
    if not len(x):
        raise StudyError(f"{place}: must hold examples, got none")
    return Given(x, _remark(place, x, about))


def _npz(path: Path, place: str, about: About) -> NDArray[Any]:
    try:
        with path.open("rb") as opened:
            file = np.load(opened, allow_pickle=False)
            arrays = {"x": file} if isinstance(file, np.ndarray) else file
            x = np.asarray(arrays["x"]) if "x" in arrays else None
            names = list(arrays)
    except (ValueError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError) as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise StudyError(f"{place}: must be a .npz of arrays without pickles: {reason}") from None
    if x is None:
        raise StudyError(f"{place}: must hold an array x, got {_listed(names) or 'none'}")
    if x.dtype.kind not in "buif":
        raise StudyError(f"{place}: x must be numbers, got {x.dtype}")
    if x.shape in {about.shape, (about.features,)}:
        x = x[np.newaxis]  # a single example
    if x.shape[1:] not in {about.shape, (about.features,)} or not x.ndim:
        wanted = " x ".join(map(str, about.shape))
        raise StudyError(f"{place}: x must be examples of {wanted}, got {list(x.shape)}")
    with np.errstate(over="ignore"):
        flat = x.reshape(len(x), about.features).astype(np.float32, copy=False)
    sound = np.isfinite(flat).all(axis=1)
    for row in np.flatnonzero(~sound)[:1]:
        raise StudyError(f"{place}: x must be finite numbers in float32, row {row} is not")
    return x


def _csv(path: Path, place: str, about: About) -> NDArray[np.float32]:
    rows = _rows(path, place)
    if not rows:
        return np.zeros((0, about.features), np.float32)
    _check_commas(place, rows[0][1])
    if about.columns:
        rows = _by_name(rows, place, about.columns)
        columns: Sequence[Column] = about.columns
    else:
        named, width = _is_header(rows[0][1]), about.features
        names = rows[0][1] if named and len(rows[0][1]) == width else map(str, range(width))
        columns = [Column(name.strip()) for name in names]
        rows = rows[1:] if named else rows
    for line, cells in rows:
        if len(cells) != len(columns):
            raise StudyError(
                f"{place}: line {line}: must have {len(columns)} columns, got {len(cells)}"
            )
    return encode([cells for _, cells in rows], columns, [f"{place}: line {n}" for n, _ in rows])


def _rows(path: Path, place: str) -> list[tuple[int, list[str]]]:
    """The lines that are not empty, each with its number, from 1."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file)
            return [(reader.line_num, cells) for cells in reader if any(map(str.strip, cells))]
    except UnicodeDecodeError as error:
        byte = error.object[error.start]
        raise StudyError(f"{place}: must be text in UTF-8, got the byte {byte:#04x}") from None
    except csv.Error as error:
        raise StudyError(f"{place}: could not be read as a table: {error}") from None


def _check_commas(place: str, cells: Sequence[str]) -> None:
    for sign, word in _SEPARATORS.items():
        if len(cells) == 1 and sign in cells[0]:
            raise StudyError(f"{place}: columns must be separated by commas, got {word}")


def _by_name(
    rows: list[tuple[int, list[str]]], place: str, columns: Sequence[Column]
) -> list[tuple[int, list[str]]]:
    """The cells of the table's columns in their order, if the first line names them."""
    first = [cell.strip() for cell in rows[0][1]]
    names = [column.name for column in columns]
    numbers = any(column.texts is None for column in columns)
    if not set(first) & set(names) and not (numbers and _is_header(first)):
        return rows
    for name in names:
        if first.count(name.strip()) != 1:
            times = "twice" if name.strip() in first else "not at all"
            raise StudyError(f"{place}: must have a column {show(name)} once, got it {times}")
    for line, cells in rows[1:]:
        if len(cells) != len(first):
            raise StudyError(
                f"{place}: line {line}: must have {len(first)} columns, got {len(cells)}"
            )
    order = [first.index(name.strip()) for name in names]
    return [(line, [cells[place] for place in order]) for line, cells in rows[1:]]


def _is_header(cells: Sequence[str]) -> bool:
    """Whether a line names columns: no cell is a number, or many of them count from 0.

    The latter is what pandas writes for columns without names.
    """
    texts = [cell.strip() for cell in cells]
    if len(texts) >= _COUNTED and texts == [str(place) for place in range(len(texts))]:
        return True
    return not any(map(_is_number, texts))


def _is_number(cell: str) -> bool:
    try:
        number(cell, "")
    except StudyError:
        return cell.lower() in MISSING
    return True


def _image(path: Path, place: str, about: About) -> NDArray[np.uint8]:
    size = _image_shape(about.shape)
    if size is None:
        raise StudyError(f"{place}: is an image, and the study's examples are {_numbers(about)}")
    try:
        from PIL import Image
    except ImportError:
        raise StudyError(f"{place}: reading an image needs Pillow: pip install pillow") from None
    height, width, channels = size
    try:
        with warnings.catch_warnings(), path.open("rb") as opened:
            warnings.simplefilter("ignore")  # a size is refused below, before anything is decoded
            image = Image.open(opened, formats=("PNG", "JPEG", "BMP", "GIF"))
            if image.size != (width, height):
                got = f"{image.height} x {image.width}"
                raise StudyError(
                    f"{place}: must be {height} x {width} pixels (height x width), got {got}"
                )
            if image.mode.startswith(_WIDE):
                raise StudyError(f"{place}: must have 8 bits a channel, got more")
            pixels = np.asarray(image.convert(_MODES[channels]))
    except Image.DecompressionBombError:
        raise StudyError(f"{place}: must be {height} x {width} pixels, got far more") from None
    except (Image.UnidentifiedImageError, SyntaxError, ValueError, EOFError):
        raise StudyError(f"{place}: cannot be read as an image") from None
    return pixels.reshape(1, *about.shape)


def _image_shape(shape: tuple[int, ...]) -> tuple[int, int, int] | None:
    """Height, width and channels of examples that are images, as `Dataset.image_shape`."""
    match shape:
        case (height, width) if min(height, width) > 1:
            return height, width, 1
        case (height, width, 1 | 3 | 4 as channels) if min(height, width) > 1:
            return height, width, channels
    return None


def _remark(place: str, x: NDArray[Any], about: About) -> str:
    """Says of images whose numbers are of quite another range that they are."""
    if about.low is None or about.high is None or _image_shape(about.shape) is None:
        return ""
    low, high, width = float(x.min()), float(x.max()), about.high - about.low
    if about.low - width <= low and high <= about.high + width:
        return ""
    return (
        f"{place}: has numbers from {low:g} to {high:g}, the study's data from {about.low:g} to "
        f"{about.high:g}: scale them alike, or the answer means nothing"
    )


def _numbers(about: About) -> str:
    return f"rows of {about.features} numbers"


def _listed(names: Sequence[str], most: int = 8) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return one_line(", ".join(names[:most]) + more)
