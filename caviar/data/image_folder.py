"""A folder of images in class folders: `<path>/<class>/*.png`, or `<path>/train/<class>/*.png`.

What lies where is found out without TensorFlow; `read_images` decodes, in the child process.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from caviar.data.dataset import Examples, Source
from caviar.errors import StudyError

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif"})

_SPLITS = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev"),
    "test": ("test", "testing"),
}
"""What the folders of the splits may be called."""


@dataclass(frozen=True, slots=True)
class Listing:
    """The images of a folder.

    Attributes:
        class_names: the class folders' names, sorted.
        files: of each split, paths in order and their class numbers.
    """

    class_names: tuple[str, ...]
    files: Mapping[str, list[tuple[Path, int]]]


def list_images(folder: Path) -> Listing:
    """Finds the images; hidden files and folders are passed over.

    Raises:
        StudyError: there are no class folders, none has images, or one holds something else.
    """
    place = f"data.path: {folder.name!r}"
    splits = _split_folders(folder)
    classes = {split: _folders(found) for split, found in splits.items()}
    names = tuple(sorted({path.name for found in classes.values() for path in found}))
    numbers = {name: number for number, name in enumerate(names)}
    if len(names) < 2:
        got = f"only {names[0]!r}" if names else "none"
        raise StudyError(
            f"{place}: must hold a folder of images for each of two or more classes, got {got}"
        )
    files = {
        split: [(file, numbers[path.name]) for path in found for file in _images(place, path)]
        for split, found in classes.items()
    }
    if not files["train"]:
        raise StudyError(f"{place}: must hold images in its class folders, got none")
    seen = {number for found in files.values() for _, number in found}
    for name, number in numbers.items():
        if number not in seen:
            raise StudyError(f"{place}: must hold images of every class, got none in {name!r}")
    return Listing(names, files)


def read_images(folder: Path) -> Source:
    """Decodes all images of a folder. It loads TensorFlow: only the child process calls it.

    Raises:
        StudyError: naming the file that is no image, or two of different sizes.
    """
    listing = list_images(folder)
    first = listing.files["train"][0][0]
    shape = _decode(folder, first).shape
    splits = {}
    for split, files in listing.files.items():
        x = np.empty((len(files), int(np.prod(shape))), np.uint8)
        for row, (file, _) in enumerate(files):
            image = _decode(folder, file)
            _check_size(folder, first, shape, file, image.shape)
            x[row] = image.ravel()
        splits[split] = Examples(x, np.array([number for _, number in files], np.int32))
    return Source(folder.name, "file", listing.class_names, shape, splits, key="path")


def _split_folders(folder: Path) -> dict[str, Path]:
    """The folder of each split; the folder itself is train if it holds none called so."""
    found = {path.name.lower(): path for path in _folders(folder)}
    if not set(_SPLITS["train"]) & set(found):
        return {"train": folder}
    splits = {}
    for split, names in _SPLITS.items():
        for name in names:
            if name in found:
                splits[split] = found.pop(name)
                break
    for name in found:
        raise StudyError(
            f"data.path: {folder.name!r}: must hold train, dev and test folders only beside "
            f"'train', got {name!r}"
        )
    return splits


def _folders(folder: Path) -> list[Path]:
    return sorted(
        path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")
    )


def _images(place: str, folder: Path) -> list[Path]:
    files = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    for file in files:
        if file.is_dir() or file.suffix.lower() not in SUFFIXES:
            known = ", ".join(sorted(SUFFIXES))
            raise StudyError(
                f"{place}: must hold images only ({known}) in its class folders, "
                f"got {folder.name}/{file.name}"
            )
    return files


def _decode(folder: Path, file: Path) -> NDArray[Any]:
    """One image, uint8 `[height, width, channels]`."""
    import tensorflow as tf

    try:
        return tf.io.decode_image(tf.io.read_file(str(file)), expand_animations=False).numpy()
    except (tf.errors.OpError, ValueError) as error:
        raise StudyError(
            f"data.path: {folder.name!r}: must hold images that can be decoded, "
            f"got {file.relative_to(folder)}"
        ) from error


def _check_size(
    folder: Path, first: Path, shape: tuple[int, ...], file: Path, other: tuple[int, ...]
) -> None:
    if shape != other:
        sizes = [" x ".join(map(str, size)) for size in (shape, other)]
        raise StudyError(
            f"data.path: {folder.name!r}: must hold images of one size (height x width x "
            f"channels), got {sizes[0]} in {first.relative_to(folder)} and {sizes[1]} in "
            f"{file.relative_to(folder)}"
        )
