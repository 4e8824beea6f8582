"""The keeper: what it refuses before it takes a study, and that it never falls silent."""

import threading

import pytest
from test_broker import take_up

from caviar.errors import LeaseError, StudyError
from caviar.study import backup, lease, restoring
from caviar.study.backup_writer import BackupWriter
from caviar.study.lease import LeaseHolder
from caviar.study.spec import StudySpec
from caviar.study.storage import Storage
from caviar.tuning import keeper as module
from caviar.tuning.keeper import Keeper


@pytest.mark.parametrize("name", ["study", "study/", "study/../study", "link"])
def test_the_study_directory_is_no_storage_for_itself(tmp_path, name):
    (tmp_path / "study").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "study")
    with pytest.raises(StudyError, match="must be another place than the study directory"):
        Keeper(f"{tmp_path}/{name}", tmp_path / "study", print)
    Keeper(f"{tmp_path}/study/beside", tmp_path / "study", print)


def test_a_defect_is_told_and_the_keeper_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "AGAIN_S", 0.0)
    lines, again, calls = [], threading.Event(), []
    keeper = Keeper(str(tmp_path / "storage"), tmp_path / "study", lines.append)

    def action():
        calls.append(1)
        if len(calls) == 1:
            raise RuntimeError("can't start new thread")
        again.set()

    keeper._start(0.001, action)
    assert again.wait(5.0)
    keeper._over.set()
    (line,) = lines
    assert line.startswith("warning: a defect of caviar's: RuntimeError: can't start new thread")


def test_a_study_that_somebody_drives_is_not_replaced(tmp_path, monkeypatch):
    """By a driver without --storage; the backup is another driver's, and ahead."""
    uri, study, other = str(tmp_path / "storage"), tmp_path / "study", tmp_path / "other"
    journal, _ = take_up(study)
    spec = StudySpec.from_json(journal.spec_json)
    storage = Storage(uri)
    BackupWriter(storage, study, spec.name, 1, None).write(lambda: None)
    restoring.restore(storage, other, backup.read_manifest(storage))
    with module.Journal.open(other, write=True) as ahead:
        ahead.acquire_lease(least=2)
        ahead.record("somewhere_else", {})
    previous = backup.read_manifest(storage)
    BackupWriter(storage, other, spec.name, 2, previous).write(lambda: None)
    before = (study / "journal.sqlite3").stat().st_ino
    with Keeper(uri, study, print, settle_s=0.0) as keeper:
        monkeypatch.setattr(LeaseHolder, "same_driver", lambda self, other: False)
        monkeypatch.setattr(lease.LeaseHolder, "alive", lambda self: True)
        with pytest.raises(LeaseError, match="another driver holds this study"):
            keeper.begin(spec)
    assert (study / "journal.sqlite3").stat().st_ino == before
    journal.record("still_here", {})
