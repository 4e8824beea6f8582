"""The winner in a storage: whole or not at all."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest
from storage_samples import Frail

from caviar.study import backup_winner
from caviar.study.storage import Storage, StorageError


def test_the_winner_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    storage, study = Frail(str(tmp_path / "storage")), tmp_path / "study"
    storage.error = StorageError
    assert not backup_winner.put_winner(storage, tmp_path / "nothing")
    for version in range(2):
        (study / "winner" / "model").mkdir(parents=True, exist_ok=True)
        for name in ("card.json", "model/weights.npz", f"only-{version}"):
            (study / "winner" / name).write_text(f"{name} {version}")
        (study / "report.html").write_text(f"report {version}")
        for left in range(2, 6 + version):
            storage.left = left
            with pytest.raises(StorageError):
                backup_winner.put_winner(storage, study)
            there = backup_winner.fetch_winner(Storage(storage.uri), _fresh(tmp_path / "look"))
            assert there == (version == 1 and left == 2)
        storage.left = 10**9
        assert backup_winner.put_winner(storage, study)
        assert backup_winner.put_winner(storage, study)
        assert backup_winner.fetch_winner(Storage(storage.uri), _fresh(tmp_path / "look"))
        assert _tree(tmp_path / "look" / "winner") == _tree(study / "winner")
        assert not backup_winner.fetch_winner(Storage(storage.uri), tmp_path / "look")


@pytest.mark.parametrize(
    "marker", [b"{}", b"no JSON", b'{"files": {}}', b'{"files": {"../x": ""}}']
)
def test_a_damaged_marker_is_no_winner(tmp_path: Path, marker: bytes) -> None:
    storage = Storage(str(tmp_path / "storage"))
    storage.put("winner/card.json", b"{}")
    storage.put(backup_winner.MARKER, marker)
    assert not backup_winner.fetch_winner(storage, tmp_path)
    assert not (tmp_path / "winner").exists()


def _fresh(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


def _tree(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }
