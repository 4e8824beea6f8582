"""A study printed by the helper job, checked and unpacked here."""

import hashlib
import io
import json
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from fake_dashboard import NODE

from caviar.errors import StudyError
from caviar.search.factory import caviar_strategy
from caviar.service import fetching, helper, sending, unpacking
from caviar.service.dashboard import Dashboard
from caviar.service.jobs import find
from caviar.service.receiving import receive
from caviar.service.sending import BEGIN, DATA, copy_journal, found, lines, pack
from caviar.service.unpacking import check_target, install, refuse_other, unpack
from caviar.study.journal import Journal
from caviar.study.records import Measurement
from caviar.study.spec import StudySpec

SPEC = StudySpec.parse("[search]\ntrials = 9\nmax_epochs = 9\n[training]\nbatch_size = 32\n")
ODD = ["{", "{}", "3", '{"bytes": 1e999, "sha256": ""}', "[" * 100_000]
"""Headers that no helper of ours prints."""


def begin(directory, spec=SPEC):
    with Journal.create(directory, spec.to_json(), spec.fingerprint) as journal:
        journal.acquire_lease()
        journal.record("driver_started", {})
        strategy = caviar_strategy(spec)
        order = strategy.next_assignment()
        number = journal.issue(order, decisions=strategy.news())
        attempt = journal.start_attempt(number, "slice")
        measured = [Measurement(t, 1, 0.5, 0.9, 0.4, 0.8, 0.1) for t in order.trials]
        files = dict.fromkeys(order.trials, (1, b"x" * 1000))
        journal.report(number, attempt, measured, files, True)
        journal.release_lease()
    return directory


@pytest.fixture
def study(tmp_path):
    """A study with a winner and a retraining, and things that are nobody's business."""
    directory = begin(tmp_path / "there" / "small")
    begin(directory / "retraining-1")
    (directory / "winner" / "model").mkdir(parents=True)
    (directory / "winner" / "card.json").write_text("{}")
    (directory / "winner" / "model" / "weights.npz").write_bytes(b"w" * 200_000)
    (directory / "winner" / "link").symlink_to("/etc/hostname")
    (directory / "auth_token").write_text("secret")
    (directory / "retraining-x").mkdir()
    return directory


def printed(directory, checkpoints=False):
    archive = io.BytesIO()
    count = pack(directory, archive, checkpoints)
    return list(lines(archive, count))


def archived(*members):
    """A compressed tar of (TarInfo or name, content)."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        for member, content in members:
            info = member if isinstance(member, tarfile.TarInfo) else tarfile.TarInfo(member)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return archive


def quiet(line):
    raise AssertionError(f"nothing was to be said, but: {line}")


def test_what_makes_a_study_goes_along_and_nothing_else(study):
    names = [path.relative_to(study).as_posix() for path in found(study, False)]
    journals = ["journal.sqlite3", "retraining-1/journal.sqlite3"]
    assert names == [*journals, "winner/card.json", "winner/model/weights.npz"]
    assert sum(path.parent.name == "checkpoints" for path in found(study, True)) == 18
    assert not any("auth_token" in str(path) for path in found(study, True))


def test_there_and_back_it_is_the_same_study(study, tmp_path):
    with tempfile_of(printed(study, checkpoints=True)) as archive:
        files = unpack(archive, tmp_path / "copy")
    assert files == len(list(found(study, True)))
    for part in ("", "retraining-1"):
        with Journal.open(study / part) as then, Journal.open(tmp_path / "copy" / part) as now:
            assert now.measurements() == then.measurements()
            assert list(now.entries()) == list(then.entries())
            assert now.read_checkpoint(now.checkpoints()[0]) == b"x" * 1000
    weights = tmp_path / "copy" / "winner" / "model" / "weights.npz"
    assert weights.read_bytes() == b"w" * 200_000


def tempfile_of(told):
    archive = io.BytesIO()
    receive(["Running entrypoint", *told, "more"], archive, quiet)
    return archive


def test_the_journal_is_copied_whole_while_a_driver_writes(study, tmp_path):
    with Journal.open(study, write=True) as journal:
        journal.acquire_lease()
        journal.record("slice_arrived", {"n": 1})  # in the log, not yet in the file
        copy_journal(study / "journal.sqlite3", tmp_path / "journal.sqlite3")
        journal.record("slice_arrived", {"n": 2})
    with Journal.open(tmp_path) as copied:
        assert [event.detail for event in copied.events("slice_arrived")] == [{"n": 1}]
    assert {path.name for path in tmp_path.iterdir()} == {"journal.sqlite3", "there"}


def test_the_script_runs_alone(study, tmp_path):
    command = [sys.executable, "-I", sending.__file__]
    told = subprocess.run([*command, study], capture_output=True, text=True, check=True)
    assert tempfile_of(told.stdout.splitlines()).getbuffer().nbytes > 0
    empty = subprocess.run([*command, tmp_path], capture_output=True, text=True, check=False)
    assert empty.returncode == 1
    with pytest.raises(StudyError, match=r"^fetch: .*there is no study yet"):
        receive(empty.stdout.splitlines(), io.BytesIO(), quiet)


def test_what_came_damaged_is_refused(study):
    told = printed(study)
    assert len(told) > 1
    other = DATA + ("A" * 8)
    short = BEGIN + json.dumps({"bytes": 3, "sha256": hashlib.sha256(b"abc").hexdigest()})
    for damaged in (
        told[:-1],
        [*told, other],
        [told[0], other, *told[2:]],
        [told[0], *told[1:], told[-1]],
        [short, DATA + "YWJk"],
    ):
        with pytest.raises(StudyError, match="bytes came, or others; try again"):
            receive(damaged, io.BytesIO(), quiet)
    for damaged in ([told[0], DATA + "not base64!"], *([BEGIN + odd] for odd in ODD)):
        with pytest.raises(StudyError, match="try again"):
            receive(damaged, io.BytesIO(), quiet)
    with pytest.raises(StudyError, match=r"printed no study: python: not found$"):
        receive(["Running", "python: not found", ""], io.BytesIO(), quiet)


@pytest.mark.parametrize(
    "name",
    ["/etc/cron.d/x", "../x", "a/../../x", "a/..", "./x", "a//b", "a\\b", "a\nb", ".", ""],
)
def test_no_name_leads_outside(tmp_path, name):
    with pytest.raises(StudyError, match="refused to unpack"):
        unpack(archived(("fine", b"x"), (name, b"evil")), tmp_path / "copy")
    assert {path.name for path in tmp_path.rglob("*")} <= {"copy", "fine"}


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.DIRTYPE]
)
def test_nothing_but_regular_files(tmp_path, kind):
    member = tarfile.TarInfo("link")
    member.type, member.linkname = kind, "/etc/passwd"
    with pytest.raises(StudyError, match="refused to unpack link"):
        unpack(archived((member, b"")), tmp_path / "copy")
    assert not (tmp_path / "copy" / "link").exists()


def test_no_bomb_and_no_name_twice(tmp_path, monkeypatch):
    with pytest.raises(StudyError, match="cannot be unpacked"):
        unpack(archived(("a", b"1"), ("a", b"2")), tmp_path / "twice")
    with pytest.raises(StudyError, match="cannot be unpacked"):
        unpack(io.BytesIO(b"no tar"), tmp_path / "none")
    spoilt = bytearray(archived(("a", b"".join(b"%d," % k for k in range(60_000)))).getvalue())
    half = len(spoilt) // 2
    spoilt[half : half + 1000] = b"\xff" * 1000
    with pytest.raises(StudyError, match="cannot be unpacked"):
        unpack(io.BytesIO(spoilt), tmp_path / "spoilt")
    monkeypatch.setattr(unpacking, "MOST_BYTES", 1000)
    with pytest.raises(StudyError, match="refused to unpack b"):
        unpack(archived(("a", b"1"), ("b", b"0" * 1000)), tmp_path / "bomb")


def test_a_place_that_holds_something_else_is_refused(study, tmp_path):
    check_target(tmp_path / "new")
    check_target(study)
    (tmp_path / "full").mkdir()
    check_target(tmp_path / "full")
    (tmp_path / "full" / "file").touch()
    with pytest.raises(StudyError, match="holds other files and no study"):
        check_target(tmp_path / "full")
    for path in (tmp_path / "full" / "file", tmp_path / "link"):
        if path.name == "link":
            path.symlink_to(study)
        with pytest.raises(StudyError, match="must be a directory, or not be there"):
            check_target(path)


def test_a_study_goes_over_an_older_copy_of_itself_only(study, tmp_path):
    copy, here = tmp_path / "copy", tmp_path / "here"
    unpack(tempfile_of(printed(study)), copy)
    refuse_other(here, copy)
    install(copy, here)
    assert not copy.exists()
    with Journal.open(study, write=True) as journal:
        journal.acquire_lease()
        journal.record("slice_arrived", {})
    unpack(tempfile_of(printed(study)), copy)
    (here / "journal.sqlite3-wal").write_bytes(b"of the older one")
    (here / "notes.txt").write_text("mine")
    refuse_other(here, copy)
    install(copy, here)
    with Journal.open(here) as journal:
        assert journal.events("slice_arrived")
    assert (here / "notes.txt").read_text() == "mine"

    begin(tmp_path / "other")  # the same study file, but another study
    with pytest.raises(StudyError, match="holds another study"):
        refuse_other(tmp_path / "other", here)
    with Journal.open(here, write=True) as journal:
        journal.acquire_lease()
        strategy = caviar_strategy(SPEC)
        strategy.next_assignment()
        strategy.news()
        strategy.observe(journal.measurements())
        order = strategy.next_assignment()
        number = journal.issue(order, decisions=strategy.news())
        attempt = journal.start_attempt(number, "slice")
        more = [Measurement(order.trials[0], 2, 0.5, 0.9, 0.4, 0.8, 0.1)]
        journal.report(number, attempt, more, {}, False)
    unpack(tempfile_of(printed(study)), tmp_path / "late")
    with pytest.raises(StudyError, match="knows more than what came"):
        refuse_other(here, tmp_path / "late")


@pytest.fixture
def helped(fake, monkeypatch, study):
    """The cluster runs the helper job as soon as it is submitted; what was submitted."""
    sent = []

    def send(dashboard, **job):
        folder = Path(job["runtime_env"]["working_dir"])
        assert [path.name for path in folder.iterdir()] == ["sending.py"]
        name = job["submission_id"]
        fake.add(name, None, "SUCCEEDED")
        fake.logs[name] = "\n".join(["Running entrypoint", *printed(study)])
        sent.append(job)

    monkeypatch.setattr(fetching, "send", send)
    monkeypatch.setattr(fetching, "report_line", lambda directory: "report: none")
    fake.add("caviar-small-1", "small")
    return sent


def test_fetch_asks_on_the_driver_s_node_and_takes_the_helper_away(
    fake, helped, caviar, study, tmp_path
):
    status, out, complaint = caviar("fetch", "small", tmp_path / "got" / "here")
    assert (status, complaint) == (0, "")
    assert out.startswith("4 files, ")
    (job,) = helped
    assert job["entrypoint"] == 'python sending.py "${CAVIAR_HOME:-$HOME/caviar}"/studies/small'
    assert job["entrypoint_label_selector"] == {"ray.io/node-id": NODE}
    assert set(fake.jobs) == {"caviar-small-1"}
    with Journal.open(study) as then, Journal.open(tmp_path / "got" / "here") as now:
        assert now.measurements() == then.measurements()
    assert [path.name for path in (tmp_path / "got").iterdir()] == ["here"]


def test_fetch_of_what_cannot_be_had(fake, helped, refused, tmp_path):
    fake.nodes = ["other"]
    assert "the node that has the study is gone" in refused("fetch", "small", tmp_path / "got")
    fake.add("caviar-waits-1", "waits", "PENDING")
    assert "no study was begun" in refused("fetch", "waits", tmp_path / "got")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    assert "holds other files" in refused("fetch", "small", tmp_path / "full")
    assert not helped
    assert not (tmp_path / "got").exists()
    fake.nodes = [NODE]
    line = refused("fetch", "small", tmp_path / "full" / "file" / "x")
    assert line == f"{tmp_path}/full/file/x: cannot be written: File exists"
    line = refused("fetch", "small", "/proc/x")
    assert line == "/proc/x: cannot be written: No such file or directory"


def test_a_helper_that_fails_is_told_and_taken_away(fake, helped, refused, monkeypatch, tmp_path):
    def fails(dashboard, **job):
        fake.add(job["submission_id"], None, "FAILED")
        fake.logs[job["submission_id"]] = "Running\n/bin/sh: 1: python: not found\n"

    monkeypatch.setattr(fetching, "send", fails)
    line = refused("fetch", "small", tmp_path / "got")
    assert line == "fetch: the helper job printed no study: /bin/sh: 1: python: not found"
    assert set(fake.jobs) == {"caviar-small-1"}
    assert list(tmp_path.glob("*got*")) == []


def test_a_living_node_is_found_among_many_that_are_gone(fake, helped, caviar, tmp_path):
    """Ray remembers a thousand dead nodes, and tells a hundred unless asked for more."""
    asked = []
    get = fake.get

    def limited(path, query):
        if path == "/api/v0/nodes":
            asked.append(int(query.get("limit", ["100"])[0]))
        return get(path, query)

    fake.get = limited
    assert caviar("fetch", "small", tmp_path / "got")[0] == 0
    assert asked[0] >= 2000


def test_a_checkpoint_that_a_driver_deletes_meanwhile_is_left_out(study, tmp_path, monkeypatch):
    listed = list(found(study, True))
    gone = [path for path in listed if path.parent.name == "checkpoints"][:2]
    monkeypatch.setattr(sending, "found", lambda *_: listed)
    for path in gone:
        path.unlink()
    with tempfile_of(printed(study, checkpoints=True)) as archive:
        assert unpack(archive, tmp_path / "copy") == len(listed) - 2


def test_a_helper_that_does_not_end_when_it_is_stopped_keeps_nobody(fake, helped, monkeypatch):
    def send(dashboard, **job):
        fake.add(job["submission_id"], None)

    monkeypatch.setattr(fetching, "send", send)
    monkeypatch.setattr(helper, "STOP_S", 0.1)
    monkeypatch.setattr(fake, "stop", lambda name: (200, b"{}"))
    told = fetching._helper(Dashboard(fake.url), find(Dashboard(fake.url), "small"), False)
    with pytest.raises(KeyboardInterrupt), told:
        raise KeyboardInterrupt
    assert [asked.split()[0] for asked in fake.asked][-1] == "DELETE"
