"""From finished runs to a folder: what is in it, and every way in which there is none."""

import json
import os
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
from made_winner import NAMES, TOML, begin, data_set, events, make_study, stand_in, train

from caviar.data.dataset import Part
from caviar.errors import StudyError
from caviar.report.evidence import evidence
from caviar.study.finals import replicate_seed
from caviar.study.journal import Journal
from caviar.study.records import Change, ChangeKind, Trial
from caviar.winner import evaluation
from caviar.winner.finish import finish

QUALITIES = {
    "trial 7": [0.9, 0.7, 0.8, 0.85, 0.75],
    "trial 3": [0.8, None, 0.9, 0.9, 0.9],
    "baseline": [0.2, 0.1, 0.3, 0.2, 0.1],
}


@pytest.fixture
def exported(monkeypatch):
    return stand_in(monkeypatch)


def quiet(_line):
    pass


def execute(directory, sql):
    """What somebody does to a journal by hand."""
    with Journal.open(directory, write=True) as journal:
        journal._db._connection.execute(sql)


def refused(directory, data, match):
    with pytest.raises(StudyError, match=match) as error:
        finish(directory, data, quiet)
    assert "\n" not in str(error.value)
    assert not list(directory.glob("*winner*"))
    assert not events(directory, "test_read")


def test_the_card(tmp_path, exported):
    data, lines = data_set(), []
    make_study(tmp_path, QUALITIES, data)
    told = finish(tmp_path, data, lines.append)
    assert told == json.loads((tmp_path / "winner" / "card.json").read_text())
    assert told == evidence(tmp_path).card
    assert [one["name"] for one in told["candidates"]] == ["trial 7", "baseline", "trial 3"]
    assert told["winner"] == {
        "name": "trial 7", "trial": 7, "epochs": 3,
        "hyperparameters": {"learning_rate": 0.1, "batch_size": 16},
    }  # fmt: skip
    runs = told["candidates"][0]["runs"]
    assert [(run["trial"], run["replicate"]) for run in runs] == [(n, n + 1) for n in range(5)]
    values = [run["value"] for run in runs]
    assert told["candidates"][0]["mean"] == pytest.approx(np.mean(values))
    lost = told["candidates"][2]["runs"][1]
    assert (lost["value"], lost["diverged"], lost["note"]) == (None, True, "diverged in epoch 1")
    assert told["seeds"]["replicates"] == [replicate_seed(0, n) for n in range(1, 6)]
    assert told["data"]["fingerprint"] == data.fingerprint
    assert told["beats_baseline"] is True
    assert told["difference"]["low"] > 0
    assert told["cost"]["retraining"]["trial_epochs"] == 14 * 3 + 1
    assert told["cost"]["search"]["trial_epochs"] == 0
    assert told["exported"]["files"] == sorted(
        f"{path.name}/" if path.is_dir() else path.name for path in (tmp_path / "winner").iterdir()
    )
    assert told["sentences"] == lines[-1 - len(told["sentences"]) : -1]
    assert lines[-1].endswith("winner")


def test_the_median_run_is_exported(tmp_path, exported):
    data = data_set()
    make_study(tmp_path, QUALITIES, data)
    told = finish(tmp_path, data, quiet)
    runs = told["candidates"][0]["runs"]
    median = sorted(runs, key=lambda run: run["value"])[2]
    assert told["exported"]["replicate"] == median["replicate"]
    assert exported[0].trial == median["trial"] == told["exported"]["trial"]
    own = next(r for r in told["test"]["runs"] if r["replicate"] == median["replicate"])
    assert told["exported"]["test_accuracy"] == own["accuracy"]


def test_the_figures_are_the_networks_own(tmp_path, exported):
    data = data_set()
    make_study(tmp_path, QUALITIES, data)
    told = finish(tmp_path, data, quiet)
    found = exported[0].probabilities(data.test.x)
    assert np.mean(found.argmax(axis=1) == data.test.y) == told["exported"]["test_accuracy"]
    test = told["test"]
    counts = np.array(test["confusion"])
    assert counts.sum() == test["examples"] == 60
    assert np.trace(counts) / 60 == pytest.approx(told["exported"]["test_accuracy"])
    assert [one["class"] for one in test["per_class"]] == list(NAMES)
    accuracy = [run["accuracy"] for run in test["runs"]]
    assert test["accuracy"]["mean"] == pytest.approx(np.mean(accuracy))
    assert test["sampling"]["low"] < test["accuracy"]["mean"] < test["sampling"]["high"]
    assert test["ensemble"]["accuracy"] >= min(accuracy)


def test_the_dev_part_is_kept_as_it_was_predicted(tmp_path, exported):
    data = data_set()
    make_study(tmp_path, QUALITIES, data)
    told = finish(tmp_path, data, quiet)
    with np.load(tmp_path / "winner" / "dev.npz", allow_pickle=False) as kept:
        probabilities, labels = kept["probabilities"], kept["labels"]
        worst, worst_x = kept["worst"], kept["worst_x"]
    assert (probabilities.dtype, labels.dtype, worst.dtype) == (np.float32, np.int32, np.int64)
    assert np.array_equal(probabilities, exported[0].probabilities(data.dev.x))
    assert np.array_equal(labels, data.dev.y)
    losses = -np.log(probabilities[np.arange(45), labels])
    assert len(worst) == evaluation.WORST
    assert losses[worst[0]] == losses.max()
    assert np.all(np.diff(losses[worst]) <= 0)
    assert np.array_equal(worst_x, data.dev.x[worst].reshape(-1, 2, 4))
    assert told["dev"]["examples"] == 45


def test_it_is_quick(tmp_path, exported):
    data = data_set()
    make_study(tmp_path, QUALITIES, data)
    began = time.process_time()
    finish(tmp_path, data, quiet)
    assert time.process_time() - began < 2


def test_dev_only(tmp_path, exported):
    data = data_set(test=None)
    make_study(tmp_path, QUALITIES, data)
    for _ in range(2):  # nothing was sealed, so nothing forbids a second time
        told = finish(tmp_path, data, quiet)
    assert told["test"] is None
    assert told["exported"]["test_accuracy"] is None
    assert told["sentences"][0].startswith("Dev only")
    assert not events(tmp_path, "test_read")
    assert len(events(tmp_path, "winner_chosen")) == 1


def test_the_best_of_a_search_where_nothing_was_retrained(tmp_path, exported):
    data = data_set()
    searched(tmp_path, data, [0.5, 0.95, None])
    told = finish(tmp_path, data, quiet)
    assert told["source"] == {"kind": "search", "retraining": None}
    assert told["winner"]["name"] == "trial 1"
    only = told["candidates"][0]
    assert (only["low"], only["high"], told["beats_baseline"]) == (None, None, None)
    assert only["mean"] == only["search_value"] == only["runs"][0]["value"]
    assert told["test"]["accuracy"]["low"] is None
    assert any("partly the luckiest" in line for line in told["sentences"])
    assert told["seeds"] == {"study": 0, "replicates": [0]}


def searched(directory, data, qualities, toml=TOML, origin="cover"):
    """A study with a search and no finals."""
    begin(directory, data, toml)
    with Journal.open(directory, write=True) as journal:
        journal.acquire_lease()
        values = {"learning_rate": 0.1, "batch_size": 16}
        trials = [Trial(n, (0.5, 0.5), values, origin, "", 0) for n in range(len(qualities))]
        train(journal, trials, qualities, 3, data)
        journal.release_lease()


def test_the_best_day_of_a_panda(tmp_path, exported):
    data = data_set()
    toml = TOML.replace("trials = 2", "trials = 2\nstrategy = 'panda'")
    toml = toml.replace('{ low = 1e-4, high = 1.0, scale = "log" }', "0.01")
    toml = toml.replace("{ choices = [16, 32] }", "16")
    searched(tmp_path, data, [0.9], toml, "day")
    told = finish(tmp_path, data, quiet)
    assert told["source"]["kind"] == "diary"
    assert any("diary cannot be repeated" in line for line in told["sentences"])


def test_a_panda_that_the_study_chose_by_itself(tmp_path, exported):
    data = data_set()
    searched(
        tmp_path, data, [0.9], TOML.replace("trials = 2", "trials = 2\nstrategy = 'auto'"), "day"
    )
    with Journal.open(tmp_path, write=True) as journal:
        journal.acquire_lease()
        detail = {"strategy": "panda", "pandas": 1, "why": "few hours"}
        journal.decide([Change(ChangeKind.CHOOSE, detail)])
        journal.release_lease()
    assert finish(tmp_path, data, quiet)["source"]["kind"] == "diary"


@pytest.mark.parametrize(
    ("sql", "note"),
    [
        ("DELETE FROM checkpoints WHERE trial = 0", "it left no checkpoint of its end"),
        (
            "UPDATE measurements SET dev_loss = NULL WHERE trial = 0 AND epoch = 3",
            "its dev_accuracy or dev_loss is not finite",
        ),
    ],
)
def test_a_run_without_a_sound_end_is_lost(tmp_path, exported, sql, note):
    data = data_set()
    make_study(tmp_path, QUALITIES, data)
    execute(tmp_path / "retraining-1", sql)
    told = finish(tmp_path, data, quiet)
    assert [one["name"] for one in told["candidates"]] == ["baseline", "trial 7", "trial 3"]
    run = told["candidates"][1]["runs"][0]
    assert (run["value"], run["note"]) == (None, note)


def test_a_second_reading_is_refused_before_any_work(tmp_path, exported):
    data = data_set()
    make_study(tmp_path, QUALITIES, data)
    finish(tmp_path, data, quiet)
    with pytest.raises(StudyError, match="needs --reopen"):
        finish(tmp_path, data, quiet)
    assert len(exported) == 1


def test_an_early_stopped_run_counts_and_is_told(tmp_path, exported):
    data = data_set()
    make_study(tmp_path, QUALITIES, data, unfinished=True)
    folder = tmp_path / "retraining-1"
    execute(folder, "UPDATE measurements SET stopped = 1, reason = 'no better' WHERE epoch = 2")
    run = finish(tmp_path, data, quiet)["candidates"][0]["runs"][0]
    assert run["value"] is not None
    assert run["note"] == "stopped after epoch 2: no better"


def test_a_run_that_was_given_up_counts_as_lost(tmp_path, exported):
    data = data_set()
    make_study(tmp_path, QUALITIES, data)
    with Journal.open(tmp_path / "retraining-1", write=True) as journal:
        journal.acquire_lease()
        journal.fail_trial(0, "the slice died\nthree times")
        journal.release_lease()
    told = finish(tmp_path, data, quiet)
    assert [one["name"] for one in told["candidates"]] == ["baseline", "trial 7", "trial 3"]
    assert told["candidates"][1]["runs"][0]["note"] == "the slice died\\nthree times"
    assert told["winner"]["name"] == "baseline"
    assert (told["beats_baseline"], told["difference"]) == (False, None)


def test_names_cannot_write_over_a_terminal(tmp_path, exported):
    data, lines = data_set(), []
    make_study(tmp_path, QUALITIES, data)
    execute(tmp_path, r"""UPDATE events SET detail = replace(detail, 'trial 7', 'x\u001b[2Jy')""")
    finish(tmp_path, data, lines.append)
    assert any("[2Jy" in line for line in lines)
    assert all(line.isprintable() for line in lines)


# --- what is wrong, in one line


def test_nothing_was_trained(tmp_path, exported):
    data = data_set()
    begin(tmp_path, data)
    refused(tmp_path, data, "no trial has been measured yet, so there is no winner to choose")


def test_all_trials_of_a_search_diverged(tmp_path, exported):
    data = data_set()
    searched(tmp_path, data, [None, None])
    refused(
        tmp_path,
        data,
        "all 2 measured trials diverged, so there is no winner to",
    )


def test_all_retrainings_diverged(tmp_path, exported):
    data = data_set()
    make_study(tmp_path, {"trial 1": [None, None], "baseline": [None, None]}, data)
    refused(tmp_path, data, "retraining-1: all 4 retrainings diverged or failed")


def test_the_retraining_is_not_finished(tmp_path, exported):
    data = data_set()
    make_study(tmp_path, QUALITIES, data, unfinished=True)
    refused(tmp_path, data, "must be finished before a winner is chosen: 1 of 15 runs are")


def test_the_retraining_is_gone(tmp_path, exported):
    data = data_set()
    make_study(tmp_path, QUALITIES, data)
    (tmp_path / "retraining-1").rename(tmp_path / "elsewhere")
    refused(tmp_path, data, "not a study directory")


def test_no_study(tmp_path, exported):
    with pytest.raises(StudyError, match="not a study directory"):
        finish(tmp_path, data_set(), quiet)


def checkpoint_of(directory, trial=0):
    return next((directory / "retraining-1" / "checkpoints").glob(f"trial-{trial:06}-*"))


def test_a_flipped_bit_in_a_checkpoint(tmp_path, exported):
    data = data_set()
    make_study(tmp_path, QUALITIES, data)
    file = checkpoint_of(tmp_path)
    damaged = bytearray(file.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    file.write_bytes(damaged)
    refused(tmp_path, data, "the checkpoint is damaged: its SHA-256 must be")


def test_a_checkpoint_that_is_gone(tmp_path, exported):
    data = data_set()
    make_study(tmp_path, QUALITIES, data)
    checkpoint_of(tmp_path).unlink()
    refused(tmp_path, data, "the checkpoint of trial 0 is gone")


def test_a_journal_that_says_better_than_the_checkpoint(tmp_path, exported):
    data = data_set()
    make_study(tmp_path, QUALITIES, data)
    execute(tmp_path / "retraining-1",
            "UPDATE measurements SET dev_accuracy = 0.999 WHERE trial >= 10")  # fmt: skip
    refused(tmp_path, data, "the journal says 0.9990: one of them was changed")


def test_runs_of_other_hyperparameters(tmp_path, exported):
    data = data_set()
    make_study(tmp_path, QUALITIES, data)
    execute(tmp_path / "retraining-1",
            "UPDATE trials SET hyperparameters = '{\"units\": 3}' WHERE trial = 6")  # fmt: skip
    refused(tmp_path, data, "trial 6 must have the hyperparameters of trial 3, got others")


@pytest.mark.parametrize(
    ("what", "by"),
    [
        ('"number": 1', '"number": "../../elsewhere"'),
        ('"number": 1', '"number": -1'),
        ('"kind": "retraining"', '"kind": "../x"'),
        ('"seeds": 5', '"seeds": 0'),
        ('"seeds": 5', '"seed": 5'),
        ('"candidates": [', '"candidates": [3, '),
        ('"name": "trial 7"', '"nom": "trial 7"'),
    ],
)
def test_a_damaged_event(tmp_path, exported, what, by):
    data = data_set()
    make_study(tmp_path, QUALITIES, data)
    execute(tmp_path, f"UPDATE events SET detail = replace(detail, '{what}', '{by}')")
    refused(tmp_path, data, "it was edited or is damaged: .*retraining_begun")


def test_a_damaged_journal(tmp_path, exported):
    data = data_set()
    make_study(tmp_path, QUALITIES, data)
    file = tmp_path / "retraining-1" / "journal.sqlite3"
    size = file.stat().st_size
    with file.open("r+b") as opened:
        opened.seek(4096)
        opened.write(os.urandom(size - 4096))
    refused(tmp_path, data, "retraining-1")


def test_data_of_another_shape_or_other_classes(tmp_path, exported):
    data = data_set()
    make_study(tmp_path, QUALITIES, data)
    refused(tmp_path, replace(data, class_names=("a", "b")), "must have the data's 2 classes")
    wide = Part(np.zeros((45, 9), np.float32), data.dev.y)
    other = replace(data, feature_shape=(9,), dev=wide)
    refused(tmp_path, other, "retraining-1: trial 0: ")


def test_an_export_that_fails_leaves_nothing_and_reads_nothing(tmp_path, monkeypatch):
    data = data_set()
    make_study(tmp_path, QUALITIES, data)

    def export(folder, *_, **__):
        (folder / "model.keras").write_bytes(b"half")
        raise StudyError("export: no space")

    monkeypatch.setattr("caviar.winner.finish.export", export)
    refused(tmp_path, data, "^export: no space$")


def test_an_old_winner_survives_what_goes_wrong(tmp_path, exported, monkeypatch):
    data = data_set(test=None)
    make_study(tmp_path, QUALITIES, data)
    finish(tmp_path, data, quiet)
    before = (tmp_path / "winner" / "card.json").read_bytes()

    def export(*_, **__):
        raise StudyError("no")

    monkeypatch.setattr("caviar.winner.finish.export", export)
    with pytest.raises(StudyError):
        finish(tmp_path, data, quiet)
    assert (tmp_path / "winner" / "card.json").read_bytes() == before


# --- figures


def test_scores_by_hand():
    p = np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.5, 0.3, 0.2], [0, 1, 0]], np.float32)
    labels = np.array([0, 1, 2, 0], np.int32)
    found = evaluation.score(p, labels)
    assert found.accuracy == 0.5
    least = -np.log(np.finfo(np.float32).tiny)
    assert found.loss == pytest.approx((-np.log([0.7, 0.8, 0.2]).sum() + least) / 4)
    counts = evaluation.confusion(p, labels, 3)
    assert counts.tolist() == [[1, 1, 0], [0, 1, 0], [1, 0, 0]]
    assert evaluation.per_class(counts, ["a", "b", "c"]) == [
        {"class": "a", "examples": 2, "recall": 0.5, "precision": 0.5},
        {"class": "b", "examples": 1, "recall": 1.0, "precision": 0.5},
        {"class": "c", "examples": 1, "recall": 0.0, "precision": None},
    ]
    assert evaluation.worst(p, labels, 2).tolist() == [3, 2]


def test_a_class_without_examples_has_no_recall():
    assert evaluation.per_class(np.zeros((1, 1), np.int64), ["a"])[0]["recall"] is None


def test_what_is_not_finite_is_wrong_and_costs_much():
    p = np.array([[np.nan, np.nan], [0.5, 0.5]], np.float32)
    found = evaluation.score(p, np.array([0, 0], np.int32))
    assert found.accuracy == 0.5
    assert 40 < found.loss < 50


def test_an_ensemble_is_the_mean_of_probabilities():
    one, other = np.array([[1.0, 0.0]], np.float32), np.array([[0.2, 0.8]], np.float32)
    assert evaluation.ensemble([one, other]) == pytest.approx(np.array([[0.6, 0.4]]))


@pytest.mark.slow
def test_with_tensorflow_at_work(tmp_path):
    data, woken = data_set(), "tensorflow" in sys.modules
    make_study(tmp_path, QUALITIES, data)
    told = finish(tmp_path, data, quiet)
    there = {f"{p.name}/" if p.is_dir() else p.name for p in (tmp_path / "winner").iterdir()}
    assert there == set(told["exported"]["files"])
    assert {"model.keras", "saved_model/", "card.json", "CARD.md", "dev.npz"} <= there
    assert ("tensorflow" in sys.modules) == woken  # it works in a process of its own
