"""The playbook checks, each on a study that was planted for it, and on whatever a study can be."""

import io
import json
import math
import shlex
from dataclasses import replace

import numpy as np
import pytest
import typer
from hypothesis import given, settings
from hypothesis import strategies as st
from planted_study import ANY, measured, planted, trial_of
from rich.console import Console

from caviar.cli import app
from caviar.report.checks import checks, print_checks
from caviar.report.cohort import cohorts
from caviar.report.doubling import doubling
from caviar.report.evidence import evidence
from caviar.report.importance import importance
from caviar.study.journal import Journal
from caviar.study.records import Assignment
from caviar.study.requests import read_narrow
from caviar.study.spec import StudySpec

NAMES = ("edges", "points", "divergence", "epochs", "batch size", "lead")
STUDY = """
[network]
layers = 1
units = 16
[training]
learning_rate = { low = 1e-5, high = 1.0, scale = "log" }
beta_1 = 0.9
beta_2 = 0.999
batch_size = { choices = [32, 64, 128, 256] }
[search]
trials = 60
max_epochs = 9
"""


def accuracy(u, epoch):
    """Best at a learning rate of 10 ** -2.5."""
    return 0.9 - 0.5 * (u["learning_rate"] - 0.5) ** 2 - 0.1 / epoch


def by_name(study):
    found = {check.name: check for check in checks(study)}
    for check in found.values():
        run_dry(check.command, study)
        assert "\n" not in check.line
        json.dumps(check.to_json())
    return found


def run_dry(command, study):
    """Has the command line read a command, without doing it."""
    words = shlex.split(command)
    assert words[0] == "caviar"
    group = typer.main.get_command(app)
    context = group.make_context("caviar", words[1:], resilient_parsing=False)
    name, found, rest = group.resolve_command(context, words[1:])
    assert found is not None
    found.make_context(name, list(rest))
    if name == "narrow":
        read_narrow(rest[1], study.spec)


@pytest.fixture
def study(tmp_path):
    return planted(tmp_path, STUDY, accuracy, noise=0.002)


def test_every_check_says_something_of_every_study(study, tmp_path) -> None:
    assert tuple(by_name(study)) == NAMES
    nothing = planted(tmp_path / "nothing", STUDY, accuracy, trials=0)
    found = by_name(nothing)
    assert tuple(found) == NAMES
    assert {check.verdict for check in found.values()} == {"unknown"}


def test_the_best_against_no_bound_is_fine(study) -> None:
    assert by_name(study)["edges"].verdict == "fine"


def test_the_best_against_a_bound_asks_for_room(tmp_path) -> None:
    def rising(u, epoch):
        return 0.5 + 0.4 * u["learning_rate"] ** 2

    study = planted(tmp_path, STUDY, rising)
    check = by_name(study)["edges"]
    assert check.verdict == "act"
    assert "learning_rate: the best trials lie at its upper bound 1" in check.line
    assert check.command == f"caviar run STUDY.toml --dir {tmp_path}-wider"


def test_a_bound_that_may_grow_asks_for_trials(tmp_path) -> None:
    grows = STUDY.replace('high = 1.0, scale = "log"', 'high = 1e-2, scale = "log", expand = true')

    def rising(u, epoch):
        return 0.5 + 0.4 * u["learning_rate"]

    check = by_name(planted(tmp_path, grows, rising))["edges"]
    assert (check.verdict, check.command) == ("act", f"caviar add {tmp_path} --trials 30")


def test_enough_points_where_twice_as_many_buy_nothing(tmp_path) -> None:
    def two(u, epoch):
        return 0.9 if u["learning_rate"] > 0.3 else 0.5

    check = by_name(planted(tmp_path, STUDY, two))["points"]
    assert check.verdict == "fine"
    assert "twice as many trials as the 20 at epoch 3 would buy about 0 (0 to 0)" in check.line


def test_more_points_where_they_pay(tmp_path) -> None:
    def chance(u, epoch):
        return 0.5 + 0.1 * math.sin(1e4 * u["learning_rate"]) + 0.5 * u["batch_size"] ** 9

    text = STUDY.replace("{ choices = [32, 64, 128, 256] }", "{ low = 32, high = 256 }")
    check = by_name(planted(tmp_path, text, chance))["points"]
    assert (check.verdict, check.command) == ("act", f"caviar add {tmp_path} --trials 60")


def test_points_that_may_pay_are_worth_a_look(study) -> None:
    gain = doubling(-cohorts(study)[1].scores)
    known = {**study.account, "noise": gain.expected}
    check = by_name(replace(study, account=known))["points"]
    assert gain.low < gain.expected < gain.high
    assert check.verdict == "look"
    assert "at epoch 3 would buy about" in check.line


def test_a_grid_has_no_more_points(tmp_path) -> None:
    text = STUDY.replace("[search]\ntrials = 60", '[search]\nsearcher = "grid"\ntrials = 10')
    check = by_name(planted(tmp_path, text, accuracy, trials=8))["points"]
    assert (check.verdict, check.command) == (
        "unknown",
        f"caviar run STUDY.toml --dir {tmp_path}-finer",
    )


def diverges_above(least):
    def found(u, epoch):
        return math.nan if u["learning_rate"] > least else accuracy(u, epoch)

    return found


def test_who_diverged_lies_just_above_the_best(tmp_path) -> None:
    def rising(u, epoch):
        return math.nan if u["learning_rate"] > 0.6 else 0.5 + 0.4 * u["learning_rate"]

    study = planted(tmp_path, STUDY, rising)
    check = by_name(study)["divergence"]
    lost = sum(state == "diverged" for state in study.states)
    assert check.line.startswith(f"{lost} of 60 trials diverged ({100 * lost / 60:.0f} %)")
    assert check.verdict == "act"
    assert "just above the best, 0.0" in check.line
    narrowed = read_narrow(shlex.split(check.command)[3], study.spec).detail
    best = study.account["best"]["hyperparameters"]["learning_rate"]
    assert narrowed["low"] == 1e-5
    assert narrowed["high"] == pytest.approx(3 * best, rel=0.01)


def test_who_diverged_lies_far_above_the_best(tmp_path) -> None:
    study = planted(tmp_path, STUDY, diverges_above(0.9))
    check = by_name(study)["divergence"]
    assert check.verdict in {"fine", "look"}
    assert "from learning rate 0." in check.line
    assert "just above" not in check.line


def test_divergence_that_is_not_the_learning_rates(tmp_path) -> None:
    def odd(u, epoch):
        return math.nan if u["batch_size"] > 0.5 else accuracy(u, epoch)

    check = by_name(planted(tmp_path, STUDY, odd))["divergence"]
    assert check.verdict == "act"
    assert "it is not the learning rate alone" in check.line
    assert "--trial" in check.command


def test_none_diverged(study) -> None:
    check = by_name(study)["divergence"]
    assert (check.verdict, check.line) == ("fine", "none of 60 trials diverged")


@pytest.mark.parametrize(
    ("curve", "verdict", "words", "command"),
    [
        (
            lambda e: 0.9 - abs(e - 7) / 100,
            "act",
            "of the 2 longest curves comes after 7 of 27: train less",
            "-shorter --max-epochs 9",
        ),
        (lambda e: 0.5 + 0.01 * e, "act", "train longer", " --max-epochs 81"),
        (lambda e: 0.9 - 0.4 / e**3, "fine", "is nothing: long enough", ""),
        (lambda e: 0.9 - abs(e - 18) / 100, "fine", "best epoch is 18 of 27: long enough", ""),
    ],
    ids=["early", "late", "flat", "between"],
)
def test_where_the_best_epoch_lies(tmp_path, curve, verdict, words, command) -> None:
    text = STUDY.replace("max_epochs = 9", "max_epochs = 27")
    study = planted(tmp_path, text, lambda u, epoch: curve(epoch) + 0.001 * u["learning_rate"])
    check = by_name(study)["epochs"]
    assert (check.verdict, words in check.line) == (verdict, True), check.line
    assert check.command.endswith(command)


def paced(values):
    return 1.0 / values["batch_size"]


def test_the_fastest_batch_size_where_none_is_better(tmp_path) -> None:
    study = planted(tmp_path, STUDY, accuracy, trials=240, noise=0.01, pace=paced)
    check = by_name(study)["batch size"]
    assert check.verdict == "act"
    assert "3.91 ms at batch size 256 and 31.2 ms at 32 (8.0 times)" in check.line
    assert check.command == f"caviar narrow {tmp_path} batch_size=256"


def test_a_batch_size_that_does_better_is_not_thrown_away(tmp_path) -> None:
    def small_is_good(u, epoch):
        return 0.9 - 0.2 * u["batch_size"]

    check = by_name(planted(tmp_path, STUDY, small_is_good, pace=paced))["batch size"]
    assert check.verdict == "look"
    assert (
        "but 32 does better than 256 (median dev accuracy at epoch 1 0.8868, 0.7146)" in check.line
    )


def test_a_few_trials_throw_no_batch_size_away(tmp_path) -> None:
    study = planted(tmp_path, STUDY, accuracy, trials=30, noise=0.01, pace=paced)
    check = by_name(study)["batch size"]
    assert (check.verdict, check.command) == ("look", f"caviar add {tmp_path} --trials 30")
    assert "though with so few trials" in check.line


def test_batch_sizes_as_fast_as_each_other_are_fine(study) -> None:
    assert by_name(study)["batch size"].verdict == "fine"


def test_many_batch_sizes_are_taken_together(tmp_path) -> None:
    text = STUDY.replace("{ choices = [32, 64, 128, 256] }", "{ low = 32, high = 256 }")
    study = planted(tmp_path, text, accuracy, noise=0.01, pace=paced)
    line = by_name(study)["batch size"].line
    assert "at batch size 256 and" in line


def test_a_lead_below_the_noise_may_be_luck(tmp_path) -> None:
    known = STUDY.replace("max_epochs = 9", "max_epochs = 9\nnoise = NOISE")
    close = by_name(planted(tmp_path / "a", known.replace("NOISE", "0.05"), accuracy, noise=0.002))[
        "lead"
    ]
    assert close.verdict == "look"
    assert close.line.endswith("differences up to 0.05 are noise, so it may be luck")
    assert close.command == f"caviar winner {tmp_path / 'a'}"
    clear = by_name(planted(tmp_path / "b", known.replace("NOISE", "1e-9"), accuracy, noise=0.002))[
        "lead"
    ]
    assert clear.verdict == "fine"


def test_without_noise_nobody_knows(study) -> None:
    check = by_name(study)["lead"]
    assert check.verdict == "unknown"
    assert " leads trial " in check.line
    assert check.command.startswith("caviar winner ")


def candidate(name, mean, half, runs=5):
    ends = {} if half is None else {"low": mean - half, "high": mean + half}
    return {"name": name, "mean": mean, "low": None, "high": None, "runs": [{}] * runs} | ends


@pytest.mark.parametrize(
    ("candidates", "beats", "verdict", "words"),
    [
        ([("trial 1", 0.95, 0.01), ("trial 2", 0.90, 0.01), ("baseline", 0.8, 0.01)], True,
         "fine", "trial 1 has 0.9500 (0.9400 to 0.9600) over 5 seeds, trial 2 has"),
        ([("trial 1", 0.95, 0.03), ("trial 2", 0.94, 0.01), ("baseline", 0.8, 0.01)], True,
         "look", "these overlap"),
        ([("trial 1", 0.95, 0.03), ("trial 2", 0.94, 0.01)], False, "act", "no better than"),
        ([("baseline", 0.95, 0.03), ("trial 2", 0.94, 0.01)], None, "act", "nothing that was"),
        ([("trial 1", 0.95, None)], None, "unknown", "was trained once"),
        ([("trial 1", 0.95, 0.01)], True, "fine", "over 5 seeds"),
    ],
)  # fmt: skip
def test_the_winners_lead_by_its_card(study, candidates, beats, verdict, words) -> None:
    found = [candidate(*one) for one in candidates]
    card = {"winner": {"name": found[0]["name"]}, "candidates": found, "beats_baseline": beats}
    check = by_name(replace(study, card=card))["lead"]
    assert (check.verdict, words in check.line) == (verdict, True), check.line


def test_names_on_a_card_stay_on_their_line(study) -> None:
    bad = "trial\x1b[2J\n<script>"
    card = {"winner": {"name": bad}, "candidates": [candidate(bad, 0.9, 0.1)]}
    check = by_name(replace(study, card=card | {"beats_baseline": True}))["lead"]
    assert "\x1b" not in check.line


def test_a_study_without_a_file_needs_none_to_go_on(tmp_path) -> None:
    file = "[search]\ntrials = 40\nmax_epochs = 27\n"
    study = planted(tmp_path, file, lambda u, epoch: 0.5 + 0.01 * epoch)
    assert by_name(study)["epochs"].command == f"caviar run --dir {tmp_path} --max-epochs 81"


def test_pandas_are_asked_nothing_that_only_a_search_knows(study) -> None:
    raised = replace(study, account={**study.account, "diary": [{}], "rungs": []})
    found = by_name(raised)
    assert [c.verdict for c in found.values() if c.name != "divergence"] == ["unknown"] * 5
    assert importance(raised).rungs == ()


def test_checks_are_printed_a_line_each_with_what_to_type(study) -> None:
    file = io.StringIO()
    found = [replace(one, line=one.line + " [red]\x1b[2J") for one in checks(study)]
    print_checks(Console(file=file, width=60), found)
    lines = file.getvalue().splitlines()
    assert lines[0].startswith("fine     edges: the best trials lie against no bound [red]")
    assert len(lines) == len(found) + sum(one.verdict != "fine" for one in found)
    assert "\x1b" not in file.getvalue()


METRICS = ("dev_accuracy", "dev_loss", "train_loss")
VALUE = st.one_of(st.sampled_from([0.0, 0.5, 1.0, math.nan]), st.floats(0, 1))
CURVES = st.lists(st.lists(VALUE, max_size=9), max_size=5)
SHAPES = st.one_of(
    CURVES, st.builds(lambda one, n: [one] * n, st.lists(VALUE, max_size=4), st.integers(0, 24))
)


@given(SHAPES, st.sampled_from(METRICS), st.booleans(), st.integers(0, 3))
@settings(max_examples=60)
def test_nothing_that_a_journal_can_hold_breaks_it(
    tmp_path_factory, curves, metric, lost, seed
) -> None:
    """Of any length, equal, not finite, diverged or not; trials that never trained."""
    directory = tmp_path_factory.mktemp("study")
    spec = StudySpec.parse(STUDY.replace("max_epochs", f'metric = "{metric}"\nmax_epochs'))
    random = np.random.default_rng(seed)
    points = random.random((len(curves), spec.space.dimensions)).tolist()
    with Journal.create(directory, spec.to_json(), spec.fingerprint) as journal:
        journal.acquire_lease()
        journal.decide([trial_of(spec, i, point) for i, point in enumerate(points)])
        for trial, curve in enumerate(curves):
            rows = [measured(trial, epoch, value) for epoch, value in enumerate(curve, 1)]
            ends = [i for i, row in enumerate(rows, 1) if row.diverged]
            rows = rows[: ends[0]] if ends else rows
            if ends and not lost:
                rows[-1] = replace(rows[-1], diverged=False)  # not finite, yet nobody said so
            if rows:
                number = journal.issue(Assignment((trial,), 0, len(rows), ANY))
                attempt = journal.start_attempt(number, "s")
                journal.report(number, attempt, rows, {}, complete=True)
    study = evidence(directory)
    assert tuple(by_name(study)) == NAMES
    told = importance(study)
    json.dumps(told.to_json(), allow_nan=False)
    assert told.lines
