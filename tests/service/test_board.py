"""The files that a job's driver writes beside its log: what they hold, and how far apart."""

import json
import os
import time

import pytest
from web_studies import Driver

from caviar.service import board as board_module
from caviar.service.board import Board, folder_of_this_job
from caviar.service.board_files import (
    MOST,
    PAGE,
    ROUNDS,
    SHARED,
    STATUS,
    TRIALS,
    decoded,
    file_of,
)


@pytest.fixture
def driver(tmp_path):
    made = Driver(tmp_path / "study", 45)
    made.train(range(12), last=3)
    yield made
    made.journal.close()


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "logs" / "caviar" / "job"
    made.mkdir(parents=True)
    return made


def read(folder, file):
    found = decoded(file, (folder / file).read_bytes())
    assert found is not None, f"{file} is not what its readers take"
    return found


def test_a_job_finds_the_folder_of_its_log(tmp_path, monkeypatch):
    log = tmp_path / "job-driver-caviar-s-1.log"
    monkeypatch.setattr(os, "readlink", lambda path: str(log))
    assert folder_of_this_job() is None
    monkeypatch.setenv("CAVIAR_JOB", "caviar-s-1")
    assert folder_of_this_job() == tmp_path / "caviar" / "caviar-s-1"
    monkeypatch.setenv("CAVIAR_JOB", "caviar-s-2")  # its output goes elsewhere
    assert folder_of_this_job() is None


def test_every_file_is_what_its_readers_take(driver, folder):
    board = Board(driver.directory, folder)
    board.tell({"study": "digits", "counts": {"running": 1}, "at": 1.0})
    assert read(folder, STATUS)["page_at"] is None
    board.look()
    page = read(folder, PAGE)
    assert read(folder, STATUS)["page_at"] == page["at"]
    assert page["trial_epochs"] == 36
    assert len(read(folder, TRIALS)["trials"]) == 45
    assert len(list(folder.glob("trials-*"))) == -(-45 // SHARED)
    row = read(folder, file_of(11))["trials"][11]
    assert [one["epoch"] for one in row["curve"]] == [1, 2, 3]
    assert not list(folder.glob(".*"))


def test_curves_are_written_again_only_where_something_came(driver, folder, monkeypatch):
    board = Board(driver.directory, folder)
    board.look()
    put, written = Board._put, []
    monkeypatch.setattr(
        Board, "_put", lambda self, file, raw: (written.append(file), put(self, file, raw))
    )
    driver.train([41])
    board._study.ask_again()
    board.look()
    assert [file for file in written if file.startswith("trials-")] == [file_of(41)]
    assert written[-1] == PAGE
    del written[:]
    board.look()
    assert not written


def test_what_is_too_long_is_not_written_and_the_old_is_taken_away(driver, folder, monkeypatch):
    board = Board(driver.directory, folder)
    board.look()
    monkeypatch.setattr(board_module, "MOST", {**MOST, TRIALS: 100})
    driver.train([41])
    board._study.ask_again()
    board.look()
    assert not (folder / TRIALS).exists()
    assert (folder / PAGE).exists()
    many = {f"s:slice-{k}": "1 lane" for k in range(40_000)}
    board.tell({"study": "digits", "slices": many})
    assert (folder / STATUS).stat().st_size < MOST[STATUS]
    assert read(folder, STATUS)["slices"] == {}


def test_a_disk_that_takes_nothing_stops_no_study(driver, tmp_path):
    folder = tmp_path / "file"
    folder.write_text("")
    with Board(driver.directory, folder / "job") as board:
        board.tell({"study": "digits"})
        board.look()
    assert folder.read_text() == ""


def test_what_a_full_disk_refused_is_written_when_there_is_room(driver, folder, monkeypatch):
    full, put = [True], Board._put
    monkeypatch.setattr(Board, "_put", lambda *asked: False if full else put(*asked))
    driver.round(1)
    with Board(driver.directory, folder) as board:
        board.look()
        assert not os.listdir(folder)
        full.clear()
    assert read(folder, ROUNDS)["rounds"]
    assert read(folder, file_of(11))["trials"][11]["curve"]


def test_a_defect_of_the_page_fails_no_job(driver, folder, monkeypatch):
    board = Board(driver.directory, folder)
    monkeypatch.setattr(board._study, "reading", lambda: {}["odd"])
    with board:
        board.tell({"study": "digits"})
    assert os.listdir(folder) == [STATUS]


def test_a_thread_follows_the_study_and_looks_a_last_time(driver, folder, monkeypatch):
    monkeypatch.setattr(board_module, "LEAST_S", 0.01)
    with Board(driver.directory, folder) as board:
        board.tell({"study": "digits"})
        deadline = time.monotonic() + 60
        while not (folder / PAGE).exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        assert read(folder, PAGE)["trial_epochs"] == 36
        driver.train([41])
    assert read(folder, PAGE)["trial_epochs"] == 37
    assert read(folder, STATUS)["page_at"] == read(folder, PAGE)["at"]


def test_looks_are_so_far_apart_that_they_take_their_share(driver, folder):
    spent = iter([0.0, 0.3, 5.0, 5.0])
    board = Board(driver.directory, folder, clock=lambda: next(spent))
    waited = []

    class Over:
        def wait(self, seconds):
            waited.append(round(seconds, 6))
            return len(waited) == 3

    board._over = Over()
    board._keep()
    assert waited == [2.0, 15.0, 2.0]


def test_before_there_is_a_study_nothing_is_told_of_it(tmp_path, folder):
    board = Board(tmp_path / "nothing", folder)
    board.look()
    board.tell({"study": "s", "best": None, "elapsed_s": float("nan")})
    assert os.listdir(folder) == [STATUS]
    assert json.loads((folder / STATUS).read_bytes())["elapsed_s"] is None
