"""Bias or variance: whose errors, which is the larger, how sure, and what is said of it."""

import io
import json
import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import typer
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console
from typer.testing import CliRunner

from caviar import cli_diagnose
from caviar.errors import StudyError
from caviar.report.causes import finding_of
from caviar.report.curves import Shape
from caviar.report.diagnosis import diagnose, diagnose_for_keeping
from caviar.report.diagnosis_text import print_diagnosis
from caviar.report.evidence import Evidence, evidence
from caviar.report.points import Parts, Points
from caviar.report.sizes import SizePoint, sizes
from caviar.report.subject import lineage
from caviar.study.facts import Event
from caviar.study.journal import Journal
from caviar.study.records import Assignment, Measurement, Signature, Trial
from caviar.study.spec import StudySpec

MANY = 1_000_000
"""Examples: hardly any sampling error."""


def measured(trial, epoch, train_error, dev_error, **more):
    return Measurement(
        trial,
        epoch,
        1.0 + train_error,
        1 - train_error,
        1.0 + dev_error,
        1 - dev_error,
        0.1,
        **more,
    )


def known(*ends, text="", examples=MANY, card=None, noise=0.0, curves=None, **account):
    """Evidence of trials that came to these train and dev errors in epoch 1."""
    spec = StudySpec.parse(text)
    point = (0.5,) * len(spec.space.names)
    trials = [Trial(n, point, spec.space.decode(point)) for n in range(len(curves or ends))]
    found = curves or {n: [measured(n, 1, *end)] for n, end in enumerate(ends)}
    sound = [m for curve in found.values() for m in curve if not m.diverged]
    best = min(sound, key=lambda m: -m.dev_accuracy, default=None)
    told = {
        "best": best and {"trial": best.trial, "epoch": best.epoch},
        "noise": noise,
        "edges": [],
        "diary": [],
        "status": "finished",
        "trials": [{"state": "paused" if found.get(t.index) else "waiting"} for t in trials],
    } | account
    sizes = {"train": examples, "dev": examples} if examples else {}
    events = [Event(1, 0.0, "data_set_read", sizes)]
    return Evidence(Path("studies/s"), spec, told, trials, found, (), events, card)


def target(error):
    return f"[goal]\ntarget_error = {error}"


@pytest.mark.parametrize(
    ("train", "dev", "goal", "larger", "against"),
    [
        (0.01, 0.16, 0.0, "variance", {"bias", "variance"}),
        (0.15, 0.16, 0.0, "bias", {"bias", "variance"}),
        (0.15, 0.1505, 0.0, "bias", {"bias"}),
        (0.15, 0.30, 0.0, "neither", {"bias", "variance"}),  # the lectures' third case
        (0.005, 0.01, 0.005, "variance", {"variance"}),
        (0.15, 0.16, 0.145, "variance", {"variance", "bias"}),
        (0.15, 0.20, 0.0, "bias", {"bias", "variance"}),
        (0.03, 0.01, 0.02, "bias", {"bias"}),  # train above the target, dev below it
        (0.0, 0.0, 0.0, "neither", set()),
        (0.05, 0.06, 0.10, "variance", {"variance"}),  # better than the target
        (0.05, 0.0499, 0.10, "neither", set()),
        (0.05, 0.20, 0.10, "variance", {"variance"}),
        (0.08, 0.07, 0.0, "bias", {"bias"}),  # dev below train
    ],
)
def test_the_larger_is_named(train, dev, goal, larger, against):
    found = diagnose(known((train, dev), text=target(goal)))
    assert found.larger == larger
    assert {step.against for step in found.recipe} == against
    assert found.bias.value == pytest.approx(100 * (train - goal))
    assert found.variance.value == pytest.approx(100 * (dev - train))
    assert (found.train_error, found.dev_error) == pytest.approx((train, dev))
    word = {"bias": "avoidable bias"}.get(larger, larger)
    assert found.verdict.startswith(
        word
        if against != {"bias", "variance"} or larger != "neither"
        else "avoidable bias and variance both stand out"
    )
    assert "-" not in found.verdict or not against  # no negative number is a cause
    if larger != "neither":
        assert found.recipe[0].against == larger


def test_bias_comes_first_where_both_are_large():
    found = diagnose(known((0.15, 0.30)))
    assert [step.against for step in found.recipe] == sorted(s.against for s in found.recipe)
    assert "begin with bias" in found.verdict


@pytest.mark.parametrize(
    ("train", "dev", "few", "larger"),
    [
        (0.0, 0.05, 20, "variance"),
        (0.10, 0.10, 20, "bias"),
    ],
)
def test_what_may_be_luck_is_not_named(train, dev, few, larger):
    found = diagnose(known((train, dev), examples=few))
    assert (found.larger, found.recipe) == ("neither", ())
    assert found.verdict.startswith("neither stands out")
    assert diagnose(known((train, dev), examples=MANY)).larger == larger


def parts(bias, variance, lead=(0.0, 0.0), whole=None):
    """From pairs of a value and its noise."""
    whole = whole or (bias[0] + variance[0], variance[1])
    return Parts(*(Points(*each) for each in (bias, variance, lead, whole)))


@pytest.mark.parametrize(
    ("found", "larger", "causes", "sentence"),
    [
        # What stands out is named though the whole may be luck.
        (parts((0.9, 0.6), (-0.4, 1.2), (1.3, 1.7), (0.5, 0.8)), "bias", ("bias",),
         "avoidable bias stands out, 0.9 ± 0.6 points: the network does not fit its training part "
         "as well as it should; yet in all, 0.5 ± 0.8 points, dev error may be as good as the "
         "target"),
        (parts((3.0, 0.5), (-5.0, 0.5), (8.0, 1.0), (-2.0, 0.5)), "bias", ("bias",),
         "avoidable bias is the larger, 3.0 ± 0.5 points: the network does not fit its training "
         "part as well as it should; yet dev error is below the target already"),
        (parts((-2.0, 0.5), (4.0, 0.9), (-6.0, 1.0)), "variance", ("variance",),
         "variance is the larger, 4.0 ± 0.9 points: what it learned of the training part does not "
         "carry over; train error is below the target already"),
        (parts((0.9, 0.6), (0.8, 1.2), (0.1, 1.7)), "bias", ("bias",),
         "avoidable bias stands out, 0.9 ± 0.6 points; variance, 0.8 ± 1.2, may be luck: the "
         "network does not fit its training part as well as it should"),
        (parts((0.9, 0.6), (1.1, 1.2), (-0.2, 1.7), (2.0, 1.1)), "neither", ("bias",),
         "only avoidable bias is sure, 0.9 ± 0.6 points; variance seems larger, 1.1 ± 1.2, but may "
         "be luck: the network does not fit its training part as well as it should"),
        (parts((2.0, 0.5), (9.0, 1.2), (-7.0, 1.7)), "variance", ("variance", "bias"),
         "variance is the larger, 9.0 ± 1.2 points; avoidable bias, 2.0 ± 0.5, stands out too: "
         "what it learned of the training part does not carry over"),
        (parts((3.0, 0.5), (3.5, 1.2), (-0.5, 1.7)), "neither", ("bias", "variance"),
         "avoidable bias and variance both stand out and are about as large, 3.0 ± 0.5 and 3.5 ± "
         "1.2: begin with bias"),
        (parts((0.9, 1.0), (1.0, 1.2), (-0.1, 2.0), (1.9, 1.1)), "neither", (),
         "neither stands out: avoidable bias 0.9 ± 1.0 points, variance 1.0 ± 1.2 points; dev "
         "error is 1.9 ± 1.1 points above the target, but which of them makes it cannot be told"),
        (parts((-3.0, 0.5), (-0.02, 1.2), (-3.0, 1.3), (-3.02, 1.1)), "neither", (),
         "neither stands out, dev error is below the target: avoidable bias -3.0 ± 0.5 points, "
         "variance 0.0 ± 1.2 points"),
        # 1.04 is more than 1.01, but 1.0 is not more than 1.0.
        (parts((0.0, 0.3), (1.04, 1.01), (-1.04, 1.2)), "neither", (),
         "neither stands out, all of it may be luck: avoidable bias 0.0 ± 0.3 points, variance "
         "1.0 ± 1.0 points; only more dev examples, or more seeds, would tell"),
    ],
)  # fmt: skip
def test_the_verdict_fits_the_figures_beside_it(found, larger, causes, sentence):
    told = finding_of(found)
    assert (told.larger, told.causes, told.sentence) == (larger, causes, sentence)


def test_what_is_sure_is_worked_on_beside_what_may_be_luck():
    """Variance seems larger, yet a dev part of so few examples cannot tell."""
    asked = known((0.10, 0.25))
    few = Event(1, 0.0, "data_set_read", {"train": MANY, "dev": 20})
    found = diagnose(replace(asked, events=[few]))
    assert found.larger == "neither"
    assert {step.against for step in found.recipe} == {"bias"}
    assert found.verdict.startswith("only avoidable bias is sure")
    assert diagnose(asked).larger == "variance"


def test_sampling_noise_shrinks_with_the_examples():
    small, large = (diagnose(known((0.1, 0.3), examples=n)) for n in (400, 40_000))
    assert small.variance.noise == pytest.approx(10 * large.variance.noise, rel=0.05)
    # of 400 examples: 1.96 sqrt(.1 .9 / 400 + .3 .7 / 400)
    assert small.variance.noise == pytest.approx(5.4, abs=0.1)
    assert diagnose(known((0.0, 0.3), examples=400)).bias.noise > 0
    unknown = diagnose(known((0.1, 0.3), examples=None))
    assert unknown.variance.noise is None
    assert any("nothing is known of the noise" in remark for remark in unknown.remarks)


def test_the_measured_noise_of_the_metric_counts():
    quiet, loud = (diagnose(known((0.1, 0.15), noise=noise)) for noise in (0.0, 0.04))
    assert loud.variance.noise == pytest.approx(7.84, abs=0.1)
    assert (quiet.larger, loud.larger) == ("bias", "bias")
    assert loud.bias.noise == quiet.bias.noise
    of_loss = known((0.1, 0.15), noise=0.04, text="[search]\nmetric = 'dev_loss'")
    assert diagnose(of_loss).variance.noise < 0.2  # that noise is one of losses


def card(runs, name="trial 1", trial=1):
    rows = [
        {"trial": n, "replicate": n + 1, "value": dev, "train_accuracy": train, "diverged": bad,
         "dev_accuracy": dev, "train_loss": 0.1, "dev_loss": 0.2, "note": ""}
        for n, (train, dev, bad) in enumerate(runs)
    ]  # fmt: skip
    winner = {"name": name, "trial": trial, "epochs": 27, "hyperparameters": {"layers": 2}}
    return {"format": 1, "winner": winner, "candidates": [{"name": name, "runs": rows}]}


SEEDS = [(0.99, 0.90, False), (0.98, 0.92, False), (1.0, 0.91, False)]


def test_the_winner_is_judged_over_its_seeds():
    found = diagnose(known((0.5, 0.6), (0.4, 0.5), card=card(SEEDS)))
    assert found.about == "the winner, trial 1, the mean of 3 seeds at epoch 27"
    assert (found.trial, found.epoch, found.runs) == (1, 27, 3)
    assert (found.train_error, found.dev_error) == pytest.approx((0.01, 0.09))
    # Paired: differences 9, 6 and 9 points, of which the spread is 1.73; t(2) is 4.303.
    assert found.variance.value == pytest.approx(8.0)
    assert found.variance.noise == pytest.approx(4.303 * 3**0.5 / 3**0.5, rel=0.01)
    assert found.larger == "variance"
    assert not any("flattered" in remark for remark in found.remarks)


def test_a_trial_that_is_asked_for_goes_before_the_winner():
    found = diagnose(known((0.5, 0.6), (0.4, 0.5), card=card(SEEDS)), trial=0)
    assert (found.about, found.runs) == ("trial 0 at epoch 1", 1)


def test_trainings_without_errors_do_not_count():
    bad = [*SEEDS, (None, None, False), (0.1, 0.1, True)]
    assert diagnose(known((0.5, 0.6), (0.4, 0.5), card=card(bad))).runs == 3
    one = diagnose(known((0.5, 0.6), (0.4, 0.5), card=card(bad[2:])))
    assert one.about.endswith("1 seed at epoch 27")
    none = diagnose(known((0.5, 0.6), (0.4, 0.5), card=card(bad[3:])))
    assert none.about == "trial 1 at epoch 1"


def test_a_baseline_that_won_has_no_trial_of_the_search():
    found = diagnose(known((0.5, 0.6), card=card(SEEDS, "baseline", None)))
    assert (found.trial, found.shapes) == (None, ())
    assert found.about.startswith("the winner, the baseline, ")


def test_a_trial_is_judged_where_it_was_kept_and_best():
    """Not at its last epoch if an earlier rung was better, nor between rungs."""
    errors = [0.5, 0.05, 0.3, 0.4, 0.4]
    curve = [measured(0, e, 0.0, error) for e, error in enumerate(errors, 1)]
    best = {"best": {"trial": 1, "epoch": 1}}
    curves = {0: curve, 1: [measured(1, 1, 0.0, 0.01)]}
    assert diagnose(known(curves=curves, **best), trial=0).epoch == 3
    assert diagnose(known(curves=curves, **best)).about == "trial 1 at epoch 1"
    of_best = known(curves=curves, best={"trial": 0, "epoch": 2})
    assert diagnose(of_best).epoch == diagnose(of_best, trial=0).epoch == 2


def test_a_trial_may_be_best_where_it_ended_between_rungs():
    curves = {
        0: [measured(0, 1, 0.0, 0.5), measured(0, 2, 0.0, 0.1)],
        1: [measured(1, 1, 0.0, 0.0)],
    }
    assert diagnose(known(curves=curves), trial=0).epoch == 2


def test_a_trial_that_diverged_later_is_judged_by_what_was_before():
    curve = [measured(0, 1, 0.1, 0.2), measured(0, 2, 0.9, math.nan, diverged=True)]
    found = diagnose(known(curves={0: curve}), trial=0)
    assert found.epoch == 1
    assert [named.shape for named in found.shapes] == [Shape.EXPLODED]
    assert "it diverged later; its errors are those before" in found.remarks


GONE = measured(0, 1, 0.9, math.nan, diverged=True)


@pytest.mark.parametrize(
    ("found", "trial", "line"),
    [
        (known(), None,
         "study digits: no trial has been measured yet, so there is nothing to diagnose"),
        (known(), 0, "--trial 0: the study has no trials yet"),
        (known((0.1, 0.2)), 1, "--trial 1: the study has trials 0 to 0"),
        (known((0.1, 0.2)), -1, "--trial -1: the study has trials 0 to 0"),
        (known(curves={0: []}), 0,
         "--trial 0: it has not been measured, so there is nothing to diagnose"),
        (known(curves={0: [measured(0, 1, 0.9, 0.9), replace(GONE, epoch=2)]}, best=None), None,
         "study digits: all 1 measured trials diverged; try a smaller training.learning_rate, now "
         "{ low = 0.0001, high = 1.0, scale = 'log' }"),
        (known(curves={0: [GONE]}), 0,
         "--trial 0: it diverged before it could be judged, so there is nothing to diagnose"),
        (known(curves={0: [GONE], 1: [replace(GONE, trial=1)]}), None,
         "study digits: all 2 measured trials diverged; try a smaller training.learning_rate, now "
         "{ low = 0.0001, high = 1.0, scale = 'log' }"),
    ],
)  # fmt: skip
def test_what_cannot_be_diagnosed_is_one_line(found, trial, line):
    with pytest.raises(StudyError) as error:
        diagnose(found, trial)
    assert str(error.value) == line


def remarks(*args, **more):
    return " | ".join(diagnose(known(*args, **more)).remarks)


def test_what_to_bear_in_mind():
    assert "goal.target_error is not given, so 0 is assumed" in remarks((0.1, 0.2))
    assert "goal.target_error" not in remarks((0.1, 0.2), text=target(0.0))
    assert "train error is the mean over the epoch's steps" in remarks((0.1, 0.2))
    assert "batch statistics" in remarks((0.1, 0.2))
    plain = remarks((0.1, 0.2), text="[network]\nbatch_norm = false")
    assert "batch statistics" not in plain
    layers = "[network]\nlayers = 2\n[augmentation]\nnoise = 0.1\n"
    dropped = f"{layers}[regularization]\nkeep_prob = [0.5, 1.0]"
    assert "since keep_prob and noise made training harder" in remarks((0.1, 0.2), text=dropped)
    assert "made training harder" not in remarks((0.1, 0.2))
    assert "of 2 measured trials this is the best" in remarks((0.1, 0.2), (0.1, 0.3))
    assert "flattered" not in remarks((0.1, 0.2))
    assert "dev error is below train error" in remarks((0.3, 0.2))


SHARED = [SizePoint(n, 0.0, 0.02 + 2 / n**0.5) for n in (125, 250, 500, 1000)]
FLAT = [SizePoint(n, 0.0, 0.2) for n in (125, 250, 500, 1000)]


def sized(monkeypatch, points, trial=0):
    """A study whose trial 0 was trained on parts of the data."""
    found = replace(sizes(points), trial=trial)
    monkeypatch.setattr("caviar.report.diagnosis.size_curve.size_verdict", lambda _: found)
    asked = known((0.0, 0.1))
    return replace(asked, events=[*asked.events, Event(2, 0.0, "sizes_begun", {})])


def data_step(found):
    return next(step for step in found.recipe if step.title == "more data")


def test_before_sizes_were_trained_the_recipe_has_the_command_that_does():
    asked = replace(known((0.0, 0.1)), directory=Path("my studies/s"))
    assert data_step(diagnose(asked)).command == "caviar diagnose 'my studies/s' --sizes"
    assert "the command below tells whether it pays" in data_step(diagnose(asked)).why
    assert data_step(diagnose(asked, trial=0)).command == ""  # the winner is trained, or the best
    none = known((0.0, 0.1), text="[winner]\ntop = 0")
    assert data_step(diagnose(none)).command == ""
    kept = diagnose_for_keeping(replace(asked, directory=Path("/home/me/s")))
    assert data_step(kept).command == "caviar diagnose s --sizes"


def test_no_command_is_offered_that_a_driver_at_work_would_refuse():
    text = "[search]\nmax_epochs = 1"
    found = diagnose(known((0.1, 0.3), text=text, status="running"))
    assert not any(step.command for step in found.recipe)
    assert found.remarks[0] == "a driver is at work on the study, so this is how it stands now"
    over = diagnose(known((0.1, 0.3), text=text))
    assert [step.title for step in over.recipe if step.command] == ["more data", "train longer"]
    assert not any("driver" in remark for remark in over.remarks)


def test_what_the_sizes_told_is_told(monkeypatch):
    found = diagnose(sized(monkeypatch, SHARED))
    step = data_step(found)
    assert found.recipe[0] == step
    assert "trainings on parts of them tell that twice as many would take off about 1." in step.why
    assert step.command == ""
    assert "\nmore data would pay: from 125 to 1000 examples" in printed(found, 200)


def test_more_data_comes_last_where_it_does_not_pay(monkeypatch):
    found = diagnose(sized(monkeypatch, FLAT))
    assert found.recipe[-1] == data_step(found)
    assert found.recipe[-1].why.endswith("tell that more would hardly pay")


def test_sizes_of_another_trial_say_nothing_of_this_one(monkeypatch):
    found = diagnose(sized(monkeypatch, FLAT, trial=7))
    assert found.recipe[0] == data_step(found)
    assert data_step(found).command
    assert "\nof trial 7: more data would hardly pay" in printed(found, 200)


def test_sizes_that_were_begun_only_are_gone_on_with(monkeypatch):
    assert data_step(diagnose(sized(monkeypatch, FLAT[:1]))).command


share = st.floats(0, 1)


@settings(max_examples=25)
@given(share, share, st.floats(0, 0.99), st.integers(0, 10**7), st.floats(0, 0.5))
def test_any_errors_are_diagnosed(train, dev, goal, examples, noise):
    asked = known((train, dev), text=target(goal), examples=examples, noise=noise)
    found = diagnose(asked)
    json.dumps(found.to_json(), allow_nan=False)
    sure = {cause for cause in ("bias", "variance") if getattr(found, cause).stands_out}
    assert {step.against for step in found.recipe} == sure
    assert all(cause in found.verdict for cause in sure)
    if found.larger != "neither":
        other = "bias" if found.larger == "variance" else "variance"
        assert getattr(found, found.larger).value > getattr(found, other).value - 0.1
        assert found.larger in sure
    assert found.bias.value + found.variance.value == pytest.approx(100 * (dev - goal), abs=1e-9)


def printed(found, width=80):
    file = io.StringIO()
    print_diagnosis(Console(file=file, width=width, highlight=False), found)
    return file.getvalue()


def test_it_is_printed_with_lines_to_paste():
    out = printed(diagnose(known((0.0, 0.16))))
    assert out.startswith("study digits: trial 0 at epoch 1\n")
    lines = [line.split() for line in out.splitlines()]
    assert ["train", "0.00", "avoidable", "bias", "0.0", "±", "0.0", "points"] in lines
    assert ["dev", "16.00", "variance", "16.0", "±", "0.1", "points"] in lines
    assert ["target", "(assumed)", "0.00"] in lines
    assert "      [regularization]\n      l2 = { low = 1e-05, high = 0.1, scale" in out
    assert "2. a penalty on weights: " in out
    assert "   regularization.l2, now 0.0\n" in out
    assert "\nwhat to try against variance, the first thing first:\n1. more data: " in out
    assert "\n   caviar diagnose studies/s --sizes\n" in out


def test_each_cause_has_its_steps_the_larger_first():
    out = printed(diagnose(known((0.05, 0.2), text="[search]\nmax_epochs = 1")))
    assert out.index("what to try against variance") < out.index("what to try against avoidable")
    assert out.count("\n1. ") == 2
    assert "\n   caviar run --dir studies/s --max-epochs 3\n" in out


def test_a_line_to_paste_is_not_broken_on_a_narrow_terminal():
    out = printed(diagnose(known((0.0, 0.16))), width=40)
    assert '      l2 = { low = 1e-05, high = 0.1, scale = "log" }\n' in out


def test_names_are_no_markup_and_one_line():
    winner = card(SEEDS, "[red]trial\x1b[2J\n1")
    out = printed(diagnose(known((0.5, 0.6), (0.4, 0.5), card=winner)))
    assert "the winner, [red]trial\\x1b[2J\\n1, the mean" in " ".join(out.split())


ANY = Signature((8,), 32, "adam")


def journalled(directory, days=False):
    """A study of two trials, the second of which goes on from the first if they are days."""
    spec = StudySpec.parse('name = "journalled"\n[search]\ntrials = 2\nmax_epochs = 2\n')
    if days:
        spec = StudySpec.parse('[search]\nstrategy = "panda"\n[panda]\ndays = 2\nday_epochs = 1')
    values = {"activation": "relu", "layers": 2, "units": 9}
    with Journal.create(directory, spec.to_json(), spec.fingerprint) as journal:
        journal.acquire_lease()
        journal.record("data_set_read", {"fingerprint": "f", "train": 1079, "dev": 359})
        for index in (0, 1):
            parent = (0, 1) if days and index else None
            first = index if days else 0
            trial = Trial(index, (), values, "day" if days else "", "", 0 if days else None, parent)
            asked = Assignment((index,), first, first + 1, ANY)
            number = journal.issue(asked, decisions=[trial])
            attempt = journal.start_attempt(number, "s")
            found = [measured(index, first + 1, 0.01, 0.2 - 0.1 * index)]
            journal.report(number, attempt, found, {index: (first + 1, b"x")}, complete=True)
        journal.release_lease()
    return directory


def test_a_pandas_curve_is_that_of_all_its_days(tmp_path):
    found = evidence(journalled(tmp_path / "s", days=True))
    assert [(m.trial, m.epoch) for m in lineage(found, 1)] == [(0, 1), (1, 2)]
    told = diagnose(found)
    assert (told.trial, told.epoch) == (1, 2)
    assert [named.shape for named in told.shapes] == [Shape.IMPROVING]
    assert any("of 2 measured days" in remark for remark in told.remarks)


def app():
    made = typer.Typer()
    made.command("other")(lambda: None)  # alone, a command would have no name
    cli_diagnose.register(made)
    return made


def test_the_command(tmp_path):
    directory = str(journalled(tmp_path / "s"))
    plain = CliRunner().invoke(app(), ["diagnose", directory])
    assert plain.output.startswith("study journalled: trial 1 at epoch 1\n")
    found = CliRunner().invoke(app(), ["diagnose", directory, "--trial", "0", "--json"])
    told = json.loads(found.output)
    assert (told["trial"], told["larger"]) == (0, "variance")
    assert told["variance"]["value"] == pytest.approx(19.0)
    assert told["recipe"][0]["against"] == "variance"
    assert told["recipe"][0]["knobs"][0]["place"] == "data.fractions"
    unknown = CliRunner().invoke(app(), ["diagnose", directory, "--trial", "7"])
    assert isinstance(unknown.exception, StudyError)


def test_neither_tensorflow_nor_ray_is_loaded(tmp_path):
    program = (
        "import sys; from pathlib import Path; from caviar.report.evidence import evidence; "
        "from caviar.report.diagnosis import diagnose; "
        "import caviar.report.diagnosis_text, caviar.cli_diagnose; "
        "diagnose(evidence(Path(sys.argv[1]))); "
        "sys.exit(bool({'tensorflow', 'ray', 'keras', 'scipy'} & sys.modules.keys()))"
    )
    directory = str(journalled(tmp_path / "s"))
    subprocess.run([sys.executable, "-c", program, directory], check=True, timeout=60)
