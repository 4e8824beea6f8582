"""Auto: what is chosen, why, when, and that a replay keeps to it."""

import pytest
from pasture import Pasture, measured, study

from caviar.search.auto import Means
from caviar.search.choosing import strategy_of, useful_slices
from caviar.study.records import Assignment, Change, ChangeKind, Trial
from caviar.study.spec import StudySpec

SEARCH = """
[training]
learning_rate = {{ low = 1e-3, high = 1e-1, scale = "log" }}
batch_size = 64
[search]
strategy = "auto"
searcher = "sobol"
trials = 40
max_epochs = 9
[panda]
days = 3
[budget]
{budget}
"""


def means(slices=1, hours=None, slice_hours=None, trial_epochs=None):
    return Means(slices, hours, slice_hours, trial_epochs, trial_cost=3.0, least=9)


def spec(budget=""):
    return StudySpec.parse(SEARCH.format(budget=budget))


def run(budget, epoch_s, slices=2):
    """Drives it to its end, an epoch taking so long."""
    pasture = Pasture(spec(budget), slices)

    def train(index, work):
        for epoch in range(work.first_epoch + 1, work.last_epoch + 1):
            found = measured(index, epoch, 2.0 / epoch, elapsed_s=epoch_s)
            pasture.entries.append(found)
            pasture.strategy.observe([found])

    pasture.train = train
    pasture.twins = True
    return pasture.run()


def choices(pasture):
    return [entry for entry in pasture.entries if isinstance(entry, Change)]


@pytest.mark.parametrize(
    ("given", "epoch_s", "chosen", "why"),
    [
        ({"trial_epochs": 26}, None, "panda", "a budget of 26 trial-epochs affords 8 trials"),
        ({"trial_epochs": 27}, None, "caviar", "a budget of 27 trial-epochs affords 9 trials"),
        ({"trial_epochs": 27, "hours": 1.0}, None, None, ""),
        ({"hours": 1.0}, None, None, ""),
        ({}, None, None, ""),
        ({"hours": 1.0}, 1.0, "caviar", "1 h 00 min on 1 slice at 1 s an epoch afford 1,200"),
        ({"hours": 1.0}, 300.0, "panda", "1 h 00 min on 1 slice at 3e+02 s an epoch afford 4"),
        ({"hours": 1.0, "slices": 4}, 300.0, "caviar", "1 h 00 min on 4 slices"),
        ({"slice_hours": 1.0, "slices": 4}, 300.0, "panda", "15 min 00 s on 4 slices"),
        ({}, 600.0, "caviar", "24 h 00 min (no budget is given) on 1 slice"),
        ({}, 6000.0, "panda", "24 h 00 min (no budget is given) on 1 slice"),
        ({"trial_epochs": 999, "hours": 1.0}, 1000.0, "panda", "1 h 00 min on 1 slice"),
        ({}, 0.0, "caviar", "24 h 00 min (no budget is given)"),
    ],
)
def test_the_choice(given, epoch_s, chosen, why):
    choice = means(**given).choose(epoch_s)
    assert (choice.detail["strategy"] if choice else None) == chosen
    if choice is not None:
        assert choice.detail["why"].startswith(f"{chosen}: {why}")


def test_enough_for_a_search_becomes_caviar():
    pasture = run("hours = 1.0", epoch_s=1.0)
    (choice,) = choices(pasture)
    assert choice.detail["strategy"] == "caviar"
    assert pasture.strategy.chosen == choice.detail["why"]
    assert len(pasture.trials) == 40
    assert pasture.strategy.rung_table()[0] == (1, 40, 13)


def test_too_little_raises_the_best_of_the_first_trials():
    pasture = run("hours = 1.0", epoch_s=1000.0, slices=1)
    (choice,) = choices(pasture)
    assert choice.detail["strategy"] == "panda"
    place = pasture.entries.index(choice)
    before = [entry for entry in pasture.entries[:place] if isinstance(entry, Assignment)]
    assert [len(each.trials) for each in before] == [1], "it measures with one trial a slice"
    first = next(entry for entry in pasture.entries[place:] if isinstance(entry, Trial))
    assert first.parent == (0, 1)
    assert first.why == "first day, from trial 0"
    assert first.hyperparameters == pasture.trials[0].hyperparameters
    assert [trial.origin for trial in pasture.trials[-3:]] == ["day"] * 3
    assert pasture.strategy.best.epoch == 10


def test_a_budget_without_doubt_chooses_before_anything_is_trained():
    pasture = run("trial_epochs = 12", epoch_s=1.0)
    assert pasture.entries[0].kind is ChangeKind.CHOOSE
    assert pasture.entries[0].detail["strategy"] == "panda"
    assert {trial.origin for trial in pasture.trials} == {"day"}


def test_a_later_run_on_other_slices_keeps_to_the_choice():
    pasture = run("hours = 1.0", epoch_s=1000.0, slices=1)
    (choice,) = choices(pasture)
    place = pasture.entries.index(choice)
    heir = strategy_of(spec("hours = 1.0"), slices=64)
    heir.replay(pasture.entries[: place + 1])
    assert heir.chosen == choice.detail["why"]
    assert heir.next_assignment().first_epoch == 1
    assert not [each for each in heir.news() if isinstance(each, Change)]


def test_a_person_takes_the_panda_over_that_was_chosen():
    nudge = Change(ChangeKind.NUDGE, {"hyperparameters": {"learning_rate": 0.002}})
    undecided = strategy_of(spec("hours = 1.0"))
    assert "this study's strategy is caviar" in undecided.refusal(nudge)
    pasture = Pasture(spec("trial_epochs = 12"))
    pasture.run({2: [nudge]})
    assert pasture.refusals == [None]
    assert pasture.trials[2].hyperparameters["learning_rate"] == 0.002


def test_the_other_strategies_choose_nothing():
    assert not hasattr(strategy_of(study()), "chosen")


@pytest.mark.parametrize(
    ("text", "slices"),
    [
        ("[search]\ntrials = 64", 16),
        ("[search]\ntrials = 3", 1),
        ('[search]\nstrategy = "panda"', 1),
        ('[search]\nstrategy = "panda"\n[panda]\npandas = 3', 3),
        ('[search]\nstrategy = "population"', 8),
        ('[search]\nstrategy = "auto"\ntrials = 8', 2),
    ],
)
def test_each_panda_has_work_for_a_slice_and_every_four_trials(text, slices):
    assert useful_slices(StudySpec.parse(text)) == slices
