"""Preparing: refused where there is no room, and nothing half-prepared is left behind."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from caviar.data import tfds_prepare
from caviar.data.tfds_prepare import check_room, prepare
from caviar.errors import StudyError

Usage = namedtuple("Usage", "total used free")
MIB = 2**20


def builder(
    root: Path,
    sizes: tuple[int, int] = (0, 0),
    urls: Mapping[str, int] | None = None,
    configs: int = 0,
    work: Any = None,
) -> Any:
    return SimpleNamespace(
        name="made",
        data_dir=root / "made" / "1.0.0",
        data_dir_root=root,
        info=SimpleNamespace(download_size=sizes[0], dataset_size=sizes[1]),
        url_infos={url: SimpleNamespace(size=size) for url, size in (urls or {}).items()},
        BUILDER_CONFIGS=[None] * configs,
        is_prepared=lambda: False,
        download_and_prepare=work,
    )


@pytest.fixture
def _ten_mib_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tfds_prepare.shutil, "disk_usage", lambda folder: Usage(0, 0, 10 * MIB))


@pytest.mark.usefixtures("_ten_mib_free")
@pytest.mark.parametrize(
    ("sizes", "urls", "configs", "refused"),
    [
        ((8 * MIB, 3 * MIB), {}, 0, True),
        ((8 * MIB, 1 * MIB), {}, 0, False),
        ((0, 0), {"a": 11 * MIB}, 0, True),
        ((0, 0), {"a": 9 * MIB, "b": 9 * MIB}, 0, False),  # perhaps of another version
        ((0, 0), {"a": 11 * MIB}, 2, False),  # perhaps of another configuration
        ((0, 0), {}, 0, False),
    ],
)
def test_what_the_disk_cannot_hold_is_refused(
    tmp_path: Path, sizes: tuple[int, int], urls: dict[str, int], configs: int, refused: bool
) -> None:
    made = builder(tmp_path / "absent", sizes, urls, configs)
    if not refused:
        check_room("made", made, tmp_path / "absent")
        return
    with pytest.raises(StudyError, match=r"must have room in .* got 10 MiB free; data.data_dir"):
        prepare("made", made, lambda root: made)
    assert not (tmp_path / "absent").exists()


def failing(root: Path) -> Any:
    def work() -> None:
        for path in ("made/incomplete.X_1.0.0/part", "downloads/made/a.tmp", "downloads/extracted"):
            (root / path).mkdir(parents=True)
        raise OSError(28, "No space left on device")

    return builder(root, work=work)


def test_a_new_data_directory_is_gone_after_a_failure(tmp_path: Path) -> None:
    root = tmp_path / "data"
    made = failing(root)
    with pytest.raises(StudyError, match=r"'made' could not be prepared in .*No space left"):
        prepare("made", made, lambda _: made)
    assert not root.exists()


def test_what_was_there_stays(tmp_path: Path) -> None:
    for path in ("made/0.9.0", "downloads/made/whole", "other/1.0.0", "downloads/other"):
        (tmp_path / path).mkdir(parents=True)
    before = {str(path) for path in tmp_path.rglob("*")}
    made = failing(tmp_path)
    with pytest.raises(StudyError):
        prepare("made", made, lambda _: made)
    after = {str(path) for path in tmp_path.rglob("*")}
    assert after - before == {str(tmp_path / ".caviar-lock")}
    assert before <= after


def test_an_interrupt_leaves_nothing_either(tmp_path: Path) -> None:
    def work() -> None:
        (tmp_path / "made" / "incomplete.X_1.0.0").mkdir(parents=True)
        raise KeyboardInterrupt

    made = builder(tmp_path, work=work)
    with pytest.raises(KeyboardInterrupt):
        prepare("made", made, lambda _: made)
    assert not (tmp_path / "made").exists()
