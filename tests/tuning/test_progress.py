import io
from dataclasses import replace

from rich.console import Console

from caviar.study.records import Measurement
from caviar.tuning.progress import PlainView, picture, remaining, summary_line
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
)


def test_a_line_tells_states_pace_and_best():
    assert summary_line(STATUS) == (
        "2 running, 4 paused, 3 waiting; 1 of 2 slices starting; 30 trial-epochs, 2.0/s; "
        "at most 1 min 40 s left; best dev accuracy 0.8750, loss 0.2500 (trial 4, epoch 3)"
    )
    assert remaining(replace(STATUS, finished=True)) == ""
    assert remaining(replace(STATUS, trained_here=0)) == ""


def test_a_line_tells_the_train_loss_where_trials_are_compared_by_it():
    line = summary_line(replace(STATUS, metric="train_loss"))
    assert "best train loss 0.5000, dev accuracy 0.8750" in line


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
    for part in ("2 running", "3 epochs", "digits:slice-0", "0.8750", "learning_rate=0.01235"):
        assert part in out
