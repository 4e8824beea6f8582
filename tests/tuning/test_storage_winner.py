"""`caviar winner` on a study with a storage: told there too, or said why not."""

import json
import shutil
from types import SimpleNamespace

import pytest
from stand_ins import StandIn
from test_broker import take_up, work

from caviar import api, cli_winner
from caviar.study import backup, backup_winner, storage_lease
from caviar.study.backup_writer import BackupWriter
from caviar.study.journal import Journal
from caviar.study.lease import LeaseHolder
from caviar.study.spec import StudySpec
from caviar.study.storage import Storage
from caviar.tuning import driver
from caviar.tuning.backing import Backing, use_storage


@pytest.fixture
def study(tmp_path, monkeypatch):
    """A searched study, backed up; retraining and telling do next to nothing."""
    monkeypatch.setattr(storage_lease, "SETTLE_S", 0.0)
    storage = Storage(str(tmp_path / "storage"))
    journal, broker = take_up(tmp_path / "study")
    use_storage(journal, Backing(storage.uri, 1, {}))
    work(broker, StandIn())
    name = StudySpec.from_json(journal.spec_json).name
    BackupWriter(storage, tmp_path / "study", name, 1, None).write(lambda: None)
    journal.release_lease()
    journal.close()

    def crown(directory, data, *, say, reopen, onnx):
        with Journal.open(directory, write=True) as journal:
            journal.acquire_lease()
            journal.record("crowned")
            journal.release_lease()
        (directory / "winner").mkdir()
        (directory / "winner" / "card.json").write_text("{}")

    keepers = []

    def run_study(*given, storage, **more):
        keepers.append(storage)
        return SimpleNamespace(signal=0, data=None)

    monkeypatch.setattr(driver, "run_study", run_study)
    monkeypatch.setattr(api, "crown", crown)
    return SimpleNamespace(directory=tmp_path / "study", storage=storage, keepers=keepers)


def is_crowned(storage, tmp_path) -> bool:
    """Whether the journal in the storage tells so."""
    folder = tmp_path / "look"
    folder.mkdir()
    backup.unpack(storage, backup.read_manifest(storage).copies[""], folder / "journal.sqlite3")
    with Journal.open(folder) as journal:
        return bool(journal.events("crowned"))


def test_a_winner_is_told_in_the_storage_too(study, tmp_path, capsys):
    cli_winner.winner(study.directory)
    assert is_crowned(study.storage, tmp_path)
    assert study.keepers[0].storage.uri == study.storage.uri
    assert json.loads(study.storage.get(backup_winner.MARKER))["files"].keys() == {"card.json"}
    assert storage_lease.read(study.storage).released
    assert f"winner and report are in {study.storage.uri} as well" in capsys.readouterr().out


def test_a_storage_that_somebody_holds_is_told_and_left_alone(study, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(LeaseHolder, "same_driver", lambda self, other: False)
    holder = LeaseHolder.here()
    held = storage_lease.StoredLease(7, holder, "secret", 1.0, 1.0, 1.0, released=False)
    storage_lease._put(study.storage, held)
    cli_winner.winner(study.directory)
    assert not is_crowned(study.storage, tmp_path)
    assert study.storage.get(backup_winner.MARKER) is None
    assert (study.directory / "winner").is_dir()
    assert study.keepers == [None]
    (line,) = [each for each in capsys.readouterr().out.splitlines() if "note: " in each]
    assert "another driver holds this study: host " in line
    assert line.endswith(f"; what comes now will be in {study.directory} only")


def test_a_storage_that_is_gone_is_told(study, tmp_path, capsys):
    shutil.rmtree(tmp_path / "storage")
    (tmp_path / "storage").write_text("")
    cli_winner.winner(study.directory)
    assert (study.directory / "winner").is_dir()
    assert "note: --storage " in capsys.readouterr().out


def test_a_study_that_went_on_elsewhere_is_brought_first(study, tmp_path, capsys, monkeypatch):
    shutil.copytree(study.directory, tmp_path / "other")
    with Journal.open(tmp_path / "other", write=True) as ahead:
        ahead.acquire_lease(least=2)
        ahead.record("went_on")
        ahead.release_lease()
    previous = backup.read_manifest(study.storage)
    writer = BackupWriter(study.storage, tmp_path / "other", "digits", 2, previous)
    writer.write(lambda: None)
    cli_winner.winner(study.directory)
    assert "restored from " in capsys.readouterr().out
    with Journal.open(study.directory) as journal:
        assert journal.events("went_on")
    assert is_crowned(study.storage, tmp_path)
