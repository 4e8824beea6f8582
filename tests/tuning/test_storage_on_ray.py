"""A study backed up to an S3 server: driver killed, its directory deleted, and it goes on."""

import os
import shutil

import pytest
from drivers import PATIENCE_S, finish
from s3_server import serving
from waiting import wait_for

from caviar.report.account import account
from caviar.study import backup
from caviar.study.journal import Journal
from caviar.study.storage import Storage

pytestmark = [pytest.mark.ray, pytest.mark.timeout(600)]
OPTIONS = ("--name", "stored", "--trials", "60", "--epochs", "27")
ONE_SLICE = ("--resources", "max_slices = 1")


@pytest.fixture
def s3(monkeypatch, caplog):
    """The address of a bucket; this process and those it starts may use it."""
    caplog.set_level("ERROR", "werkzeug")
    with serving() as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        yield "s3://studies/a/b"


@pytest.fixture
def begin(start):
    """Begins a study with a storage."""

    def begin(directory, worker, uri, *options):
        keys = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
        given = "--storage", uri, *OPTIONS, *ONE_SLICE, *options
        return start(directory, worker, *given, **keys)

    return begin


def measurements(journal):
    return set(
        journal._db.rows("SELECT entry, trial, epoch, dev_loss, recorded_at FROM measurements")
    )


def backed_up(uri, folder):
    """The measurements that the current backup holds."""
    storage = Storage(uri)
    manifest = backup.read_manifest(storage)
    if manifest is None:
        return set()
    folder.mkdir(exist_ok=True)
    backup.unpack(storage, manifest.copies[""], folder / "journal.sqlite3")
    with Journal.open(folder) as journal:
        return measurements(journal)


def test_a_study_goes_on_from_its_backup_on_another_disk(begin, tmp_path, s3):
    first, second = tmp_path / "first", tmp_path / "second"
    driver = begin(first, "endless", s3)
    try:
        wait_for(lambda: len(backed_up(s3, tmp_path / "look")) >= 12, PATIENCE_S)
        code, out = finish(begin(second, "slow", s3))  # while the first one lives
        assert code == 2, out
        assert f"StudyError: --storage {s3}: another driver holds this study: host " in out
        assert f"pid {driver.pid}, since " in out
        assert not second.exists()
    finally:
        driver.kill()
        _, told = finish(driver)
    assert "once-upon-a-secret" not in told
    saved = backed_up(s3, tmp_path / "look")
    with Journal.open(first) as journal:
        acknowledged = measurements(journal)
    assert saved <= acknowledged
    shutil.rmtree(first)
    code, out = finish(begin(second, "slow", s3))
    assert code == 0, out
    assert f"restored from {s3}: the journal as of " in out
    assert f"{len(saved)} trial-epochs stand" in out
    with Journal.open(second) as journal:
        after = measurements(journal)
        pairs = [(trial, epoch) for _, trial, epoch, *_ in after]
        outcome = account(journal)
        named = {record.file for record in journal.checkpoints()}
    assert saved <= after  # every measurement of the backup stands as it was ...
    assert len(pairs) == len(set(pairs))  # ... and none twice
    assert outcome["status"] == "finished"
    assert outcome["counts"]["failed"] == 0
    assert backed_up(s3, tmp_path / "look") == after
    assert named <= set(Storage(s3).list("checkpoints"))
    assert list((second / "checkpoints").iterdir()) == []  # they went there, and are not kept here


def test_a_study_goes_on_while_its_storage_is_gone(begin, tmp_path):
    directory, place = tmp_path / "study", tmp_path / "shared"
    options = ("--name", "outage", "--trials", "250")
    driver = begin(directory, "slow", str(place), *options)
    out = ""
    try:
        wait_for(lambda: len(backed_up(str(place), tmp_path / "look")) >= 10, PATIENCE_S)
        place.rename(tmp_path / "away")
        place.write_text("no directory any more")
        for line in driver.stdout:
            out += line
            if "the study goes on" in line:
                break
        with Journal.open(directory) as journal:
            before = journal.measured_epochs

        def goes_on():
            with Journal.open(directory) as journal:
                return journal.measured_epochs > before + 10

        wait_for(goes_on, PATIENCE_S)
        place.unlink()
        (tmp_path / "away").rename(place)
        code, rest = finish(driver)
        out += rest
    finally:
        driver.kill()
    assert code == 0, out
    assert f"warning: --storage {place}: cannot be " in out
    assert "the study goes on, the last backup is as of" in out
    assert f"{place} answers again; the backup is as of" in out
    with Journal.open(directory) as journal:
        assert account(journal)["counts"]["failed"] == 0
        assert backed_up(str(place), tmp_path / "look") == measurements(journal)
        named = {record.file for record in journal.checkpoints()}
    assert named <= set(Storage(str(place)).list("checkpoints"))
