"""What mattered, on studies with planted answers."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from planted_study import planted
from study_files import study_texts

from caviar.report.checks import checks
from caviar.report.cohort import Cohort, cohorts
from caviar.report.forests import RESAMPLES
from caviar.report.importance import importance
from caviar.report.tiers import LAST, tier
from caviar.report.weighing import MOST
from caviar.study.spec import StudySpec

STUDY = """
[network]
layers = 2
units = { low = 16, high = 128 }
batch_norm = false
[regularization]
l2 = { low = 1e-8, high = 1e-2, scale = "log" }
[training]
learning_rate = { low = 1e-6, high = 1.0, scale = "log" }
momentum = { low = 0.5, high = 0.999, scale = "one_minus" }
optimizer = "momentum"
batch_size = 32
[search]
trials = 64
max_epochs = 9
"""


def bowl(u, epoch):
    """The learning rate above all, then the momentum, a little the units; l2 does nothing."""
    at = {"units": 0.4} | u
    lost = 3 * (at["learning_rate"] - 0.6) ** 2 + 1.0 * (at["momentum"] - 0.5) ** 2
    return 0.95 - 0.4 * lost - 0.1 * (at["units"] - 0.5) ** 2 - 0.2 / epoch


def by_name(rung):
    return {weight.name: weight for weight in rung.weights}


@pytest.mark.parametrize("seed", [0, 1])
def test_the_learning_rate_is_first_and_what_does_nothing_last(tmp_path, seed) -> None:
    found = importance(planted(tmp_path, STUDY, bowl, trials=160, seed=seed, noise=0.005))
    rung = found.widest
    assert (rung.epoch, rung.trials, rung.used) == (1, 160, 160)
    weights = by_name(rung)
    assert rung.weights[0] is weights["learning_rate"]
    assert weights["learning_rate"].rank == (1, 1)
    assert weights["momentum"].rank == (2, 2)
    assert rung.weights[-1].name in {"l2", "units"}
    assert weights["l2"].rank[1] == 4
    assert [w.name for w in rung.weights if w.clear][:2] == ["learning_rate", "momentum"]
    assert not weights["l2"].clear
    shares = {name: weight.ped_anova for name, weight in weights.items()}
    assert max(shares, key=shares.get) == "learning_rate"
    assert sum(shares.values()) == pytest.approx(1.0)
    assert found.lines[0].startswith("learning_rate decides ")
    assert found.lines[0].endswith(", place 1; the lectures tune it first")
    assert "l2" in found.lines[-1]


def test_intervals_hold_the_share(tmp_path) -> None:
    rung = importance(planted(tmp_path, STUDY, bowl, noise=0.01)).widest
    for told in (*rung.weights, *rung.interactions):
        assert 0 <= told.low <= told.share <= told.high <= 1
    assert sum(weight.share for weight in rung.weights) < 1.0


def test_scales_are_respected(tmp_path) -> None:
    """Half of the trials lie below 1e-3 of 1e-6 to 1, and half above a momentum of 0.977."""

    def step(u, epoch):
        return 0.5 + 0.2 * (u["learning_rate"] < 0.5) + 0.2 * (u["momentum"] > 0.5)

    rung = importance(planted(tmp_path, STUDY, step, noise=0.001)).widest
    weights = by_name(rung)
    assert weights["learning_rate"].share == pytest.approx(0.5, abs=0.25)
    assert weights["momentum"].share == pytest.approx(0.5, abs=0.25)
    assert weights["learning_rate"].clear
    assert weights["momentum"].clear


def test_nothing_is_claimed_of_chance(tmp_path) -> None:
    found = importance(planted(tmp_path, STUDY, lambda u, epoch: 0.5, noise=0.1))
    assert found.widest.fit < 0.1
    assert not any(weight.clear for weight in found.widest.weights)
    assert not any(pair.clear for pair in found.widest.interactions)
    assert len(found.lines) == 1
    assert "place" not in found.lines[0]


def test_too_few_trials_tell_nothing(tmp_path) -> None:
    found = importance(planted(tmp_path, STUDY, bowl, trials=15))
    first = found.rungs[0]
    assert first.why_not == "too few trials to tell: 15 of 16"
    assert all(weight.share is None and weight.rank is None for weight in first.weights)
    assert found.lines == ("nothing can be told at epoch 1: too few trials to tell: 15 of 16",)


def test_trials_that_are_all_alike_tell_nothing(tmp_path) -> None:
    found = importance(planted(tmp_path / "one", STUDY, lambda u, epoch: 0.5, trials=20))
    assert found.rungs[0].why_not == "all its trials did alike"
    found = importance(planted(tmp_path / "two", STUDY, lambda u, epoch: math.nan, trials=20))
    assert (found.rungs[0].trials, found.rungs[0].diverged) == (20, 20)
    assert found.rungs[0].why_not == "all its trials did alike"
    none = importance(planted(tmp_path / "three", STUDY, bowl, trials=0))
    assert none.rungs == ()
    assert none.lines == ("nothing can be told: no trials were compared at a rung",)


def test_who_diverged_did_worse_than_any_other(tmp_path) -> None:
    """Nothing but where it diverges tells the learning rate: the higher the better until then."""

    def cliff(u, epoch):
        return math.nan if u["learning_rate"] > 0.6 else 0.8 + 0.1 * u["momentum"]

    rung = importance(planted(tmp_path, STUDY, cliff, noise=0.001)).widest
    assert 15 < rung.diverged < 40
    assert rung.weights[0].name == "learning_rate"
    assert rung.weights[0].share > 0.5
    assert by_name(rung)["momentum"].clear


def test_who_diverged_on_the_way_to_a_rung_belongs_to_it(tmp_path) -> None:
    def late(u, epoch):
        return math.nan if epoch == 2 and u["momentum"] > 0.5 else 0.8 + 0.1 * u["learning_rate"]

    found = planted(tmp_path, STUDY, late, trials=60, keep=0.5)
    first, second, third = importance(found).rungs[:3]
    assert (first.trials, first.diverged) == (60, 0)
    assert (second.epoch, second.trials) == (3, 30)
    assert 8 < second.diverged < 22
    assert (third.epoch, third.diverged) == (9, 0)
    assert second.weights[0].name == "momentum"
    assert first.weights[0].name == "learning_rate"


def test_who_is_compared_at_a_rung(tmp_path) -> None:
    """Early stopping keeps a trial its place; a repeat of another has none."""
    study = planted(tmp_path, STUDY, bowl, trials=9)
    curves = dict(study.curves)
    ended = max(curves, key=lambda trial: len(curves[trial]))
    curves[ended] = [*curves[ended][:1], replace(curves[ended][1], stopped=True)]
    trials = [replace(t, origin="replicate") if t.index == 4 else t for t in study.trials]
    first, second, *_ = cohorts(replace(study, curves=curves, trials=trials))
    assert first.trials == tuple(index for index in range(9) if index != 4)
    assert ended in second.trials
    assert second.scores[second.trials.index(ended)] == -curves[ended][1].dev_accuracy


def test_equals_share_their_places_and_who_diverged_is_last() -> None:
    found = Cohort(1, (0, 1, 2, 3, 4), np.array([0.3, 0.1, 0.3, math.inf, math.inf]))
    assert found.regret.tolist() == [0.375, 0.0, 0.375, 0.875, 0.875]
    assert found.sound.tolist() == [True, True, True, False, False]


def test_an_interaction_is_found_that_neither_shows_alone(tmp_path) -> None:
    def exclusive(u, epoch):
        return 0.5 + 0.3 * ((u["learning_rate"] > 0.5) != (u["momentum"] > 0.5))

    found = importance(planted(tmp_path, STUDY, exclusive, trials=300, noise=0.005))
    strongest = found.widest.interactions[0]
    assert set(strongest.names) == {"learning_rate", "momentum"}
    assert strongest.clear
    assert strongest.share > 0.2
    assert not any(pair.clear for pair in found.widest.interactions[1:])
    assert "learning_rate" in found.lines[0]
    assert found.lines[0].endswith("more together: tune them together")


CONDITIONAL = STUDY.replace('"momentum"\n', '{ choices = ["momentum", "adam"] }\n')


def test_a_conditional_hyperparameter_is_weighed_among_those_that_have_it(tmp_path) -> None:
    def accuracy(u, epoch):
        return 0.5 + 0.3 * u.get("momentum", 0.5) + 0.05 * u["learning_rate"]

    study = planted(tmp_path, CONDITIONAL, accuracy, trials=100, noise=0.005)
    rung = importance(study).widest
    momentum = by_name(rung)["momentum"]
    having = sum("momentum" in trial.hyperparameters for trial in study.trials)
    assert momentum.trials == having
    assert 30 < having < 70
    assert rung.weights[0] is momentum
    assert momentum.clear
    # They hold more than their half of the variance, but not all of it.
    assert 0.4 < momentum.share < 0.95
    assert {w.name for w in rung.weights} == set(study.spec.space.names)


def test_what_too_few_trials_have_is_left_open(tmp_path) -> None:
    study = planted(tmp_path, CONDITIONAL, bowl_without, trials=24, noise=0.005)
    momentum = by_name(importance(study).widest)["momentum"]
    assert momentum.trials < 16
    assert (momentum.share, momentum.low, momentum.rank) == (None, None, None)
    assert any(line.startswith("too few trials") for line in importance(study).lines)


def bowl_without(u, epoch):
    return bowl({"momentum": 0.5} | u, epoch)


def test_it_is_the_same_every_time_and_plain_data(tmp_path) -> None:
    study = planted(tmp_path, STUDY, bowl, trials=40, noise=0.01)
    one, other = importance(study), importance(study)
    assert one == other
    told = json.loads(json.dumps(one.to_json(), allow_nan=False))
    assert told["rungs"][0]["weights"][0]["name"] == "learning_rate"
    assert told["lines"] == list(one.lines)
    shares = [[w.share for w in found.rungs[0].weights] for found in (one, importance(study, 1))]
    assert shares[0] != shares[1]


def test_of_many_trials_it_says_how_many_it_used(tmp_path) -> None:
    study = planted(tmp_path, STUDY.replace("max_epochs = 9", "max_epochs = 1"), bowl, trials=400)
    rung = importance(study).rungs[0]
    assert (rung.trials, rung.used) == (400, MOST)


def test_optuna_is_left_as_it_was_and_says_nothing(tmp_path, capfd, recwarn) -> None:
    from optuna import logging

    before = logging.get_verbosity()
    importance(planted(tmp_path, STUDY, bowl, trials=20))
    assert logging.get_verbosity() == before
    assert capfd.readouterr().err == ""
    assert not [one for one in recwarn if "optuna" in str(one.category)]


def test_bounds_that_may_grow_do_not_water_it_down(tmp_path) -> None:
    """Where the cube reaches further than anybody looked, nobody knows anything."""
    rate = '1e-3, high = 1e-2, scale = "log"'
    still = STUDY.replace('1e-6, high = 1.0, scale = "log"', rate)
    shares = []
    for name, text in (("still", still), ("grows", still.replace(rate, f"{rate}, expand = true"))):
        spec = StudySpec.parse(text)
        low, high = spec.home[spec.space.names.index("learning_rate")]

        def accuracy(u, epoch, low=low, high=high):
            inside = (u["learning_rate"] - low) / (high - low)
            return 0.5 + 0.2 * inside + 0.2 * u["momentum"]

        study = planted(tmp_path / name, text, accuracy, noise=0.001)
        shares.append(by_name(importance(study).widest)["learning_rate"].share)
    assert shares[0] == pytest.approx(0.5, abs=0.15)
    assert shares[1] == pytest.approx(shares[0], abs=1e-6)


@given(text=study_texts(), seed=st.integers(0, 3))
@settings(max_examples=6, suppress_health_check=[HealthCheck.too_slow])
def test_of_any_space_it_tells_every_hyperparameter(tmp_path_factory, text, seed) -> None:
    def accuracy(u, epoch):
        return 0.3 + 0.5 * next(iter(u.values()), 0.0) - 0.1 / epoch

    study = planted(tmp_path_factory.mktemp("any"), text, accuracy, trials=20, seed=seed)
    found = importance(study)
    json.dumps(found.to_json(), allow_nan=False)
    for rung in found.rungs:
        assert sorted(w.name for w in rung.weights) == sorted(study.spec.space.names)
        told = [w for w in rung.weights if w.share is not None]
        assert all(0 <= w.low <= w.share <= w.high <= 1 for w in told)
    assert all(check.line for check in checks(study))
    assert all(check.command for check in checks(study) if check.verdict == "act")


def test_tiers_are_the_lectures() -> None:
    assert [tier(n) for n in ("learning_rate", "beta_1", "units_2", "batch_size")] == [1, 2, 2, 2]
    assert [tier(n) for n in ("layers", "learning_rate_decay")] == [3, 3]
    assert [tier(n) for n in ("beta_2", "epsilon", "l2", "keep_prob_1")] == [LAST] * 4


def test_resamples_are_enough_for_the_percentiles() -> None:
    assert RESAMPLES * 0.05 > 1
    assert np.percentile(np.arange(RESAMPLES), 5) > 1
