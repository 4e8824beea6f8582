"""The card: its folder whole or not at all, its words, its escaping, what it was made with."""

import json
import math
import subprocess

import pytest
from made_winner import begin, data_set
from markdown_it import MarkdownIt  # comes with rich

from caviar.errors import StudyError
from caviar.space.domain import Choice, Float
from caviar.study.journal import Journal
from caviar.study.spec import StudySpec
from caviar.winner import card
from caviar.winner.readable import card_md, escaped
from caviar.winner.surroundings import git_commit, hardware, packages
from caviar.winner.words import sentences

SHA = "0123456789abcdef0123456789abcdef01234567"


# --- the folder


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_folder_is_there_when_it_is_full(tmp_path):
    with card.staged(tmp_path) as stage:
        (stage / "card.json").write_text("{}")
        (stage / "saved_model").mkdir()
        (stage / "saved_model" / "x").write_text("x")
        assert not (tmp_path / "winner").exists()
    assert names(tmp_path) == ["winner"]
    assert names(tmp_path / "winner") == ["card.json", "saved_model"]


@pytest.mark.parametrize("swaps", [True, False])
def test_a_new_folder_takes_the_place_of_the_old_one(tmp_path, monkeypatch, swaps):
    if not swaps:
        monkeypatch.setattr(card, "_exchange", lambda one, other: False)
    for text in ("old", "new"):
        with card.staged(tmp_path) as stage:
            (stage / text).write_text(text)
    assert names(tmp_path) == ["winner"]
    assert names(tmp_path / "winner") == ["new"]


def test_what_goes_wrong_leaves_everything_as_it_was(tmp_path):
    with card.staged(tmp_path) as stage:
        (stage / "old").write_text("old")

    def fail():
        with card.staged(tmp_path) as stage:
            (stage / "new").write_text("new")
            raise StudyError("export: no")

    with pytest.raises(StudyError, match=r"^export: no$"):
        fail()
    assert names(tmp_path) == ["winner"]
    assert names(tmp_path / "winner") == ["old"]


def test_a_full_disk_is_one_line(tmp_path):
    def fail():
        with card.staged(tmp_path):
            raise OSError(28, "No space left on device")

    with pytest.raises(StudyError, match=r"winner: cannot be written: No space left on device$"):
        fail()
    assert names(tmp_path) == []


def test_a_file_in_the_way_is_replaced(tmp_path):
    (tmp_path / "winner").write_text("a file")
    with card.staged(tmp_path) as stage:
        (stage / "new").write_text("new")
    assert names(tmp_path / "winner") == ["new"]
    assert names(tmp_path) == ["winner"]


def test_what_an_attempt_before_left_behind_is_removed(tmp_path):
    (tmp_path / ".winner-77").mkdir()
    (tmp_path / ".winner-77" / "half").write_text("half")
    with card.staged(tmp_path) as stage:
        (stage / "new").write_text("new")
    assert names(tmp_path) == ["winner"]


def test_a_winner_that_was_only_put_aside_comes_back(tmp_path):
    (tmp_path / ".winner-77-old").mkdir()
    (tmp_path / ".winner-77-old" / "old").write_text("old")

    def fail():
        with card.staged(tmp_path):
            raise StudyError("no")

    with pytest.raises(StudyError):
        fail()
    assert names(tmp_path / "winner") == ["old"]


# --- what is in it


def made(**changed):
    """A card of three candidates and three seeds."""

    def candidate(name, values):
        runs = [
            {"trial": n, "replicate": n + 1, "value": value, "diverged": value is None,
             "note": "" if value else "diverged in epoch 2"}
            for n, value in enumerate(values)
        ]  # fmt: skip
        known = [value for value in values if value is not None]
        mean = sum(known) / len(known) if known else None
        return {"name": name, "trial": None, "hyperparameters": {"units": 8}, "search_value": 0.97,
                "mean": mean, "low": 0.95, "high": 0.97, "runs": runs}  # fmt: skip

    part = {
        "examples": 359,
        "confusion": [[3, 0], [1, 2]],
        "per_class": [
            {"class": "cat", "examples": 3, "recall": 1.0, "precision": 0.75},
            {"class": "dog", "examples": 3, "recall": 2 / 3, "precision": None},
        ],
        "ensemble": {"accuracy": 0.981, "loss": 0.1},
    }
    test = part | {
        "read_at": "2026-11-22T12:00:00+00:00",
        "by": "caviar 0.1.0",
        "readings": 1,
        "accuracy": {"mean": 0.9721, "low": 0.968, "high": 0.9762},
        "sampling": {"low": 0.9497, "high": 0.9846},
        "runs": [{"replicate": n, "accuracy": 0.97, "loss": 0.1} for n in (1, 2, 3)],
    }
    return {
        "format": 1, "study": "animals", "metric": "dev_accuracy",
        "winner": {"name": "trial 4", "trial": 4, "hyperparameters": {"units": 8}, "epochs": 27},
        "source": {"kind": "retraining", "retraining": 1},
        "candidates": [
            candidate("trial 4", [0.95, 0.97, 0.96]),
            candidate("baseline", [0.94, 0.95, 0.95]),
        ],
        "confidence": 0.95, "beats_baseline": True,
        "difference": {"mean": 0.0133, "low": 0.004, "high": 0.0226},
        "test": test, "dev": part,
        "exported": {"replicate": 3, "trial": 2, "dev_accuracy": 0.96, "test_accuracy": 0.9694,
                     "files": ["model.keras"]},
        "data": {"name": "animals", "class_names": ["cat", "dog"]},
        "space": [{"name": "units", "scale": "log", "low": 4, "high": 64},
                  {"name": "optimizer", "scale": "choices", "choices": ["adam", "sgd"]}],
        "seeds": {"study": 0, "replicates": [1, 2, 3]},
        "packages": {"python": "3.11"}, "git": None,
        "hardware": {"cpu": "a cpu", "cores": 2, "gpus": [], "memory_gib": 8.0},
        "cost": {"trial_epochs": 100, "retraining_epochs": 50, "slice_hours": 0.1, "elapsed_s": 70},
        "sentences": [], "intended_use": "",
    } | changed  # fmt: skip


def told(**changed):
    return " ".join(sentences(made(**changed)))


def test_the_figure_to_quote_comes_first():
    first = sentences(made())[0]
    assert first.startswith(
        "What may be quoted: a test accuracy of 97.21 %, the mean of 3 training"
    )
    assert "(95 % interval over seeds 96.80 % to 97.62 %)" in first
    assert "359 examples" in first
    assert "95 % interval 94.97 % to 98.46 %" in first


def test_better_than_the_baseline():
    assert "trial 4, is better than the baseline by 1.33 points of dev accuracy" in told()
    assert "(95 % interval 0.40 to 2.26 points, paired by seed); that is 4.8 of" in told()
    assert "might undo it" not in told()


def test_a_lead_of_hardly_an_example_is_told_as_that():
    # The same in every seed, so the interval over seeds has no width at all.
    text = told(difference={"mean": 1 / 359, "low": 1 / 359, "high": 1 / 359})
    assert "that is 1.0 of 359 dev examples, so few that other examples might undo it" in text


def test_not_better_than_the_baseline_in_plain_words():
    text = told(beats_baseline=False, difference={"mean": 0.003, "low": -0.002, "high": 0.008})
    assert "is not better than the baseline as far as these runs tell" in text
    assert "may be luck (95 % interval -0.20 to 0.80 points" in text
    assert "is better than" not in text


def test_ahead_only_because_the_baseline_lost_runs():
    text = told(beats_baseline=False, difference={"mean": -0.01, "low": -0.02, "high": -0.001})
    assert "is not better than the baseline where both finished" in text


def test_the_baseline_wins():
    names = {"winner": {"name": "baseline"}, "beats_baseline": False, "difference": None}
    assert "Nothing that the search found did better than the baseline" in told(**names)


def test_too_few_runs_to_compare():
    assert "too few runs" in told(beats_baseline=None, difference=None)


def test_losses_are_told_in_nats():
    text = told(metric="dev_loss", difference={"mean": 0.02, "low": 0.01, "high": 0.03})
    assert "better than the baseline by 0.02 nats of dev loss" in text
    assert "dev examples" not in text


def test_dev_only():
    exported = made()["exported"] | {"test_accuracy": None}
    text = told(test=None, exported=exported)
    assert text.startswith("Dev only: the study has no test part")
    assert "test accuracy" not in text
    assert "as an ensemble gives 98.10 % on dev" in text


def test_lost_runs_and_the_median():
    found = made()
    found["candidates"][1]["runs"][0] |= {"value": None, "diverged": True}
    text = " ".join(sentences(found))
    assert "Of baseline, 1 of 3 runs diverged: it counts as worse" in text
    assert "replicate 3, the one with the median dev accuracy (96.00 %)" in text
    assert "its own test accuracy is 96.94 %" in text


def test_readings():
    assert "was read" not in told()
    test = made()["test"] | {"readings": 2}
    assert "The test set was read 2 times" in told(test=test)


@pytest.mark.parametrize(
    ("kind", "words"), [("diary", "diary cannot be repeated"), ("search", "partly the luckiest")]
)
def test_one_training(kind, words):
    found = made(source={"kind": kind, "retraining": None}, difference=None, beats_baseline=None)
    found["candidates"] = found["candidates"][:1]
    found["candidates"][0]["runs"] = found["candidates"][0]["runs"][:1]
    found["exported"]["replicate"] = 1
    found["test"]["accuracy"] |= {"low": None, "high": None}
    text = " ".join(sentences(found))
    assert words in text
    assert "without an interval over seeds" in text
    assert "baseline" not in text
    assert "ensemble" not in text


def test_the_readable_card_says_what_the_other_one_says():
    text = card_md(made(sentences=["one sentence"]))
    for words in (
        "# animals: trial 4", "- one sentence", "| units | 8 |", "epochs trained | 27",
        "| baseline | 94.67 % | 95.00 % to 97.00 % | 97.00 % | 94.00 %, 95.00 %, 95.00 % |",
        "| 2 | 97.00 % | 0.1 |", "| dog | 3 | 66.67 % | unknown |", "| cat | 3 | 0 |",
        "| optimizer | choices | adam, sgd |", "1 min 10 s", "readings so far: 1",
        "## Intended use\n\n_To be filled in by a person._",
    ):  # fmt: skip
        assert words in text, words
    assert "## Test" not in card_md(made(test=None))


HOSTILE = [
    "<script>alert(1)</script>",
    "a|b",
    "line\nbreak\r\x1b[31m",
    "`code`",
    "[link](javascript:x)",
    "![image](http://x/y.png)",
    "# heading",
    "- item",
    "1. item",
    "\\`escape",
    "&lt;b&gt;",
    "\udcff lone",
    "\u202eturned",
]


def of_names(text):
    """The readable card of a study whose every name is `text`."""
    found = made(data={"name": text, f"{text} {text}": [text]}, study=text)
    for part in (found["dev"], found["test"]):
        part["per_class"][0]["class"] = text
    for one in found["candidates"]:
        one["name"] = one["runs"][0]["note"] = text
    found["candidates"][0]["runs"][0] |= {"value": None, "diverged": True}
    found["winner"] |= {"name": text, "hyperparameters": {text: text}}
    found["sentences"] = sentences(found)
    return card_md(found)


@pytest.mark.parametrize("text", HOSTILE)
def test_what_is_hostile_stays_text(text):
    written, plain = of_names(text), of_names("plain")
    written.encode()  # no lone surrogates
    assert "<" not in written
    assert not any(mark in written for mark in ("\r", "\x1b", "\u202e"))
    assert tokens(written) == tokens(plain)


def tokens(text):
    """What a reader of Markdown makes of a text: the kinds of its parts, prose left out."""
    found = MarkdownIt("commonmark").enable("table").parse(text)
    inner = [
        child.type for part in found for child in part.children or () if child.type[:4] != "text"
    ]
    return [part.type for part in found], inner


def test_hyperparameters_are_told_to_all_digits():
    values = {"learning_rate": 0.006706123456789012, "batch_norm": True, "layers": 2}
    text = card_md(made(winner={"name": "x", "hyperparameters": values, "epochs": 1}))
    for cells in ("rate | 0.006706123456789012 |", "norm | true |", "layers | 2 |"):
        assert cells in text


def test_prose_stays_prose():
    line = "a mean (95 % interval -0.20 to 0.80), paired by seed; dev-only, 3 + 4."
    assert escaped(line) == line


def test_numbers_that_are_not_finite_are_null(tmp_path):
    card.write(tmp_path, {"a": [1.0, math.nan, (math.inf,)], "b": {"c": -math.inf}}, "text\n")
    found = json.loads((tmp_path / "card.json").read_text(), parse_constant=pytest.fail)
    assert found == {"a": [1.0, None, [None]], "b": {"c": None}}
    assert (tmp_path / "CARD.md").read_text() == "text\n"


def test_lone_surrogates_can_be_written(tmp_path):
    card.write(tmp_path, {"a": "\udcff"}, "x")
    assert json.loads((tmp_path / "card.json").read_bytes()) == {"a": "\udcff"}


def test_the_space_is_told_in_a_persons_units():
    spec = StudySpec.parse(
        "[network]\nlayers = 1\nunits = { low = 4, high = 64, scale = 'log' }\n"
        "[training]\nbatch_size = { choices = [16, 32] }\nbeta_1 = 0.9\nbeta_2 = 0.99\n"
        "learning_rate = { low = 1e-3, high = 0.1, scale = 'log', expand = true }"
    )
    assert {type(d) for d in spec.space.domains.values()} >= {Choice, Float}
    assert card.space_json(spec) == [
        {"name": "units", "scale": "log", "low": 4, "high": 64},
        {"name": "learning_rate", "scale": "log", "low": 1e-3, "high": 0.1},
        {"name": "batch_size", "scale": "choices", "choices": [16, 32]},
    ]


# --- what it was made with


@pytest.fixture
def no_programs(monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("a program was started")

    monkeypatch.setattr(subprocess, "Popen", refuse)


@pytest.mark.usefixtures("no_programs")
def test_the_commit_of_a_branch_and_of_none(tmp_path):
    git = tmp_path / ".git"
    (git / "refs" / "heads").mkdir(parents=True)
    (git / "HEAD").write_text("ref: refs/heads/main\n")
    assert git_commit(tmp_path) is None  # nothing was committed yet
    (git / "refs" / "heads" / "main").write_text(f"{SHA}\n")
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    assert git_commit(below) == SHA
    (git / "HEAD").write_text(f"{SHA[::-1]}\n")
    assert git_commit(tmp_path) == SHA[::-1]


@pytest.mark.usefixtures("no_programs")
def test_the_commit_of_packed_references_and_of_a_further_work_tree(tmp_path):
    git = tmp_path / "main" / ".git"
    own = git / "worktrees" / "other"
    own.mkdir(parents=True)
    (git / "packed-refs").write_text(f"# pack-refs\n{SHA[::-1]} refs/heads/x\n{SHA} refs/heads/y\n")
    (own / "HEAD").write_text("ref: refs/heads/y")
    (own / "commondir").write_text("../..\n")
    other = tmp_path / "other"
    other.mkdir()
    (other / ".git").write_text(f"gitdir: {own}\n")
    assert git_commit(other) == SHA


@pytest.mark.parametrize("head", ["", "ref: refs/../../secret", "g" * 40, "ref: refs/heads/gone"])
def test_what_is_no_commit_is_none(tmp_path, head):
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "HEAD").write_text(head)
    (tmp_path / "secret").write_text("secret")
    assert git_commit(tmp_path) is None


def test_a_working_folder_that_is_gone_is_none(tmp_path, monkeypatch):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert git_commit() is None


def test_a_repository_that_is_binary_is_none(tmp_path):
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "HEAD").write_bytes(b"\xff\xfe\x00")
    assert git_commit(tmp_path) is None


def test_the_gpus_that_slices_were_given(tmp_path):
    begin(tmp_path, data_set())
    with Journal.open(tmp_path, write=True) as journal:
        journal.acquire_lease()
        for held in ("core 0, gpu 0 (1400 MiB)", "core 1, gpu 0 (1400 MiB)", "unpinned"):
            journal.record("slice_arrived", {"held": held})
        found = hardware(journal)
        journal.release_lease()
    assert found["gpus"] == ["gpu 0 (1400 MiB)"]
    assert found["cpu"]
    assert found["cores"] >= 1
    assert found["memory_gib"] > 0


def test_packages():
    found = packages()
    assert found["caviar"]
    assert found["python"].startswith("3.")
