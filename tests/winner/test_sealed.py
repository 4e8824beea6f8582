"""The sealed test set: read once, after the winner is chosen, whatever is killed when."""

import json
import os
import shutil
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from made_winner import Watched, data_set, events, make_study, measured, stand_in, weights

from caviar.errors import LeaseError, StudyError
from caviar.study.journal import Journal
from caviar.study.lease import LeaseHolder
from caviar.winner import card, sealed, words
from caviar.winner import finish as finishing
from caviar.winner.finish import finish, refuse_second_reading
from caviar.winner.trained import Trained

QUALITIES = {"trial 1": [0.9, 0.8, 0.85], "baseline": [0.3, 0.2, 0.3]}


class Killed(BaseException):
    """Stands for whatever ends a process."""


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    return make_study(tmp_path_factory.mktemp("made") / "fruit", QUALITIES, data_set())


@pytest.fixture
def study(tmp_path, template, monkeypatch):
    stand_in(monkeypatch)
    return Path(shutil.copytree(template, tmp_path / "fruit")), data_set()


def quiet(_line):
    pass


def watched(data, look):
    return replace(data, test=Watched(data.test, look))


def unread(data):
    """The data with a test part that must not be looked at."""

    def look(name):
        raise AssertionError(f"the test set's {name} was read")

    return watched(data, look)


def kinds(directory):
    return [e.kind for e in events(directory) if e.kind in (sealed.CHOSEN, sealed.READ)]


def killed(*_, **__):
    raise Killed


def test_the_winner_is_journalled_before_anything_is_read(study):
    directory, data = study
    seen = []
    finish(directory, watched(data, lambda name: seen.append((name, kinds(directory)))), quiet)
    assert {name for name, _ in seen} == {"x", "y"}
    assert all(known == [sealed.CHOSEN] for _, known in seen)
    assert kinds(directory) == [sealed.CHOSEN, sealed.READ]


def test_what_the_journal_says_of_a_reading(study):
    directory, data = study
    told = finish(directory, data, quiet)
    chosen, read = (events(directory, kind)[0].detail for kind in (sealed.CHOSEN, sealed.READ))
    assert chosen["name"] == "trial 1"
    assert read["chosen"] == chosen
    assert read["readings"] == 1
    assert read["fingerprint"] == data.fingerprint
    assert str(os.getpid()) in read["by"]
    assert read["at"].endswith("+00:00")
    shown = {key: told["test"][key] for key in read["results"]}
    assert shown == read["results"]


def test_a_second_reading_is_refused_in_one_line(study):
    directory, data = study
    finish(directory, data, quiet)
    before = (directory / "winner" / "card.json").read_bytes()
    with pytest.raises(StudyError, match=r"was read at .* for trial 1; .* needs --reopen") as error:
        finish(directory, unread(data), quiet)
    assert "\n" not in str(error.value)
    with pytest.raises(StudyError, match="needs --reopen"):
        refuse_second_reading(directory)
    assert kinds(directory) == [sealed.CHOSEN, sealed.READ]
    assert (directory / "winner" / "card.json").read_bytes() == before


def test_reopening_is_counted_and_told_for_ever(study):
    directory, data = study
    finish(directory, data, quiet)
    refuse_second_reading(directory, reopen=True)
    for readings in (2, 3):
        told = finish(directory, data, quiet, reopen=True)
        assert told["test"]["readings"] == readings
        assert f"The test set was read {readings} times" in told["sentences"][-1]
    assert [e.detail["readings"] for e in events(directory, sealed.READ)] == [1, 2, 3]
    with pytest.raises(StudyError, match="needs --reopen"):
        finish(directory, data, quiet)


def test_other_data_are_refused_before_anything_happens(study):
    directory, data = study
    changed = replace(unread(data), fingerprint="cd" * 32)
    with pytest.raises(StudyError, match=r"data set changed .* abababababab\.\.\., got cdcdcd"):
        finish(directory, changed, quiet)
    assert kinds(directory) == []
    assert not (directory / "winner").exists()


def test_a_journal_without_data_is_refused(tmp_path):
    data = data_set()
    make_study(tmp_path / "fruit", QUALITIES, data)
    with Journal.open(tmp_path / "fruit", write=True) as journal:
        journal._db._connection.execute("DELETE FROM events WHERE kind = 'data_set_read'")
    with pytest.raises(StudyError, match="does not say what data"):
        finish(tmp_path / "fruit", data, quiet)


def test_killed_between_choice_and_reading(study, monkeypatch):
    directory, data = study
    with monkeypatch.context() as patched:
        patched.setattr(Trained, "on_test", killed)
        with pytest.raises(Killed):
            finish(directory, data, quiet)
    assert kinds(directory) == [sealed.CHOSEN]
    assert not list(directory.glob("*winner*"))
    assert finish(directory, data, quiet)["test"]["readings"] == 1
    assert kinds(directory) == [sealed.CHOSEN, sealed.READ]


def test_killed_between_reading_and_folder(study, monkeypatch):
    directory, data = study
    with monkeypatch.context() as patched:
        patched.setattr(card, "_put", killed)
        with pytest.raises(Killed):
            finish(directory, data, quiet)
    assert kinds(directory) == [sealed.CHOSEN, sealed.READ]
    assert not list(directory.glob("*winner*"))
    refuse_second_reading(directory)  # a card is still to be had
    lines = []
    told = finish(directory, unread(data), lines.append)
    assert any(line.endswith("that reading stands") for line in lines)
    assert told["test"]["readings"] == 1
    assert told["test"]["read_at"] == events(directory, sealed.READ)[0].detail["at"]
    assert kinds(directory) == [sealed.CHOSEN, sealed.READ]


POINTS = [
    (Trained, "on_dev"),
    (sealed, "choose"),
    (finishing, "export"),
    (Trained, "save_dev"),
    (sealed, "read"),
    (Trained, "on_test"),
    (words, "sentences"),
    (card, "write"),
    (card, "_sync"),
    (card, "_put"),
    (Journal, "release_lease"),
]
"""Where a process may die, in the order it comes by."""


@pytest.mark.parametrize("late", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("point", range(len(POINTS)), ids=[name for _, name in POINTS])
def test_killed_twice_anywhere(study, monkeypatch, point, late):
    directory, data = study
    looked = []
    seen = watched(data, looked.append)
    for place in (point, (point + 4) % len(POINTS)):
        with monkeypatch.context() as patched, suppress(Killed, StudyError):
            die_at(patched, *POINTS[place], late=late)
            finish(directory, seen, quiet)
        assert len(events(directory, sealed.READ)) <= 1
        assert not list(directory.glob(".winner-*"))
        if (directory / "winner").exists():
            assert json.loads((directory / "winner" / "card.json").read_text())["sentences"]
    looked_by_then = len(looked)
    was_read, was_there = events(directory, sealed.READ), (directory / "winner").exists()
    if was_there:
        with pytest.raises(StudyError, match="needs --reopen"):
            finish(directory, unread(data), quiet)
    else:
        told = finish(directory, unread(data) if was_read else seen, quiet)
        assert told["test"]["readings"] == 1
    assert not was_read or len(looked) == looked_by_then
    assert kinds(directory) == [sealed.CHOSEN, sealed.READ]


def die_at(patched, owner, name, *, late):
    """Ends the process, as it were, before or after something was done."""
    own = getattr(owner, name)

    def done_and_killed(*given, **named):
        if late:
            own(*given, **named)
        raise Killed

    patched.setattr(owner, name, done_and_killed)


PROGRAM = """
import os, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from made_winner import data_set
from caviar.winner import card, finish
finish.export = lambda folder, *_, **__: (folder / "model.keras").write_bytes(b"")
card._put = lambda *_: os.kill(os.getpid(), 9)
finish.finish(Path(sys.argv[2]), data_set(), print)
"""


def test_a_process_that_is_really_killed_leaves_nothing_that_misleads(study):
    directory, data = study
    here = str(Path(__file__).parent)
    command = [sys.executable, "-c", PROGRAM, here, str(directory)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == -9, done.stderr
    assert [p.name for p in directory.glob(".winner-*")]
    assert not (directory / "winner").exists()
    told = finish(directory, unread(data), quiet)
    assert told["test"]["readings"] == 1
    assert [p.name for p in directory.glob("*winner*")] == ["winner"]


def test_after_a_reopening_was_killed_its_results_stand(study, monkeypatch):
    directory, data = study
    finish(directory, data, quiet)
    with monkeypatch.context() as patched:
        patched.setattr(card, "_put", killed)
        with pytest.raises(Killed):
            finish(directory, data, quiet, reopen=True)
    assert finish(directory, unread(data), quiet)["test"]["readings"] == 2


def test_a_deleted_folder_is_made_again_from_the_journal(study):
    directory, data = study
    first = finish(directory, data, quiet)
    for path in sorted((directory / "winner").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    (directory / "winner").rmdir()
    assert finish(directory, unread(data), quiet)["test"] == first["test"]


def test_a_reading_for_another_winner_is_no_reading_for_this_one(study):
    directory, data = study
    finish(directory, data, quiet)
    with Journal.open(directory, write=True) as journal:
        db = journal._db._connection
        db.execute("UPDATE events SET detail = replace(detail, 'trial 1', 'trial 7')")
        db.execute("UPDATE events SET detail = replace(detail, 'trial 7', 'trial 1')"
                   " WHERE kind = 'retraining_begun'")  # fmt: skip
    (directory / "winner" / "card.json").unlink()
    with pytest.raises(StudyError, match=r"was read at .* for trial 7; a second reading"):
        finish(directory, unread(data), quiet)


def test_a_reading_for_another_training_is_no_reading_for_this_one(study):
    directory, data = study
    finish(directory, data, quiet)
    sha = events(directory, sealed.READ)[0].detail["chosen"]["checkpoints"][0]
    with Journal.open(directory, write=True) as journal:
        journal._db._connection.execute(
            f"UPDATE events SET detail = replace(detail, '{sha}', '{sha[::-1]}')"
        )
    (directory / "winner" / "card.json").unlink()
    with pytest.raises(StudyError, match="a second reading needs --reopen"):
        finish(directory, unread(data), quiet)


def test_a_damaged_reading(study):
    directory, data = study
    finish(directory, data, quiet)
    with Journal.open(directory, write=True) as journal:
        journal._db._connection.execute(
            "UPDATE events SET detail = replace(detail, '\"sampling\"', '\"x\"')"
        )
    (directory / "winner" / "card.json").unlink()
    with pytest.raises(StudyError, match="event test_read is damaged"):
        finish(directory, data, quiet)


def test_reading_needs_a_journalled_winner(study):
    directory, data = study
    with Journal.open(directory, write=True) as journal:
        journal.acquire_lease()
        with pytest.raises(ValueError, match="before the test set is read"):
            sealed.read(journal, {"name": "x"}, data.test, "f", lambda part: {})
        journal.release_lease()


def test_another_driver_is_respected(study):
    directory, data = study
    with Journal.open(directory, write=True) as journal:
        journal.acquire_lease(LeaseHolder.here(driver_pid=os.getppid()))
        with pytest.raises(LeaseError, match="another driver holds this study"):
            finish(directory, unread(data), quiet)
        journal.release_lease()


def test_the_lease_is_let_go_whatever_happens(study):
    directory, data = study
    with pytest.raises(StudyError):
        finish(directory, replace(data, fingerprint="x"), quiet)
    with Journal.open(directory) as journal:
        assert journal.lease().released_at is not None


def test_made_studies_measure_what_their_checkpoints_say():
    # What the other tests stand on: the planted runs differ in quality.
    data = data_set()
    good, bad = (measured(0, 1, data, weights(q, 0)).dev_accuracy for q in (0.95, 0.1))
    assert good > bad
