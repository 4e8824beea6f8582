"""A folder of images in class folders: read in a child process, and what is refused."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest

from caviar.data.image_folder import list_images, read_images
from caviar.data.load import load_dataset
from caviar.data.request import Request
from caviar.errors import StudyError


def png(image: np.ndarray) -> bytes:
    """An uncompressed-as-can-be PNG of uint8 grey levels `[height, width]`."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + body))
        return struct.pack(">I", len(body)) + kind + body + check

    height, width = image.shape
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    lines = b"".join(b"\0" + row.tobytes() for row in image)
    parts = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def images(count: int, number: int, size: tuple[int, int] = (3, 4)) -> list[np.ndarray]:
    rng = np.random.default_rng(number)
    return [rng.integers(0, 256, size).astype(np.uint8) for _ in range(count)]


def lay(folder: Path, count: int = 6, classes: tuple[str, ...] = ("ant", "bee")) -> Path:
    for number, name in enumerate(classes):
        (folder / name).mkdir(parents=True)
        for row, image in enumerate(images(count, number)):
            (folder / name / f"{row}.png").write_bytes(png(image))
    return folder


def test_images_come_out_as_they_went_in(tmp_path: Path) -> None:
    folder = lay(tmp_path / "insects")
    (folder / ".hidden").mkdir()
    source = read_images(folder)
    train = source.splits["train"]
    expected = np.stack(images(6, 0) + images(6, 1)).reshape(12, 12)
    np.testing.assert_array_equal(train.x, expected)
    np.testing.assert_array_equal(train.y, [0] * 6 + [1] * 6)
    assert (source.class_names, source.feature_shape) == (("ant", "bee"), (3, 4, 1))


def test_a_child_reads_them_with_their_own_test_part(tmp_path: Path) -> None:
    folder = tmp_path / "insects"
    lay(folder / "train")
    lay(folder / "test", count=2)
    data = load_dataset(Request(path=folder), 0)
    assert data.test is not None
    assert (len(data.train), len(data.dev), len(data.test)) == (10, 2, 4)
    assert data.train.x.dtype == np.uint8
    assert (data.name, data.version, data.image_shape) == ("insects", "file", (3, 4, 1))
    np.testing.assert_array_equal(data.test.x, np.stack(images(2, 0) + images(2, 1)).reshape(4, 12))


def test_two_sizes_name_both_files(tmp_path: Path) -> None:
    folder = lay(tmp_path / "insects")
    (folder / "bee" / "9.png").write_bytes(png(images(1, 9, (5, 4))[0]))
    with pytest.raises(StudyError) as caught:
        read_images(folder)
    assert str(caught.value) == (
        "data.path: 'insects': must hold images of one size (height x width x channels), "
        "got 3 x 4 x 1 in ant/0.png and 5 x 4 x 1 in bee/9.png"
    )


def test_a_broken_image_is_named(tmp_path: Path) -> None:
    folder = lay(tmp_path / "insects")
    (folder / "bee" / "9.png").write_bytes(b"no image")
    with pytest.raises(StudyError, match=r"that can be decoded, got bee/9\.png"):
        read_images(folder)


def test_what_is_no_folder_of_images_is_refused_without_a_child(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"images for each of two or more .*, got none"):
        list_images(tmp_path)
    (tmp_path / "ant").mkdir()
    with pytest.raises(StudyError, match="two or more classes, got only 'ant'"):
        list_images(tmp_path)
    (tmp_path / "bee").mkdir()
    with pytest.raises(StudyError, match="must hold images in its class folders, got none"):
        list_images(tmp_path)
    (tmp_path / "ant" / "notes.txt").write_text("")
    with pytest.raises(StudyError, match=r"must hold images only .* got ant/notes.txt"):
        list_images(tmp_path)


def test_a_folder_beside_train_must_be_a_part(tmp_path: Path) -> None:
    lay(tmp_path / "train")
    lay(tmp_path / "spare")
    with pytest.raises(StudyError, match="only beside 'train', got 'spare'"):
        list_images(tmp_path)


def test_a_class_without_images_is_named(tmp_path: Path) -> None:
    lay(tmp_path)
    (tmp_path / "cow").mkdir()
    with pytest.raises(StudyError, match="must hold images of every class, got none in 'cow'"):
        list_images(tmp_path)
