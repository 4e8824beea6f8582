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
from caviar.report.checks import checks, checks_for_keeping, print_checks
from caviar.report.cohort import cohorts
from caviar.report.doubling import doubling
from caviar.report.evidence import evidence
from caviar.report.importance import importance
from caviar.report.verdicts import checked
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
        for command in filter(None, check.command.split(" && ")):
            run_dry(command, study)
        assert check.verdict in {"look", "act", "unknown"} or not check.command
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


def added(directory, trials):
    """What brings more trials to a study that nobody drives."""
    return f"caviar add {directory} --trials {trials} && caviar run --dir {directory}"


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
    assert check.line.endswith("(STUDY.toml below: a copy of its study file with more room)")


def test_a_bound_that_may_grow_asks_for_trials(tmp_path) -> None:
    grows = STUDY.replace('high = 1.0, scale = "log"', 'high = 1e-2, scale = "log", expand = true')

    def rising(u, epoch):
        return 0.5 + 0.4 * u["learning_rate"]

    check = by_name(planted(tmp_path, grows, rising))["edges"]
    assert (check.verdict, check.command) == ("act", added(tmp_path, 30))


def test_enough_points_where_twice_as_many_buy_nothing(tmp_path) -> None:
    def two(u, epoch):
        return 0.9 if u["learning_rate"] > 0.3 else 0.5

    check = by_name(planted(tmp_path, STUDY, two))["points"]
    assert check.verdict == "fine"
    assert (
        "twice as many trials as the 20 at epoch 3 would buy about 0.00 points (0.00 to"
        in check.line
    )


def test_more_points_where_they_pay(tmp_path) -> None:
    def chance(u, epoch):
        return 0.5 + 0.1 * math.sin(1e4 * u["learning_rate"]) + 0.4 * u["batch_size"] ** 9

    text = STUDY.replace("{ choices = [32, 64, 128, 256] }", "{ low = 32, high = 256 }")
    study = planted(tmp_path, text, chance)
    check = by_name(study)["points"]
    assert (check.verdict, check.command) == ("act", added(tmp_path, 60))
    assert by_name(with_status(study, "running", 60))["points"].verdict == "look"


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
        f"caviar run STUDY.toml --dir {tmp_path}-finer --trials 16",
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
    assert check.command.endswith(f" && {added(tmp_path, 30)}")
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
            lambda e: 0.9 - 0.1 * (e < 5) - abs(e - 7) / 1000,
            "act",
            "each of the 2 longest curves was after 9 epochs as good as after 27: train less",
            "-shorter --max-epochs 9",
        ),
        (lambda e: 0.5 + 0.01 * e, "act", "train longer", " --max-epochs 81"),
        (lambda e: 0.9 - 0.04 / e, "fine", "is nothing: long enough", ""),
        (
            lambda e: 0.9 - abs(e - 18) / 100,
            "fine",
            "gained 0.00 points of dev accuracy",
            "",
        ),
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
    assert check.command == f"caviar narrow {tmp_path} batch_size=256 && {added(tmp_path, 120)}"


def test_a_batch_size_that_does_better_is_not_thrown_away(tmp_path) -> None:
    def small_is_good(u, epoch):
        return 0.9 - 0.2 * u["batch_size"]

    check = by_name(planted(tmp_path, STUDY, small_is_good, pace=paced))["batch size"]
    assert (check.verdict, check.command) == ("fine", "")
    assert (
        "but 32 does better than 256 (median dev accuracy at epoch 1 88.68 %, 71.46 %)"
        in check.line
    )


def test_a_few_trials_throw_no_batch_size_away(tmp_path) -> None:
    study = planted(tmp_path, STUDY, accuracy, trials=30, noise=0.01, pace=paced)
    check = by_name(study)["batch size"]
    assert (check.verdict, check.command) == ("look", added(tmp_path, 30))
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
    assert close.line.endswith("differences up to 5.00 points are noise, so it may be luck")
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


def candidate(name, *values):
    """Of a card; None where a run came to no good end."""
    runs = [{"replicate": seed, "value": value} for seed, value in enumerate(values, 1)]
    sound = [value for value in values if value is not None]
    low, high = (min(sound), max(sound)) if len(sound) > 1 else (None, None)
    mean = sum(sound) / len(sound)
    return {"name": name, "mean": mean, "low": low, "high": high, "runs": runs}


BASE = candidate("baseline", 0.8, 0.81, 0.82)
FIRST = candidate("trial 1", 0.90, 0.93, 0.96)


@pytest.mark.parametrize(
    ("candidates", "beats", "verdict", "words"),
    [
        ([FIRST, candidate("trial 2", 0.892, 0.921, 0.951), BASE], True, "fine",
         "by 0.87 points (0.72 to 1.01 points) of dev accuracy, paired over 3 seeds: more"),
        ([FIRST, candidate("trial 2", 0.91, 0.92, 0.93), BASE], True, "look",
         "by 1.00 points (-3.97 to 5.97 points) of dev accuracy, paired over 3 seeds: either"),
        ([FIRST, candidate("trial 2", 0.91, 0.92, 0.93)], False, "act", "no better than"),
        ([candidate("baseline", 0.95, 0.94), FIRST], None, "act", "nothing that was"),
        ([candidate("trial 1", 0.95)], None, "unknown", "was trained once"),
        ([FIRST], True, "fine", "over 3 seeds"),
        ([FIRST, candidate("trial 2", 0.99, None, 0.99)], True, "fine", "lost 1 training"),
        ([candidate("trial 1", 0.9, 0.9, None), candidate("trial 2", None, 0.8, 0.9)], True,
         "unknown", "share fewer than two seeds"),
    ],
)  # fmt: skip
def test_the_winners_lead_by_its_card(study, candidates, beats, verdict, words) -> None:
    """Pair by pair: what overlaps may still be told apart."""
    card = {
        "winner": {"name": candidates[0]["name"]},
        "candidates": candidates,
        "beats_baseline": beats,
        "source": {"kind": "retraining", "retraining": 2},
    }
    check = by_name(replace(study, card=card))["lead"]
    assert (check.verdict, words in check.line) == (verdict, True), check.line
    if verdict == "look":
        assert check.command == f"caviar show {study.directory}/retraining-2"
    if verdict == "act":
        assert check.command == (
            f"caviar run STUDY.toml --dir {study.directory}-longer --trials 120"
        )


def test_names_on_a_card_stay_on_their_line(study) -> None:
    bad = "trial\x1b[2J\n<script>"
    card = {"winner": {"name": bad}, "candidates": [candidate(bad, 0.9, 0.8)]}
    check = by_name(replace(study, card=card | {"beats_baseline": True}))["lead"]
    assert "\x1b" not in check.line


def test_a_study_without_a_file_needs_none(tmp_path) -> None:
    file = "seed = 7\n[search]\ntrials = 40\nmax_epochs = 27\n"
    study = planted(tmp_path, file, lambda u, epoch: 0.5 + 0.01 * epoch)
    assert by_name(study)["epochs"].command == f"caviar run --dir {tmp_path} --max-epochs 81"
    study = planted(tmp_path / "flat", file, lambda u, epoch: 0.5 + 0.01 * min(epoch, 7))
    short = by_name(study)["epochs"]
    words = f"caviar run --dir {tmp_path}/flat-shorter --trials 40 --max-epochs 9 --seed 7"
    assert (short.command, "STUDY.toml" in short.line) == (words, False)


def test_pandas_are_asked_nothing_that_only_a_search_knows(study) -> None:
    raised = replace(study, account={**study.account, "diary": [{}], "rungs": []})
    found = by_name(raised)
    asked = {c.verdict for c in found.values() if c.name != "divergence"}
    assert asked == {"inapplicable"}
    assert found["divergence"].line == "none of 60 days diverged"
    assert importance(raised).rungs == ()


def test_where_every_trial_diverged_only_that_is_told(tmp_path) -> None:
    study = planted(tmp_path, STUDY, lambda u, epoch: 0.5 if epoch == 1 else math.nan, keep=1.0)
    check = by_name(study).pop("divergence")
    assert check.verdict == "act"
    assert "60 of 60 trials diverged (100 %)" in check.line
    assert "try lower learning rates (STUDY.toml below: a copy of" in check.line
    assert printed(checks(study)).splitlines()[-1] == (
        "not known yet: edges, points, epochs, batch size, lead (every trial diverged)"
    )


def with_status(study, status, waiting=0):
    counts = {**study.account["counts"], "waiting": waiting}
    return replace(study, account={**study.account, "status": status, "counts": counts})


def test_commands_are_fit_for_how_the_study_stands(tmp_path) -> None:
    few = planted(tmp_path, STUDY, accuracy, trials=8)
    commands = {
        status: by_name(with_status(few, status, waiting))["points"].command
        for status, waiting in (("running", 0), ("interrupted", 4), ("stopped", 0))
    }
    assert commands == {
        "running": f"caviar add {tmp_path} --trials 8",
        "interrupted": f"caviar run --dir {tmp_path}",
        "stopped": f"caviar continue {tmp_path} && caviar run --dir {tmp_path}",
    }
    coming = by_name(with_status(few, "running", 52))["points"]
    assert (coming.command, coming.line.endswith("8 of 16, and more are coming")) == ("", True)


def test_a_driver_at_work_is_left_to_its_work(tmp_path) -> None:
    """What takes its lease must wait."""
    study = planted(tmp_path, STUDY, lambda u, epoch: 0.5 + 0.02 * epoch + 0.1 * u["learning_rate"])
    over, now = by_name(study), by_name(with_status(study, "running", 10))
    assert over["epochs"].verdict == now["epochs"].verdict == "act"
    assert now["epochs"].line.endswith("; when this run is over")
    assert now["lead"].command == ""


def test_a_page_names_the_study_by_its_own_directory(tmp_path) -> None:
    study = planted(tmp_path / "mine", STUDY, accuracy, trials=4)
    found = {check.name: check for check in checks_for_keeping(study)}
    assert found["edges"].command == added("mine", 6)
    assert not any(str(tmp_path) in check.command for check in found.values())


def printed(found) -> str:
    file = io.StringIO()
    print_checks(Console(file=file, width=60), found)
    return file.getvalue()


def test_what_does_not_apply_is_one_line(study) -> None:
    found = [
        checked("edges", "inapplicable", "no bounds"),
        checked("points", "fine", "enough"),
        checked("lead", "inapplicable", "no bounds"),
        checked("batch size", "inapplicable", "it is not searched"),
    ]
    assert printed(found).splitlines() == [
        "fine     points: enough",
        "does not apply: edges, lead (no bounds); batch size (it is not searched)",
    ]


def test_checks_are_printed_a_line_each_with_what_to_type(study) -> None:
    found = [replace(one, line=one.line + " [red]\x1b[2J") for one in checks(study)]
    lines = printed(found).splitlines()
    assert lines[0].startswith("fine     edges: the best trials lie against no bound [red]")
    assert len(lines) == len(found) + sum(bool(one.command) for one in found)
    assert "\x1b" not in "".join(lines)


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
