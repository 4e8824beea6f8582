"""The population: who copies whom, and how copies differ."""

import math
from collections import Counter
from statistics import median

import pytest
from pasture import TEXT, Pasture, step, study

from caviar.search.days import Days
from caviar.search.knobs import Knobs
from caviar.study.records import TrialState
from caviar.study.spec import StudySpec

SEARCHED = '{ low = 1e-4, high = 10.0, scale = "log" }'
SPEC = study(SEARCHED, "population", days=12, day_epochs=2, more="pandas = 8")


@pytest.fixture(scope="module")
def raised():
    return Pasture(SPEC, slices=2, seed=3).run()


def days_of(pasture):
    days = Days("dev_accuracy")
    for entry in pasture.entries:
        days.take(entry)
    return days


def loss_alone(rate, epochs):
    loss = 2.3
    for _ in range(epochs):
        loss = step(loss, rate)
    return loss if math.isfinite(loss) else math.inf


def test_it_begins_all_over_the_space(raised):
    first = [t for t in raised.trials if t.parent is None and t.why.startswith("first day")]
    assert len(first) == 8
    assert first[0].why == "first day, from the middle of the space"
    rates = [trial.hyperparameters["learning_rate"] for trial in first]
    assert len(set(rates)) == 8
    assert min(rates) < 1e-3
    assert max(rates) > 1e-1


def test_every_panda_has_all_its_days_whatever_became_of_them(raised):
    assert Counter(trial.draw for trial in raised.trials) == dict.fromkeys(range(8), 12)
    assert TrialState.DIVERGED in map(raised.strategy.state, range(len(raised.trials)))


def test_copies_go_on_from_a_better_ones_model_with_moved_hyperparameters(raised):
    days = days_of(raised).days
    copies = [day for day in days if day.trial.origin == "copy"]
    assert copies
    for copy in copies:
        assert copy.before.trial.draw != copy.trial.draw
        assert copy.before.is_good
        mine, theirs = copy.trial, copy.before.trial
        step = abs(mine.point[0] - theirs.point[0])
        assert step == pytest.approx(0.1)
        fixed = {k: v for k, v in theirs.hyperparameters.items() if k != "learning_rate"}
        assert fixed.items() <= mine.hyperparameters.items()
        assert mine.parent == (theirs.index, copy.before.end.epoch)


def test_who_is_not_among_the_worse_goes_on_unchanged(raised):
    days = days_of(raised).days
    going_on = [day for day in days if day.trial.origin == "day" and day.before is not None]
    assert going_on
    for day in going_on:
        assert day.before.trial.draw == day.trial.draw
        assert day.trial.hyperparameters == day.before.trial.hyperparameters


def test_it_ends_better_than_the_same_pandas_left_alone(raised):
    pandas = days_of(raised).pandas
    alone = [loss_alone(panda.days[0].rate, epochs=24) for panda in pandas]
    ends = [panda.last.curve[-1].train_loss for panda in pandas]
    assert median(ends) < median(alone) / 10


def test_nobody_waits_while_others_live():
    """Days begin in turn, whoever has most company."""
    text = TEXT.replace('optimizer = "momentum"', 'optimizer = "adam"').format(
        rate=0.01, strategy="population", days=6, day_epochs=2, where="", more="pandas = 7"
    )
    lived = Counter()
    for trial in Pasture(StudySpec.parse(f"resources.stack = 3\n{text}")).run().trials:
        lived[trial.draw] += 1
        assert lived[trial.draw] - min(lived[number] for number in range(7)) <= 2


def test_copies_of_one_model_made_together_are_not_alike():
    rates = '{ low = 1e-4, high = 10.0, scale = "log" }'
    more = 'pandas = 16\n[regularization]\nl2 = { low = 1e-6, high = 1e-1, scale = "log" }'
    pasture = Pasture(study(rates, "population", days=2, day_epochs=2, more=more)).run()
    copies = [trial.point for trial in pasture.trials if trial.origin == "copy"]
    assert len(copies) >= 4
    assert len(set(copies)) > 2


def test_one_panda_alone_has_nobody_to_copy():
    pasture = Pasture(study(strategy="population", days=4, more="pandas = 1")).run()
    assert {trial.origin for trial in pasture.trials} == {"day"}


def test_when_all_have_exploded_they_begin_anew_elsewhere():
    more = "pandas = 2" + 2 * "\n[[search.points]]\nlearning_rate = 8.0"
    rates = '{ low = 0.01, high = 9.0, scale = "log" }'
    spec = study(rates, "population", days=4, day_epochs=2, more=more)
    pasture = Pasture(spec).run()
    anew = pasture.trials[2]
    assert anew.parent is None
    assert anew.why.startswith("exploded, and none to copy: anew")
    assert anew.hyperparameters["learning_rate"] != 8.0


def test_a_step_that_a_constraint_forbids_goes_the_other_way_or_is_left_out():
    text = """
    [training]
    optimizer = "adam"
    learning_rate = { low = 1e-4, high = 1.0, scale = "log" }
    beta_1 = 0.9
    beta_2 = { low = 0.9, high = 0.999, scale = "one_minus" }
    [search]
    where = ["learning_rate <= 0.0101", "beta_2 >= 0.985", "beta_2 <= 0.993"]
    """
    space = StudySpec.parse(text).space
    values = dict(space.decode([0.5] * space.dimensions))
    assert values["learning_rate"] == pytest.approx(0.01)
    shaken = Knobs(space).shaken(values, [1] * space.dimensions, 0.1)
    assert shaken["learning_rate"] == pytest.approx(0.01 * 10**-0.4)
    assert shaken["beta_2"] == values["beta_2"]
