from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from journal_samples import SPEC, new_study, trial, trials

from caviar.errors import StudyError
from caviar.study import filesystem, opening, schema
from caviar.study.filesystem import filesystem_of, is_network
from caviar.study.journal import Journal

MOUNTS = r"""
/dev/vda / ext4 rw 0 0
server:/home /home nfs4 rw 0 0
tmpfs /home/ann/fast tmpfs rw 0 0
me@host: /mnt/my\040disk fuse.sshfs rw 0 0
/dev/vdb /data xfs rw 0 0
//nas/data /data cifs rw 0 0
odd
"""


@pytest.fixture
def public() -> Iterator[Path]:
    """A directory that other users can reach, as pytest's own cannot be."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def one_line(error: pytest.ExceptionInfo[StudyError], *parts: str) -> None:
    line = str(error.value)
    assert "\n" not in line
    for part in parts:
        assert part in line


def nfs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filesystem, "_mounts", lambda: "server:/ / nfs4 rw 0 0")


@pytest.mark.parametrize(
    ("path", "kind", "network"),
    [
        ("/work", "ext4", False),
        ("/homework", "ext4", False),
        ("/home/ann", "nfs4", True),
        ("/home/ann/fast/study/deeper", "tmpfs", False),
        ("/mnt/my disk/study", "fuse.sshfs", True),
        ("/data/study", "cifs", True),
    ],
)
def test_the_filesystem_is_found(path: str, kind: str, network: bool) -> None:
    assert filesystem_of(Path(path), MOUNTS) == kind
    assert is_network(kind) is network


def test_a_system_that_does_not_tell_is_trusted() -> None:
    assert filesystem_of(Path("/work"), "") is None
    assert is_network(None) is False
    assert is_network("fuseblk") is False


def test_network_filesystems_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study, fresh = tmp_path / "study", tmp_path / "fresh"
    journal = new_study(study)
    journal.add_trials(trials(0))
    nfs(monkeypatch)
    with pytest.raises(StudyError, match="must be on a disk of this machine, got nfs4"):
        Journal.create(fresh, SPEC, "abc")
    assert not fresh.exists()
    with pytest.raises(StudyError, match="got nfs4"):
        Journal.open(study, write=True)
    with pytest.raises(StudyError, match="got nfs4"):
        Journal.open(study)  # a log is pending, which another machine may be writing
    journal.close()
    with Journal.open(study) as reader:  # at rest the file is all there is
        assert reader.trials() == (trial(0),)


@pytest.mark.parametrize("write", [False, True])
def test_not_a_study(tmp_path: Path, write: bool) -> None:
    with pytest.raises(StudyError) as error:
        Journal.open(tmp_path, write)
    one_line(error, str(tmp_path), "not a study directory", "journal.sqlite3")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("write", [False, True])
@pytest.mark.parametrize("content", [b"", b"name = 'digits'\n" * 500])
def test_not_a_journal(tmp_path: Path, write: bool, content: bytes) -> None:
    (tmp_path / opening.FILE).write_bytes(content)
    with pytest.raises(StudyError) as error:
        Journal.open(tmp_path, write)
    one_line(error, "journal.sqlite3: it is not a journal of caviar's")
    assert (tmp_path / opening.FILE).read_bytes() == content


@pytest.mark.parametrize("write", [False, True])
def test_a_newer_journal_is_refused(tmp_path: Path, write: bool) -> None:
    new_study(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / opening.FILE)) as connection:
        connection.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
    with pytest.raises(StudyError) as error:
        Journal.open(tmp_path, write)
    one_line(error, "newer caviar", f"at most {schema.VERSION}, got {schema.VERSION + 1}")


def test_a_study_is_not_made_over_another(tmp_path: Path) -> None:
    new_study(tmp_path).close()
    with pytest.raises(StudyError, match="it holds a study already"):
        Journal.create(tmp_path, SPEC, "def")
    with pytest.raises(StudyError, match="it holds a study already"):
        schema.build(tmp_path / opening.FILE, "{}", "def", 0.0)  # as one who looked too early
    with Journal.open(tmp_path) as reader:
        assert reader.fingerprint == "abc"
    assert not [p.name for p in tmp_path.iterdir() if p.name.endswith(".tmp")]


def test_a_file_is_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "study").write_text("notes")
    with pytest.raises(StudyError) as error:
        Journal.create(tmp_path / "study", "{}", "abc")
    one_line(error, str(tmp_path / "study"), "not a directory")
    assert (tmp_path / "study").read_text() == "notes"


def test_nothing_half_made_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(source: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    (tmp_path / "there").mkdir()
    monkeypatch.setattr(os, "link", fail)
    for directory in (tmp_path / "a" / "b" / "study", tmp_path / "there"):
        with pytest.raises(StudyError, match="the disk is full"):
            Journal.create(directory, SPEC, "abc")
    assert [p.name for p in tmp_path.rglob("*")] == ["there"]


def test_drafts_of_the_dead_are_cleared_away(tmp_path: Path) -> None:
    for pid in (os.getppid(), 2**22 + 1):
        for end in (".tmp", ".tmp-wal"):
            (tmp_path / f".{opening.FILE}.{pid}{end}").write_bytes(b"?")
    new_study(tmp_path).close()
    drafts = {p.name for p in tmp_path.glob(".*")}
    assert drafts == {f".{opening.FILE}.{os.getppid()}{end}" for end in (".tmp", ".tmp-wal")}


def test_a_filesystem_without_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(source: Path, target: Path) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    with new_study(tmp_path) as journal:
        assert journal.fingerprint == "abc"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["checkpoints", opening.FILE]


def test_every_commit_waits_for_the_disk(tmp_path: Path) -> None:
    with new_study(tmp_path) as journal:
        full, on = (2,), (1,)
        assert journal._db.row("PRAGMA synchronous") == full
        assert journal._db.row("PRAGMA foreign_keys") == on
        assert journal._db.row("PRAGMA journal_mode") == ("wal",)


def test_odd_names_are_names(tmp_path: Path) -> None:
    directory = tmp_path / "100% of #1?mode=memory" / "ein süßer Versuch"
    with new_study(directory) as journal:
        journal.add_trials(trials(0))
        with Journal.open(directory) as reader:
            assert reader.trials() == (trial(0),)


WRITE_AND_DIE = """
import os, signal, sys
from pathlib import Path
from journal_samples import trials
from caviar.study.journal import Journal
journal = Journal.open(Path(sys.argv[1]), write=True)
journal.acquire_lease()
journal.add_trials(trials(2))
os.kill(os.getpid(), signal.SIGKILL)
"""


def killed_driver(directory: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WRITE_AND_DIE, str(directory)],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent)},
        timeout=30,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL


READ = """
import os, sys
from pathlib import Path
from caviar.errors import StudyError
from caviar.study.journal import Journal
os.setuid(65534)  # after the imports, whose files may be root's alone
try:
    with Journal.open(Path(sys.argv[1]), write=sys.argv[2] == "write") as journal:
        print(len(journal.trials()))
except StudyError as error:
    print(error)
"""


def as_a_guest(directory: Path, mode: str = "read") -> str:
    """What a user sees who may read the directory and not write it."""
    command = [sys.executable, "-c", READ, str(directory), mode]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
    return done.stdout.strip()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_a_guest_reads_what_it_can(public: Path) -> None:
    study = public / "study"
    new_study(study).close()
    assert as_a_guest(study) == "0"
    assert "cannot be written by this user" in as_a_guest(study, "write")
    with Journal.open(study, write=True) as journal:
        journal.acquire_lease()
        journal.add_trials(trials(0, 1))
        assert as_a_guest(study) == "2"  # beside a writer at work
        journal.release_lease()
    assert as_a_guest(study) == "2"
    assert sorted(p.name for p in study.iterdir()) == ["checkpoints", opening.FILE]
    killed_driver(study)
    assert as_a_guest(study) == "3"
    (study / f"{opening.FILE}-shm").unlink()
    assert "left a log behind, which only a user who may write here can read" in as_a_guest(study)
    with Journal.open(study) as reader:
        assert len(reader.trials()) == 3
