"""A study fetched from its storage: named itself, or because the driver's node or disk is gone."""

import shlex
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from test_fetching import begin

from caviar.service import fetching, sending, stored
from caviar.study import backup_winner, rows
from caviar.study.backup_writer import BackupWriter
from caviar.study.checkpoints import files_in
from caviar.study.journal import Journal
from caviar.study.storage import Storage, StorageError


def keep(study, folder):
    """A backup, as a driver with a storage makes it: the checkpoints are in it alone then."""
    storage = Storage(str(folder))
    for part in sending.studies(study):
        with Journal.open(part, write=True) as journal:
            journal.acquire_lease()
            place = part.relative_to(study).as_posix().strip(".")
            journal.record(rows.STORAGE, {"uri": storage.uri, "part": place})
            journal.release_lease()
    writer = BackupWriter(storage, study, "digits", 1, None)
    writer.carry()
    writer.write(lambda: None)
    backup_winner.put_winner(storage, study)


@pytest.fixture
def study(tmp_path):
    """Where the driver is: a search and a retraining, whose checkpoints are in the storage."""
    directory = begin(tmp_path / "there" / "digits")
    begin(directory / "retraining-1")
    (directory / "winner").mkdir()
    (directory / "winner" / "card.json").write_text("{}")
    keep(directory, tmp_path / "storage")
    assert not files_in(directory / "checkpoints")
    return directory


@pytest.fixture
def job(fake, study, tmp_path, monkeypatch):
    """The study's job; a helper job prints what its words say, as it would there."""

    def send(dashboard, **asked):
        name, words = asked["submission_id"], shlex.split(asked["entrypoint"])
        directory = Path(words[2].replace("${CAVIAR_HOME:-$HOME/caviar}", str(tmp_path)))
        done = subprocess.run(
            [sys.executable, "-I", sending.__file__, directory, *words[3:]],
            capture_output=True,
            text=True,
            check=False,
        )
        fake.add(name, None, "FAILED" if done.returncode else "SUCCEEDED")
        fake.logs[name] = "Running entrypoint\n" + done.stdout

    monkeypatch.setattr(fetching, "send", send)
    monkeypatch.setattr(fetching, "report_line", lambda directory: "report: none")
    told = fake.add("caviar-digits-1", "digits", "STOPPED")
    told["metadata"] |= {"caviar.storage": str(tmp_path / "storage"), "caviar.dir": "there/digits"}
    return told


def checkpoints(study):
    """Those that are there, and those that the journals name."""
    here, named = set(), set()
    for part in sending.studies(study):
        place = part.relative_to(study)
        here |= {str(place / file) for file in files_in(part / "checkpoints")}
        with Journal.open(part) as journal:
            named |= {str(place / record.file) for record in journal.checkpoints()}
    return here, named


def same(study, copy):
    for part in ("", "retraining-1"):
        with Journal.open(study / part) as then, Journal.open(copy / part) as now:
            assert list(now.entries()) == list(then.entries())
            assert now.measurements() == then.measurements()
    assert (copy / "winner" / "card.json").read_text() == "{}"
    return True


def test_a_storage_is_fetched_without_a_cluster(fake, study, caviar, tmp_path, monkeypatch):
    monkeypatch.setattr(fetching, "report_line", lambda directory: "report: none")
    status, out, complaint = caviar("fetch", tmp_path / "storage", tmp_path / "got")
    assert (status, complaint) == (0, "")
    line, report = out.splitlines()
    assert line.startswith("digits as of 20")
    assert line.endswith(f": 9 trial-epochs, the winner, in {tmp_path}/got")
    assert report == "report: none"
    assert same(study, tmp_path / "got")
    assert not checkpoints(tmp_path / "got")[0]
    assert fake.asked == []

    # Once more over the older copy, with the checkpoints.
    status, out, _ = caviar(
        "fetch", f"file://{tmp_path}/storage", tmp_path / "got", "--checkpoints"
    )
    assert (status, "18 checkpoints" in out) == (0, True), out
    here, named = checkpoints(tmp_path / "got")
    assert here == named
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_a_report_comes_with_it(study, caviar, tmp_path):
    (tmp_path / "storage" / backup_winner.MARKER).unlink()  # whose card is only a stand-in
    _, out, _ = caviar("fetch", tmp_path / "storage", tmp_path / "got")
    assert out.splitlines()[1] == f"report: {tmp_path}/got/report.html"
    assert (tmp_path / "got" / "report.html").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("happened", "why"),
    [
        ("node", "the node that has the study is gone"),
        ("disk", "{study}: there is no study yet"),
        ("never", "it is failed, and no study was begun"),
    ],
)
def test_what_is_gone_from_the_cluster_comes_from_its_storage(
    fake, job, study, caviar, tmp_path, happened, why
):
    if happened == "node":
        fake.nodes = ["another"]
    elif happened == "never":
        job |= {"driver_node_id": None, "status": "FAILED"}
    else:
        study = study.rename(tmp_path / "moved")
    status, out, complaint = caviar("fetch", "digits", tmp_path / "got", "--checkpoints")
    assert (status, complaint) == (0, "")
    first, second, _ = out.splitlines()
    told = why.format(study=tmp_path / "there" / "digits")
    assert first == f"caviar-digits-1: {told}; it comes from its storage {tmp_path}/storage"
    assert "18 checkpoints" in second
    assert same(study, tmp_path / "got")


def test_without_a_storage_what_is_gone_is_gone(fake, job, study, refused, tmp_path):
    job["metadata"]["caviar.storage"] = ""
    fake.nodes = ["another"]
    line = refused("fetch", "digits", tmp_path / "got")
    assert line == "caviar-digits-1: the node that has the study is gone, and it had no --storage"


def test_another_study_s_storage_is_refused(fake, job, caviar, tmp_path):
    job["metadata"]["caviar.study"] = "other"
    fake.nodes = ["another"]
    status, _, complaint = caviar("fetch", "other", tmp_path / "got")
    line = f"caviar: {tmp_path}/storage: holds the study digits, and not other\n"
    assert (status, complaint) == (2, line)
    assert not (tmp_path / "got").exists()


def test_a_folder_of_the_cluster_s_is_no_folder_of_this_machine(fake, job, refused, tmp_path):
    (tmp_path / "storage").rename(tmp_path / "elsewhere")
    fake.nodes = ["another"]
    line = refused("fetch", "digits", tmp_path / "got")
    assert line.endswith(
        "its storage is a folder that only machines of the cluster have: on one of them: "
        f"caviar fetch {tmp_path}/storage DIR"
    )


@pytest.mark.parametrize(
    "storage", ["s3://u:p@bucket/x", "relative", "s3://b/x?access_key=k", "~/x"]
)
def test_what_a_job_says_of_its_storage_is_vouched_for_by_nobody(
    fake, job, refused, tmp_path, storage
):
    job["metadata"]["caviar.storage"] = storage
    fake.nodes = ["another"]
    assert refused("fetch", "digits", tmp_path / "got").startswith("--storage: ")


def test_checkpoints_in_a_folder_come_from_the_cluster(fake, job, study, caviar, tmp_path):
    """A folder that the machines share is there, whether or not it is here too."""
    status, out, complaint = caviar("fetch", "digits", tmp_path / "got", "--checkpoints")
    assert (status, complaint) == (0, "")
    assert out.startswith("21 files, ")
    here, named = checkpoints(tmp_path / "got")
    assert here == named
    assert len(named) == 18
    assert same(study, tmp_path / "got")


def test_checkpoints_in_a_bucket_come_from_there(fake, job, study, caviar, tmp_path, monkeypatch):
    """The study comes from its node, what of it is in the storage from there, by its journals."""
    monkeypatch.setattr(fetching, "folder_of", lambda uri: "")  # as of a bucket
    spoilt = sorted((tmp_path / "storage" / "checkpoints").iterdir())[0]
    spoilt.write_bytes(b"other")
    status, out, complaint = caviar("fetch", "digits", tmp_path / "got", "--checkpoints")
    assert (status, complaint) == (0, "")
    note, line, _ = out.splitlines()
    assert note.startswith(f"note: 1 checkpoint did not come: {spoilt.name}: ")
    assert "its SHA-256 must be" in note
    assert ", 17 checkpoints from its storage, in " in line
    here, named = checkpoints(tmp_path / "got")
    assert named - here == {spoilt.name}
    assert "checkpoints from" not in caviar("fetch", "digits", tmp_path / "bare")[1]


def test_a_name_in_a_journal_leads_nowhere_else(job, study, caviar, tmp_path, monkeypatch):
    monkeypatch.setattr(fetching, "folder_of", lambda uri: "")
    evil = tmp_path / "storage" / "evil"
    evil.write_bytes(next((tmp_path / "storage" / "checkpoints").iterdir()).read_bytes())
    with closing(sqlite3.connect(study / "journal.sqlite3")) as journal, journal:
        journal.execute("UPDATE checkpoints SET file = '../evil' WHERE trial = 0")
    caviar("fetch", "digits", tmp_path / "got", "--checkpoints")
    assert list(tmp_path.rglob("evil")) == [evil]


def test_a_bucket_that_does_not_answer_is_asked_no_more(job, caviar, tmp_path, monkeypatch):
    monkeypatch.setattr(fetching, "folder_of", lambda uri: "")
    monkeypatch.setattr(stored, "AT_ONCE", 1)
    asked = []

    def silent(storage, key):
        asked.append(key)
        raise StorageError(f"--storage {storage.uri}: cannot be read: no credentials")

    monkeypatch.setattr(Storage, "get", silent)
    status, out, complaint = caviar("fetch", "digits", tmp_path / "got", "--checkpoints")
    assert (status, complaint) == (0, "")
    why = f"{tmp_path}/storage: cannot be read: no credentials"
    lines = [f"note: 9 checkpoints did not come: {why}"] * 2  # the search's, the retraining's
    assert out.splitlines()[:2] == lines
    assert len(asked) == 2


@pytest.mark.parametrize(
    ("uri", "line"),
    [
        ("{tmp}/nowhere", "{tmp}/nowhere: there is no such folder on this machine"),
        ("{tmp}/there", "{tmp}/there: holds no study"),
        ("{tmp}/there/digits", "{tmp}/there/digits: is a study directory itself, and no storage"),
        ("ftp://x/y", "fetch: must be a directory, s3://bucket/prefix or gs://bucket/prefix"),
        ("s3://u:p@b/x", "fetch: must hold no password"),
    ],
)
def test_what_is_no_storage_is_one_line(study, refused, tmp_path, uri, line):
    told = refused("fetch", uri.format(tmp=tmp_path), tmp_path / "got")
    assert told.startswith(line.format(tmp=tmp_path))
    assert not (tmp_path / "got").exists()


def test_a_storage_has_no_dashboard_and_a_full_place_no_room(study, refused, tmp_path):
    url = "http://127.0.0.1:1"
    line = refused("fetch", tmp_path / "storage", tmp_path / "got", "--dashboard", url)
    assert line == "--dashboard: is for a submitted study, and a storage is named"
    assert "holds other files" in refused("fetch", tmp_path / "storage", tmp_path)
    other = begin(tmp_path / "other")
    assert "holds another study" in refused("fetch", tmp_path / "storage", other)
