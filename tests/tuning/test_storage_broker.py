"""A broker whose checkpoints are in a storage that may be gone, or may have lost some."""

import threading

import pytest
from stand_ins import StandIn
from test_broker import deliver, take_up, work

from caviar.errors import StudyError
from caviar.study.backup_writer import BackupWriter
from caviar.study.records import Claim
from caviar.study.storage import Storage, StorageError
from caviar.tuning import broker as module
from caviar.tuning import claims
from caviar.tuning.backing import Backing, read_at_once, use_storage
from caviar.tuning.messages import Finished, Wait


@pytest.fixture
def kept(tmp_path):
    """A study a few assignments old, its checkpoints carried to a storage."""
    storage = Storage(str(tmp_path / "storage"))
    journal, broker = take_up(tmp_path / "s")
    use_storage(journal, Backing(storage.uri, 1, {}))
    worker = StandIn()
    for _ in range(3):
        claim = broker.claim("a", worker.warm)
        deliver(broker, "a", claim, worker)
    BackupWriter(storage, tmp_path / "s", "digits", 1, None).carry()
    assert not list((tmp_path / "s" / "checkpoints").iterdir())
    return journal, broker, worker, storage


def test_a_storage_that_is_gone_costs_no_trial(kept, monkeypatch):
    journal, broker, worker, _ = kept
    monkeypatch.setattr(module, "ANEW_S", 0.0)

    def gone(file):
        raise StorageError("gone")

    with monkeypatch.context() as outage:
        outage.setattr(journal._store, "_elsewhere", gone)
        before = journal.measured_epochs
        for _ in range(200):
            order = broker.claim("a", worker.warm)
            assert not isinstance(order, Finished)
            if isinstance(order, Wait):
                break
            deliver(broker, "a", order, worker)
        assert isinstance(order, Wait)  # all that is left needs what is there
        assert journal.measured_epochs > before
    work(broker, worker)
    assert broker.finished
    assert broker.counts()["failed"] == 0
    assert journal.trained_epochs == journal.measured_epochs


def test_a_lost_checkpoint_is_said_and_trained_again(kept):
    journal, broker, worker, storage = kept
    gone = journal.checkpoints()
    for record in gone:
        storage.delete(f"checkpoints/{record.file}")
    before = set(journal.measurements())
    (line,) = use_storage(journal, Backing(storage.uri, 1, {}))
    assert line.startswith("checkpoints of trial")
    assert line.endswith(" are lost: trained again from an earlier one, or anew")
    assert isinstance(broker.claim("a", worker.warm), Claim)
    work(broker, worker)
    assert broker.counts()["failed"] == 0
    assert before <= set(journal.measurements())
    assert journal.trained_epochs > journal.measured_epochs


def test_who_backs_a_study_is_told_without_its_secret(monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "once-upon-a-secret")
    backing = Backing.here("s3://a/b", 3)
    assert backing.environment["AWS_SECRET_ACCESS_KEY"] == "once-upon-a-secret"
    assert "secret" not in repr(backing)


def test_the_checkpoints_of_a_stack_are_fetched_at_once(kept, monkeypatch):
    """Each waits for another, which reading one after another would never end."""
    journal, _, _, storage = kept
    records = journal.checkpoints()[:4]
    assert len(records) >= 2
    together, get = threading.Barrier(len(records)), Storage.get

    def far(self, key):
        together.wait(5.0)
        return get(self, key)

    monkeypatch.setattr(Storage, "get", far)
    storage.delete(f"checkpoints/{records[0].file}")
    gone, *read = read_at_once(journal, records)
    assert isinstance(gone, StudyError)
    assert all(isinstance(data, bytes) for data in read)


def test_a_broker_fetches_a_stack_at_once(kept, monkeypatch):
    _, broker, worker, _ = kept
    counts = []
    monkeypatch.setattr(
        claims, "read_at_once", lambda j, r: counts.append(len(list(r))) or read_at_once(j, r)
    )
    work(broker, worker)
    assert max(counts) > 1
    assert broker.counts()["failed"] == 0


def test_a_storage_that_does_not_answer_is_raised(kept, monkeypatch):
    journal, _, _, _ = kept

    def gone(self, key):
        raise StorageError("gone")

    monkeypatch.setattr(Storage, "get", gone)
    with pytest.raises(StorageError, match="gone"):
        read_at_once(journal, [None, *journal.checkpoints()])
    assert read_at_once(journal, [None]) == [None]
