"""What `caviar show` tells: reasons, conditions, the metric, a trial's layers."""

import io
import json
import math

import pytest
from rich.console import Console

from caviar.report.account import account, course
from caviar.report.tables import print_account
from caviar.study.journal import Journal
from caviar.study.records import Assignment, Measurement, Signature, Trial, TrialState, Watch
from caviar.study.spec import StudySpec
from caviar.study.spent import STOP

ANY = Signature((8,), 32, "adam")
VALUES = [
    {"optimizer": "adam", "beta_1": 0.9},
    {"optimizer": "sgd"},
    {"optimizer": "adam", "beta_1": 0.95},
    {"optimizer": "sgd"},
]


def measured(trial, epoch, dev_loss, train_loss, **more):
    return Measurement(trial, epoch, train_loss, 0.5, dev_loss, 1 - dev_loss, 0.1, **more)


def told_of(directory, metric, trial=None):
    """Four trials: two at the first rung, one stopped, one diverged."""
    spec = StudySpec.parse(f"[search]\nmetric = '{metric}'\ntrials = 4\nmax_epochs = 3")
    watch = Watch((1e-9, math.inf), (2.0, 3.0), (0.75,))
    with Journal.create(directory, spec.to_json(), "x") as journal:
        journal.acquire_lease()
        trials = [Trial(index, (), values) for index, values in enumerate(VALUES)]
        number = journal.issue(Assignment((0, 1, 2, 3), 0, 1, ANY), decisions=trials)
        found = [
            measured(0, 1, 0.3, 0.5, watch=watch),
            measured(1, 1, 0.5, 0.1),
            measured(2, 1, 0.4, 0.3, stopped=True, reason="no better"),
            measured(3, 1, math.nan, math.inf, diverged=True, reason="loss inf [red]"),
        ]
        attempt = journal.start_attempt(number, "s")
        journal.report(number, attempt, found, {}, complete=True)
        told = account(journal)
        return told if trial is None else told | course(journal, trial)


def printed(told, trial=None):
    file = io.StringIO()
    print_account(Console(file=file, width=80, highlight=False), told, trial)
    return file.getvalue()


@pytest.mark.parametrize(
    ("metric", "best", "leaders"),
    [
        ("dev_accuracy", 0, ["0", "2", "1"]),
        ("dev_loss", 0, ["0", "2", "1"]),
        ("train_loss", 1, ["1", "2", "0"]),
    ],
)
def test_trials_are_ordered_by_the_metric(tmp_path, metric, best, leaders):
    told = told_of(tmp_path, metric)
    assert (told["metric"], told["best"]["trial"]) == (metric, best)
    out = printed(told)
    table = out[out.index("trial  state") :].splitlines()
    assert [line.split()[0] for line in table[1:4]] == leaders
    assert ("train loss 0.1000" in " ".join(out.split())) == (metric == "train_loss")


def test_states_and_reasons(tmp_path):
    told = told_of(tmp_path, "dev_loss")
    assert [(row["state"], row["reason"]) for row in told["trials"]] == [
        ("paused", ""), ("paused", ""), ("stopped", "no better"), ("diverged", "loss inf [red]"),
    ]  # fmt: skip
    out = printed(told)
    lines = [line.split() for line in out[out.index("why") :].splitlines()]
    assert lines[1] == ["2", "stopped", "1", "no", "better"]
    assert lines[2] == ["3", "diverged", "1", "loss", "inf", "[red]"]


def test_only_some_reasons_are_printed(tmp_path):
    told = told_of(tmp_path, "dev_loss")
    told["trials"] = told["trials"] * 4
    out = printed(told)
    assert out.count("no better") + out.count("[red]") == 5
    assert "and 3 more" in out


def test_an_inactive_hyperparameter_is_a_dash(tmp_path):
    out = printed(told_of(tmp_path, "dev_loss"))
    table = [line.split() for line in out[out.index("trial  state") :].splitlines()]
    assert table[0][-2:] == ["optimizer", "beta_1"]
    assert [row[-2:] for row in table[1:4]] == [["adam", "0.9"], ["adam", "0.95"], ["sgd", "-"]]


def test_a_trial_with_its_layers(tmp_path):
    told = told_of(tmp_path, "dev_loss", trial=0)
    assert told["curve"][0]["watch"] == {
        "gradient_norm": [1e-9, None], "weight_norm": [2.0, 3.0], "idle": [0.75],
    }  # fmt: skip
    assert told["findings"] == ["dead units: 75 % of those of layer 1 in epoch 1"]
    json.dumps(told, allow_nan=False)
    out = printed(told, 0)
    assert out.splitlines()[-1] == told["findings"][0]
    assert out.splitlines()[-2].split() == ["1", "1.0e-09", "inf/nan", "2", "3", "75", "%"]


def test_a_trial_that_was_not_watched(tmp_path):
    told = told_of(tmp_path, "dev_loss", trial=3)
    assert told["curve"][0]["watch"] is None
    assert told["findings"] == ["diverged in epoch 1: loss inf [red]"]
    assert printed(told, 3).splitlines()[-1] == told["findings"][0]


def test_a_trial_is_told_with_its_values_and_how_far_it_came(tmp_path):
    out = printed(told_of(tmp_path, "dev_loss", trial=2), 2)
    assert "trial 2: stopped, 1 epoch trained\n  optimizer=adam beta_1=0.95\n" in out


def test_idle_shares_of_a_layer_without_sound_weights_are_no_numbers(tmp_path):
    watch = Watch((0.0, math.nan), (math.nan, 1.0), (0.0,))
    spec = StudySpec.parse("[search]\ntrials = 1")
    with Journal.create(tmp_path, spec.to_json(), "x") as journal:
        journal.acquire_lease()
        number = journal.issue(Assignment((0,), 0, 1, ANY), decisions=[Trial(0, (), VALUES[0])])
        attempt = journal.start_attempt(number, "s")
        found = [measured(0, 1, math.nan, 3.2e12, watch=watch, diverged=True, reason="nan")]
        journal.report(number, attempt, found, {}, complete=True)
        told = account(journal) | course(journal, 0)
    assert told["curve"][0]["watch"]["idle"] == [None]
    assert " 3.2e+12 " in printed(told, 0)  # not all its digits


def test_columns_without_room_are_named(tmp_path):
    told = told_of(tmp_path, "dev_loss")
    for row in told["trials"]:
        row["hyperparameters"] = {f"quite_long_name_{n}": row["trial"] for n in range(9)}
    out = printed(told)
    table = out[out.index("trial  state") :].splitlines()
    assert table[0].split()[:6] == ["trial", "state", "epochs", "dev", "accuracy", "dev"]
    assert table[0].split()[7:] == ["quite_long_name_0"]
    assert "no room for quite_long_name_1, quite_long_name_2" in " ".join(out.split())


def test_what_is_the_same_wherever_it_plays_has_no_column(tmp_path):
    told = told_of(tmp_path, "dev_loss")
    for row in told["trials"]:
        row["hyperparameters"].pop("beta_1", None)
        row["hyperparameters"] |= {"epsilon": 1e-8} if row["trial"] % 2 else {}
    out = printed(told)
    heading = out[out.index("trial  state") :].splitlines()[0]
    assert heading.split()[-1] == "optimizer"


@pytest.mark.parametrize(("epochs", "shown"), [(1, 1), (40, 40), (1000, 40)])
def test_of_a_long_trial_some_epochs_are_printed(tmp_path, epochs, shown):
    told = told_of(tmp_path, "dev_loss", trial=0)
    told["curve"] = [told["curve"][0] | {"epoch": epoch} for epoch in range(1, epochs + 1)]
    out = printed(told, 0)
    curve = out[out.index("epoch  train loss") : out.index("layer by layer")].splitlines()[1:]
    assert len(curve) == shown
    assert (int(curve[0].split()[0]), int(curve[-1].split()[0])) == (1, epochs)
    assert ("40 of 1000 epochs" in out) == (epochs > 40)


def test_a_space_tried_whole_leaves_none_waiting(tmp_path):
    spec = StudySpec.parse("[search]\ntrials = 9\nmax_epochs = 1")
    with Journal.create(tmp_path, spec.to_json(), "x") as journal:
        journal.acquire_lease()
        number = journal.issue(Assignment((0,), 0, 1, ANY), decisions=[Trial(0, (), VALUES[0])])
        attempt = journal.start_attempt(number, "s")
        journal.report(number, attempt, [measured(0, 1, 0.3, 0.5)], {}, complete=True)
        assert account(journal)["counts"]["waiting"] == 8
        journal.record(STOP, {"finished": True, "ending": ""})
        journal.release_lease()
        assert account(journal)["counts"] == dict.fromkeys(TrialState, 0) | {"completed": 1}
