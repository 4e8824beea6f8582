"""The panda: its rules, its journal, and the person who takes over."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pasture import Pasture, assignments, nudge, rollback, study

from caviar.search.days import Days
from caviar.search.judging import Verdict
from caviar.study.records import Change, ChangeKind, Measurement, TrialState


def days_of(pasture):
    days = Days("dev_accuracy")
    for entry in pasture.entries:
        days.take(entry)
    return days


def rates(pasture):
    return [trial.hyperparameters["learning_rate"] for trial in pasture.trials]


def whys(pasture):
    return [trial.why for trial in pasture.trials]


def test_days_go_on_from_one_another_and_no_epoch_is_trained_twice():
    pasture = Pasture(study()).run()
    parents = [trial.parent for trial in pasture.trials]
    assert parents == [None, *((day, 3 * (day + 1)) for day in range(9))]
    epochs = [(a.first_epoch, a.last_epoch) for a in assignments(pasture)]
    assert epochs == [(3 * day, 3 * day + 3) for day in range(10)]
    trained = Counter((e.trial, e.epoch) for e in pasture.entries if isinstance(e, Measurement))
    assert max(trained.values()) == 1
    assert {pasture.strategy.state(day) for day in range(10)} == {TrialState.COMPLETED}
    assert pasture.strategy.wanted == 10


def test_what_goes_well_gets_a_higher_rate():
    pasture = Pasture(study(rate=0.02, days=3)).run()
    assert rates(pasture) == pytest.approx([0.02, 0.025, 0.03125])
    assert whys(pasture)[1] == "going well: learning_rate a little up"


def test_what_explodes_is_rolled_back_to_the_day_before_and_goes_on_more_carefully():
    pasture = Pasture(study(rate=0.09, days=16)).run()
    days = days_of(pasture).days
    assert [day.verdict for day in days[:2]] == [Verdict.BETTER, Verdict.EXPLODED]
    back = pasture.trials[2]
    assert back.origin == "rollback"
    assert back.parent == (0, 3)
    assert back.why == "exploded: back to the end of day 1, learning_rate down"
    assert rates(pasture)[2] == pytest.approx(0.3 * rates(pasture)[1])
    assert all(day.verdict is not Verdict.EXPLODED for day in days[2:])
    assert max(rates(pasture)[2:]) <= rates(pasture)[1] / 2, "it climbs to where it fell"


def test_a_first_day_that_explodes_is_begun_anew_ever_more_carefully():
    pasture = Pasture(study(rate=30.0, days=8)).run()
    assert rates(pasture)[:4] == pytest.approx([30, 9, 0.9, 0.09])
    assert [trial.parent for trial in pasture.trials[:4]] == [None] * 4
    assert pasture.strategy.state(0) == TrialState.DIVERGED
    assert "begun anew" in whys(pasture)[1]
    assert pasture.strategy.best.dev_accuracy > 0.9


def test_each_bad_day_in_a_row_leads_further_back():
    """Three good days; then a person spoils each that follows."""
    spoiled = {n: [nudge(learning_rate=50.0)] for n in range(3, 6)}
    pasture = Pasture(study(rate=0.05, days=7)).run(spoiled)
    assert [trial.parent for trial in pasture.trials[3:]] == [(2, 9), (2, 9), (1, 6), (0, 3)]


def test_it_never_goes_back_to_a_day_with_a_rate_that_was_tried_from_there():
    pasture = Pasture(study(rate=1e4, days=20)).run()
    tried = [(t.parent, t.hyperparameters["learning_rate"]) for t in pasture.trials]
    assert len(set(tried)) == len(tried)


def test_what_sleeps_whatever_its_rate_is_begun_anew_below_all_rates_tried():
    pasture = Pasture(study(rate=1e-9, days=6)).run()
    assert rates(pasture)[:4] == pytest.approx([1e-9, 1e-8, 1e-7, 1e-6])
    assert pasture.trials[4].parent is None
    assert rates(pasture)[4] == pytest.approx(0.3e-9)


def test_slow_days_lower_the_rate_and_momentum_follows_what_is_better_but_less():
    pasture = Pasture(study(days=40, rate=0.05)).run()
    told = set(whys(pasture))
    assert any(why.endswith("momentum up") for why in told)
    moved = [trial.hyperparameters["momentum"] for trial in pasture.trials]
    assert 0.9 < max(moved) <= 0.98


def test_what_has_learned_nothing_gets_a_much_higher_rate():
    pasture = Pasture(study(rate=1e-5, days=12)).run()
    assert rates(pasture)[1] == pytest.approx(1e-4)
    assert pasture.strategy.best.train_loss < 0.1


def test_a_nudge_is_taken_at_the_next_days_start_and_only_there():
    pasture = Pasture(study(rate=0.02)).run({4: [nudge(learning_rate=0.003, momentum=0.5)]})
    day = pasture.trials[4]
    assert day.hyperparameters["learning_rate"] == 0.003
    assert day.hyperparameters["momentum"] == 0.5
    assert day.why == "a person: learning_rate = 0.003, momentum = 0.5"
    assert day.parent == (3, 12)
    assert "a person" not in pasture.trials[5].why


def test_a_rollback_is_taken_at_the_next_days_start():
    pasture = Pasture(study()).run({4: [rollback(2)], 6: [rollback(0)]})
    assert pasture.trials[4].parent == (1, 6)
    assert pasture.trials[4].origin == "rollback"
    assert pasture.trials[4].why == "a person: back to the end of day 2"
    assert pasture.trials[6].parent is None
    assert pasture.trials[7].parent == (6, 3)


def test_both_together():
    pasture = Pasture(study()).run({4: [rollback(2), nudge(learning_rate=0.01)]})
    day = pasture.trials[4]
    assert day.parent == (1, 6)
    assert day.hyperparameters["learning_rate"] == 0.01
    assert day.why == "a person: back to the end of day 2; a person: learning_rate = 0.01"


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (nudge(learning_rat=0.1), 'unknown hyperparameter "learning_rat", did you mean'),
        (nudge(learning_rate=0.0), "learning_rate: must be > 0, got 0.0"),
        (nudge(momentum=1.0), "momentum: must be < 1, got 1.0"),
        (nudge(units=32), "units: a model keeps what it is made of, units = 64"),
        (nudge(l2=0.1), "l2: no model of this study uses it"),
        (nudge(), "name a hyperparameter and its value"),
        (rollback(5), "--day 5: there are days 1 to 4, and 0 to begin anew"),
        (rollback(-1), "--day -1: there are days 1 to 4"),
        (rollback(2), "--day 2: it came to no good end: diverged"),
        (rollback(1, panda=3), "--panda: there are pandas 0 to 0"),
        (Change(ChangeKind.ADD_TRIALS, {"trials": 3}), "add trials: this study raises pandas"),
    ],
)
def test_what_cannot_be_is_refused_in_a_line(change, line):
    spoiled = {1: [nudge(learning_rate=50.0)], 4: [change]}
    pasture = Pasture(study(days=6)).run(spoiled)
    assert pasture.refusals[0] is None
    assert pasture.refusals[1].startswith(line)


def test_when_all_days_are_over_nothing_can_be_changed():
    pasture = Pasture(study(days=2)).run()
    line = "no day is to come: all 2 are over; to go on: caviar run with more days"
    assert pasture.strategy.refusal(nudge(learning_rate=0.1)) == line


def test_what_breaks_a_constraint_is_refused():
    bounds = '{ low = 1e-3, high = 1.0, scale = "log" }'
    spec = study(bounds, where='where = "learning_rate <= 0.05"')
    pasture = Pasture(spec).run({2: [nudge(learning_rate=0.06), nudge(learning_rate=0.04)]})
    assert pasture.refusals == ['must fulfil search.where "learning_rate <= 0.05"', None]
    assert all(trial.hyperparameters["learning_rate"] <= 0.05 for trial in pasture.trials)


def test_a_panda_that_is_given_more_days_goes_on_where_it_stood():
    short = Pasture(study(days=4), twins=True).run()
    longer = Pasture(study(days=6), twins=True)
    longer.strategy.replay(short.entries)
    longer.entries, longer.losses = list(short.entries), dict(short.losses)
    assert not longer.strategy.finished
    longer.run()
    assert whys(longer) == whys(Pasture(study(days=6)).run())
    assert longer.trials[4].parent == (3, 12)


def test_a_stopped_trial_ends_its_panda():
    pasture = Pasture(study(more="pandas = 2"), slices=2)
    pasture.hand_out(0)
    pasture.hand_out(1)
    pasture.strategy.fail(0, stopped=True)
    pasture.slices[0] = None
    pasture.run()
    assert Counter(trial.draw for trial in pasture.trials) == {0: 1, 1: 10}
    assert pasture.strategy.state(0) == TrialState.STOPPED


def test_stop_pause_and_continue():
    pasture = Pasture(study())
    pasture.ask(Change(ChangeKind.PAUSE))
    assert not pasture.hand_out(0)
    assert not pasture.strategy.finished
    pasture.ask(Change(ChangeKind.CONTINUE))
    pasture.hand_out(0)
    pasture.ask(Change(ChangeKind.STOP, {"why": "the budget of 2 hours is spent"}))
    assert not pasture.strategy.finished
    pasture.report()
    assert pasture.strategy.finished
    assert pasture.strategy.ending == "the budget of 2 hours is spent"


def test_a_budget_of_trial_epochs_is_spent_to_the_last_and_never_exceeded():
    pasture = Pasture(study(more="[budget]\ntrial_epochs = 14")).run()
    assert sum(isinstance(entry, Measurement) for entry in pasture.entries) == 14
    assert pasture.strategy.ending == "the budget of 14 trial-epochs is spent"


def test_a_target_ends_it():
    pasture = Pasture(study(rate=0.09, more="[budget]\ntarget = 0.8")).run()
    assert pasture.strategy.best.dev_accuracy >= 0.8
    assert len(pasture.trials) < 10
    assert pasture.strategy.ending.startswith("dev_accuracy reached 0.")


def test_days_that_bring_nothing_end_it():
    spoiled = {n: [nudge(learning_rate=50.0)] for n in range(2, 30)}
    pasture = Pasture(study(days=30, more="[budget]\nplateau = 4")).run(spoiled)
    assert pasture.strategy.ending == "4 days brought nothing better"
    assert len(pasture.trials) == 6


def test_pandas_side_by_side_share_an_assignment_where_both_are_ready():
    alone = Pasture(study(more="pandas = 4")).run()
    assert len(assignments(alone)[0].trials) == 4
    apart = Pasture(study(more="pandas = 4"), slices=4).run()
    assert len(assignments(apart)[0].trials) == 1
    for pasture in (alone, apart):
        assert Counter(trial.draw for trial in pasture.trials) == dict.fromkeys(range(4), 10)


@settings(max_examples=30, deadline=None)
@given(
    strategy=st.sampled_from(["panda", "population"]),
    rate=st.sampled_from([1e-6, 0.05, 0.3, 5.0]),
    pandas=st.integers(1, 5),
    slices=st.integers(1, 3),
    day_epochs=st.integers(1, 4),
    seed=st.integers(0, 1000),
    failure_rate=st.sampled_from([0.0, 0.2]),
)
def test_kills_at_random_change_no_decision(
    strategy, rate, pandas, slices, day_epochs, seed, failure_rate
):
    more = f"pandas = {pandas}"
    spec = study(rate, strategy, days=6, day_epochs=day_epochs, more=more)
    asked = {
        3: [nudge(learning_rate=0.03)],
        5: [rollback(1), rollback(0)],
        8: [nudge(momentum=0.2)],
    }
    mishaps = {"seed": seed, "failure_rate": failure_rate, "kill_rate": 0.3}
    pasture = Pasture(spec, slices, twins=True, **mishaps).run(asked)
    assert Counter(trial.draw for trial in pasture.trials) == dict.fromkeys(range(pandas), 6)
