import io
import re
from dataclasses import replace
from itertools import pairwise

import pytest
from rich.console import Console

from caviar.study.records import Measurement
from caviar.tuning.forecast import Forecast
from caviar.tuning.progress import PlainView, picture, summary_line
from caviar.tuning.status import Status

STATUS = Status(
    study="digits",
    finished=False,
    trouble="",
    counts={"waiting": 3, "running": 2, "paused": 4, "failed": 0},
    rungs=((1, 6, 2), (3, 2, 0)),
    trial_epochs=30,
    trained_here=20,
    elapsed_s=10.0,
    most_remaining=200,
    best=Measurement(4, 3, 0.5, 0.8, 0.25, 0.875, 0.1),
    best_hyperparameters={"learning_rate": 0.0123456, "batch_size": 32},
    slices={"digits:slice-0": "2 lanes, epochs 1-3"},
    planned=2,
    arrived=1,
    starting=1,
)


def test_a_line_tells_states_pace_and_best():
    assert summary_line(STATUS, "about 2 min left") == (
        "2 running, 4 paused, 3 waiting; 1 of 2 slices starting; 30 trial-epochs, 2.0/s; "
        "about 2 min left; best dev accuracy 87.50 %, loss 0.2500 (trial 4, epoch 3)"
    )


def test_a_line_tells_the_train_loss_where_trials_are_compared_by_it():
    line = summary_line(replace(STATUS, metric="train_loss"))
    assert "best train loss 0.5000, dev accuracy 87.50 %" in line


def test_plain_lines_come_now_and_then_and_at_the_end():
    lines, now = [], [100.0]
    view = PlainView(lines.append, lambda: now[0])
    view.update(STATUS)
    view.update(replace(STATUS, trial_epochs=31))
    assert len(lines) == 1  # too soon
    now[0] += 6.0
    view.update(STATUS)
    assert len(lines) == 1  # nothing new
    view.update(replace(STATUS, trial_epochs=31))
    assert len(lines) == 2
    view.update(replace(STATUS, trial_epochs=32, finished=True))
    assert len(lines) == 3
    view.say("a word")
    assert lines[-1] == "a word"


def test_the_live_table_shows_rungs_slices_and_the_best():
    console = Console(file=io.StringIO(), width=100)
    console.print(picture(STATUS))
    out = console.file.getvalue()
    for part in ("2 running", "3 epochs", "digits:slice-0", "87.50 %", "learning_rate=0.01235"):
        assert part in out


def test_the_live_table_tells_brackets_where_there_are_several():
    console = Console(file=io.StringIO(), width=100)
    console.print(picture(replace(STATUS, rungs=((1, 6, 2), (3, 2, 0), (3, 4, 1)))))
    rows = [line.split() for line in console.file.getvalue().splitlines()]
    assert ["2", "3", "epochs", "4", "1"] in rows
    plain = Console(file=io.StringIO(), width=100)
    plain.print(picture(STATUS))
    assert "bracket" not in plain.file.getvalue()


# The forecast


def seconds(told):
    """What "about 2 min 15 s left" says, in seconds."""
    units = {"h": 3600, "min": 60, "s": 1}
    return sum(int(n) * units[unit] for n, unit in re.findall(r"(\d+) (h|min|s)\b", told))


def told_of(study, until_s, forecast=None, **other):
    """What is told every second of a study: `study(s)` gives trained and still to come."""
    forecast = forecast or Forecast()
    lines = []
    for second in range(1, until_s + 1):
        trained, to_come = study(second)
        status = replace(
            STATUS, elapsed_s=float(second), trained_here=trained, likely_remaining=to_come, **other
        )
        lines.append(forecast.update(status))
    return lines


def test_nothing_is_forecast_while_nothing_is_known():
    compiling = told_of(lambda s: (0, 300), 30)
    assert compiling == [""] * 30
    assert told_of(lambda s: (2 * s, None), 30) == [""] * 30
    done = replace(STATUS, finished=True, elapsed_s=99.0, likely_remaining=0)
    assert Forecast().update(done) == ""


@pytest.mark.parametrize(("pace", "total"), [(2, 600), (1, 130), (10, 100_000)])
def test_a_steady_study_is_forecast_rightly(pace, total):
    last = min(total // pace, 600)
    lines = told_of(lambda s: (pace * s, total - pace * s), last - 1)
    for second in range(25, last - 1, 7):
        left = total / pace - second
        assert seconds(lines[second - 1]) == pytest.approx(left, rel=0.1, abs=3)


def test_a_study_that_compiles_or_just_did_is_not_forecast():
    def stalled(second):
        trained = 2 * max(0, min(second, 40) - 10) + 2 * max(0, second - 80)
        return trained, 900 - trained

    lines = told_of(stalled, 130)
    assert not any(lines[:30])  # it only began at 10 s
    assert seconds(lines[39]) == pytest.approx(840 / 2, rel=0.1)
    assert not any(lines[60:90])
    assert seconds(lines[110]) == pytest.approx((900 - 2 * 61) / 2, rel=0.1)


def test_a_jump_of_the_pace_moves_the_forecast_smoothly():
    def halved(second):
        trained = 4 * min(second, 60) + 2 * max(0, second - 60)
        return trained, 1200 - trained

    found = [seconds(line) for line in told_of(halved, 180) if line]
    assert all(abs(after - before) <= 60 for before, after in pairwise(found))
    assert found[-1] == pytest.approx((1200 - 480) / 2, rel=0.1)


def test_slow_epochs_are_waited_for():
    lines = told_of(lambda s: (s // 15, 100 - s // 15), 400)
    first = next(second for second, line in enumerate(lines, 1) if line)
    assert 120 <= first <= 150  # eight reports later
    assert seconds(lines[-1]) == pytest.approx((100 - 26) * 15, rel=0.1)


def test_hours_end_a_study_before_its_work_is_done():
    lines = told_of(lambda s: (s, 100_000), 30, clock_left_s=90.0)
    assert seconds(lines[-1]) == pytest.approx(90, abs=20)
    assert told_of(lambda s: (0, None), 2, clock_left_s=90.0)[-1] != ""


def test_a_long_time_is_told_roughly():
    assert told_of(lambda s: (s, 20_000), 40)[-1] == "about 5 h 30 min left"
    assert told_of(lambda s: (s, 450), 40)[-1] == "about 7 min 30 s left"


def test_a_line_tells_slices_without_a_place():
    full = replace(STATUS, planned=8, arrived=5, starting=0)
    assert "; 3 of 8 slices waiting for a place;" in summary_line(full)
    some = replace(STATUS, planned=8, arrived=4, starting=1)
    assert "; 1 of 8 slices starting, 3 waiting for a place;" in summary_line(some)
    assert "waiting for a place" not in summary_line(replace(full, finished=True))
    known = replace(full, room="the cluster's 2 CPUs are taken")
    line = "; 3 of 8 slices waiting for a place: the cluster's 2 CPUs are taken;"
    assert line in summary_line(known)


def test_the_finals_are_told_apart_from_the_search():
    """Trial 2 of the retraining is no trial 2 of the search, nor are its epochs the study's."""
    finals = replace(STATUS, stage="retraining", best_name="trial 20, retraining 3")
    line = summary_line(finals)
    assert line.startswith("retraining: 2 running")
    assert "30 trial-epochs of retraining, 2.0/s" in line
    assert line.endswith("(trial 20, retraining 3, epoch 3)")


def test_a_pause_is_told():
    assert summary_line(replace(STATUS, paused=True)).startswith("paused by a person: 2 running")
