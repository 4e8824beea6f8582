"""What a study prints as a Ray job."""

import json
import math

import pytest

from caviar.errors import StudyError
from caviar.report.account import account
from caviar.search.factory import caviar_strategy
from caviar.study.journal import Journal
from caviar.study.records import Measurement
from caviar.study.spec import StudySpec
from caviar.tuning.job_view import EVERY_S, FIRST_S, MOST_S, JobView, leaders
from caviar.tuning.job_words import LONGEST, PREFIX, standing_lines, status_line
from caviar.tuning.status import Status

SPEC = StudySpec.parse(
    "name = 'mine'\n[search]\ntrials = 9\nmax_epochs = 9\n[training]\nbatch_size = 32\n"
)
BEST = Measurement(3, 1, 0.5, 0.9, 0.25, 0.875, 0.1)

ROWS = [
    {
        "trial": trial,
        "epoch": 1,
        "dev_accuracy": 0.5 + trial / 100,
        "dev_loss": 0.25,
        "hyperparameters": {"activation": "relu", "units": 10 + trial},
    }
    for trial in range(7, 0, -1)
]


def status(**changed):
    plain = {
        "study": "mine",
        "finished": False,
        "trouble": "",
        "counts": {"running": 3},
        "rungs": ((1, 9, 3), (3, 3, 1)),
        "trial_epochs": 9,
        "trained_here": 9,
        "elapsed_s": 3.0,
        "most_remaining": 10,
        "best": BEST,
        "best_hyperparameters": {"learning_rate": 0.01},
        "slices": {"mine:slice-0": "3 lanes, epochs 1-3"},
        "planned": 2,
        "arrived": 1,
        "starting": 1,
    }
    return Status(**(plain | changed))


@pytest.fixture
def study(tmp_path):
    directory = tmp_path / "mine"
    with Journal.create(directory, SPEC.to_json(), SPEC.fingerprint) as journal:
        journal.acquire_lease()
        strategy = caviar_strategy(SPEC)
        order = strategy.next_assignment()
        number = journal.issue(order, decisions=strategy.news())
        attempt = journal.start_attempt(number, "slice")
        measured = [
            Measurement(t, 1, 0.5, 0.9, 0.25, 0.5 + t / 100, 0.1, t == 8) for t in order.trials
        ]
        journal.report(number, attempt, measured, {}, True)
        journal.release_lease()
    return directory


class Log:
    """Lines and a clock that goes only when told."""

    def __init__(self, directory):
        self.lines, self.now = [], 0.0
        self.view = JobView("mine", directory, self.lines.append, lambda: self.now)
        self.view.leaderboard = lambda: ROWS

    @property
    def statuses(self):
        return [
            json.loads(line.removeprefix(PREFIX)) for line in self.lines if line.startswith(PREFIX)
        ]

    def at(self, seconds, **changed):
        self.now = seconds
        before = len(self.lines)
        self.view.update(status(**changed))
        return self.lines[before:]


def test_a_table_names_of_the_best_what_is_searched(study):
    lines = []
    values = {"learning_rate": 0.01, "optimizer": "adam"}
    for searched, told in (["learning_rate"], ""), ((), " optimizer=adam"):
        view = JobView("mine", study, lines.append, lambda: 0.0, searched=searched)
        view._next = 0.0
        view.update(status(best_hyperparameters=values))
        table = next(line for line in lines if "best: " in line)
        assert f"\n  learning_rate=0.01{told}\n" in table
        lines.clear()


def test_every_look_is_told_to_who_keeps_the_status_file(study):
    told = []
    view = JobView("mine", study, [].append, lambda: 0.0, tell=told.append)
    with view:
        assert (told[-1]["study"], told[-1]["dir"]) == ("mine", str(study.resolve()))
        view.update(status())
        view.update(status(trial_epochs=10))
        assert [one["trial_epochs"] for one in told[1:]] == [9, 10]
        assert all(one["dir"] and one["at"] for one in told)
    assert len(told) == 4
    with pytest.raises(StudyError), view:
        raise StudyError("there is no such data set")
    assert told[-1]["trouble"] == "there is no such data set"


def test_a_table_and_a_status_line_now_and_then(study):
    log = Log(study)
    assert log.at(FIRST_S - 1) == []
    table, line = log.at(FIRST_S)
    assert table.splitlines() == [
        "",
        "3 running; 1 of 2 slices starting",
        "9 trial-epochs, 3.0 a second, 3 s so far",
        "rung (epochs)  reached  promoted",
        "            1        9         3",
        "            3        3         1",
        "best: trial 3 at epoch 1, dev accuracy 87.50 %, dev loss 0.2500",
        "  learning_rate=0.01",
        "mine:slice-0  3 lanes, epochs 1-3",
        *table.splitlines()[9:],
    ]
    leaders = [row.split()[:2] for row in table.splitlines()[9:]]
    assert leaders == [["trial", "at"], *([str(trial), "1"] for trial in (7, 6, 5, 4, 3))]
    assert "activation=" not in table  # the same in all
    told = json.loads(line.removeprefix(PREFIX))
    assert told == status().to_json() | {"dir": str(study), "at": told["at"]}
    assert log.at(FIRST_S + EVERY_S - 1) == []
    assert len(log.at(FIRST_S + EVERY_S, trial_epochs=10)) == 2
    (line,) = log.at(FIRST_S + 2 * EVERY_S, trial_epochs=10)  # nothing new but the time
    assert line.startswith(PREFIX)


def test_a_job_tells_of_the_finals_by_their_candidates(study):
    log = Log(study)
    finals = {"stage": "retraining", "best_name": "trial 20, retraining 3"}
    table, _ = log.at(FIRST_S, **finals)
    assert "best: trial 20, retraining 3 at epoch 1" in table
    assert "\n9 trial-epochs of retraining, 3.0" in table
    assert log.statuses[-1]["best_name"] == "trial 20, retraining 3"


def test_slices_without_a_place_are_not_starting(study):
    log = Log(study)
    full = {"arrived": 0, "starting": 0, "room": "the cluster's 2 CPUs are taken"}
    table, line = log.at(FIRST_S, **full)
    words = "2 of 2 slices waiting for a place: the cluster's 2 CPUs are taken"
    assert f"3 running; {words}" in table
    assert words in standing_lines(json.loads(line.removeprefix(PREFIX)))[0]
    older = {"planned": 2, "arrived": 0}  # of a caviar that did not tell
    assert standing_lines(older)[0] == "no trials yet; 2 of 2 slices starting"


def test_a_pause_is_told_at_once_and_so_is_its_end(study):
    log = Log(study)
    log.at(FIRST_S)
    table, _ = log.at(FIRST_S + 1, paused=True)
    assert table.splitlines()[1].startswith("paused by a person: 3 running")
    assert log.statuses[-1]["paused"] is True
    assert standing_lines(log.statuses[-1])[0].startswith("paused by a person: ")
    assert log.at(FIRST_S + 2, paused=True) == []
    assert len(log.at(FIRST_S + 3)) == 2
    assert log.statuses[-1]["paused"] is False


def test_the_end_is_told_at_once_and_once(study):
    log = Log(study)
    log.at(FIRST_S)
    assert log.at(FIRST_S + 1) == []
    assert len(log.at(FIRST_S + 2, finished=True)) == 2
    assert log.at(FIRST_S + 3, finished=True) == []


def test_a_table_that_takes_long_comes_seldom(study, monkeypatch):
    log = Log(study)

    def slow(*_):
        log.now += 1.0
        return []

    monkeypatch.setattr("caviar.tuning.job_view.leaders", slow)
    assert len(log.at(FIRST_S)) == 2
    assert len(log.at(FIRST_S + 90, trial_epochs=10)) == 1  # the status line alone
    assert len(log.at(FIRST_S + 190, trial_epochs=10)) == 2


def test_days_of_a_study_are_some_megabytes(study, monkeypatch):
    monkeypatch.setattr(JobView, "_leaders", lambda *_: ["a line of the leaderboard " * 8] * 6)
    log = Log(study)
    for second in range(0, 3 * 86400, 30):
        log.at(second, trial_epochs=second)
    assert 3 * 86400 / MOST_S < len(log.statuses) < 1200
    assert sum(map(len, log.lines)) < 3e6


def test_the_last_line_says_how_it_ended(study):
    log = Log(study)
    with log.view as view:
        assert log.statuses[-1]["finished"] is False
        view.update(status(stage="retraining", best_name="trial 4, retraining 2"))
        with Journal.open(study) as journal:
            view.conclude(account(journal))
    last = log.statuses[-1]
    assert last["counts"]["paused"] == 8
    assert last["rungs"][0] == [1, 9, 0]
    assert last["best"]["trial"] == 7
    assert (last["slices"], last["dir"]) == ({}, str(study))
    lines = standing_lines(last)
    assert lines[0].startswith("8 paused, 1 diverged")
    assert [line for line in lines if line.startswith("best: trial 7 at epoch 1")]


def test_the_winner_is_told_in_the_last_line(study):
    (study / "winner").mkdir()
    card = {
        "format": 2,
        "winner": {"name": "trial 7", "trial": 7, "hyperparameters": {}, "epochs": 9},
        "candidates": [],
        "sentences": ["What may be quoted: nothing."],
    }
    (study / "winner" / "card.json").write_text(json.dumps(card))
    log = Log(study)
    with log.view as view, Journal.open(study) as journal:
        told = account(journal)
        view.conclude(told | {"status": "finished"})
    line = "winner: trial 7. What may be quoted: nothing."
    assert line in standing_lines(log.statuses[-1])
    (study / "winner" / "card.json").write_text("damaged")
    log = Log(study)
    with log.view as view:
        view.conclude(told | {"status": "finished"})
    assert "winner" not in log.statuses[-1]


def test_trouble_is_told_in_the_last_line(study):
    log = Log(study)
    with pytest.raises(StudyError), log.view:
        raise StudyError("data.path: there is no file 'x'")
    assert log.statuses[-1]["trouble"] == "data.path: there is no file 'x'"
    assert log.lines[0] == f"study mine in {study}"


def test_a_broker_that_does_not_answer_has_no_leaders(tmp_path):
    log = Log(tmp_path / "none")

    def gone():
        raise RuntimeError("the broker is gone")

    log.view.leaderboard = gone
    table, _ = log.at(FIRST_S)
    assert table.splitlines()[-1].startswith("mine:slice-0")


def test_the_status_line_is_short_ascii_and_strict_json():
    told = status(
        best=Measurement(3, 1, math.inf, 0.9, math.nan, 0.5, 0.1),
        trouble="schön\nzweite Zeile",
        slices={f"mine:slice-{n}": "3 lanes, epochs 1-3" for n in range(1000)},
        counts={"running": 9},
    ).to_json()
    line = status_line(told)
    assert line.isascii()
    assert "\n" not in line
    assert len(line) <= LONGEST
    short = json.loads(line.removeprefix(PREFIX), parse_constant=pytest.fail)
    assert (short["slices"], short["best"]["dev_loss"]) == ({}, None)
    assert short["best"]["hyperparameters"] == {"learning_rate": 0.01}
    assert short["trouble"] == told["trouble"]


@pytest.mark.parametrize(
    "long",
    [
        {"best_hyperparameters": {f"name_{n}": 0.123456789 for n in range(500)}},
        {"trouble": "x" * 9000},
        {"rungs": tuple((n, 1, 1) for n in range(2000))},
    ],
)
def test_whatever_is_long_is_left_out(long):
    line = status_line(status(**long).to_json())
    assert len(line) <= LONGEST
    assert json.loads(line.removeprefix(PREFIX))["trial_epochs"] == 9


def test_words_of_little():
    assert standing_lines({}) == ["no trials yet", "0 trial-epochs, 0.0 a second, 0 s so far"]
    lines = standing_lines({"slices": {f"s{n:02}": "x\x1b[2J" for n in range(40)}})
    assert lines[-1] == "and 24 more slices at work"
    assert not any("\x1b" in line for line in lines)


def test_the_table_is_led_by_whom_the_broker_says(tmp_path):
    """A trial's best is its best of any rung, not what it was measured at last."""
    asked = []
    log = Log(tmp_path)
    log.view.leaderboard = lambda: (
        asked.append(log.now)
        or [
            {**ROWS[0], "trial": 20, "epoch": 3, "dev_loss": 0.9},
            {**ROWS[0], "trial": 4, "epoch": 27, "dev_loss": 0.1},
        ]
    )
    table, _ = log.at(FIRST_S)
    rows = [row.split() for row in table.splitlines()[-2:]]
    assert [(row[0], row[1]) for row in rows] == [("20", "3"), ("4", "27")]
    log.at(FIRST_S + 1)
    assert asked == [FIRST_S]  # only when a table is due


def test_what_has_no_number_is_told_as_none():
    (_, row) = leaders([{**ROWS[0], "dev_loss": None}], "dev_loss")
    assert row.split()[0] == "7"
