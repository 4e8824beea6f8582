"""Whether the first rung is trusted: by scouts, and by all that passed it since."""

import math

import numpy as np
import pytest
from simulated import SPACE, maker, rough, smooth

from caviar.search.caviar import CaviarStrategy
from caviar.search.drawing import Drawing
from caviar.search.quasi_random import Sobol
from caviar.search.simulate import Conditions, Simulation
from caviar.search.trust import FEWEST, REMEMBERED, SCOUTS, Trust, agreement, savage
from caviar.study.records import Assignment, Measurement, Signature
from caviar.study.run_tables import UNBOUNDED, Budget

RNG = np.random.default_rng(0)
ONE_KIND = Signature((64,), 32, "adam")


def test_savage_scores_by_hand():
    np.testing.assert_allclose(savage([0.1, 0.2, 0.3]), [1 / 3 + 1 / 2 + 1, 1 / 3 + 1 / 2, 1 / 3])
    np.testing.assert_allclose(savage([3.0, 1.0, 2.0]), [1 / 3, 11 / 6, 5 / 6])
    np.testing.assert_allclose(savage([math.inf, math.inf]), [1.0, 1.0])


def test_agreement_of_the_same_order_is_one_and_of_chance_about_nothing():
    scores = RNG.random(30)
    assert math.isclose(agreement(scores, scores**3), 1.0)
    by_chance = [agreement(RNG.random(18), RNG.random(18)) for _ in range(300)]
    assert abs(np.mean(by_chance)) < 0.05
    assert np.mean(np.array(by_chance) >= 0.25) < 0.2
    assert agreement([math.inf] * 9, scores[:9]) == 0.0


def test_what_matters_is_agreement_about_the_best():
    scores = np.arange(20.0)
    best, worst = scores.copy(), scores.copy()
    best[:5], worst[-5:] = best[4::-1], worst[:-6:-1]
    assert agreement(scores, best) < agreement(scores, worst)


def told(trust, pairs):
    for trial, (early, late) in enumerate(pairs):
        trust.see(trial, 1, early)
        trust.see(trial, 2, 0.0)
        trust.see(trial, 3, late)


def test_it_lifts_the_first_rung_where_it_says_nothing_and_trusts_it_again():
    trust = Trust(1, 3, 1000)
    assert trust.target(0) == trust.target(SCOUTS - 1) == 3
    assert trust.target(SCOUTS) == 1
    told(trust, [(float(i * 7 % 18), float(i * 11 % 18)) for i in range(18)])
    assert trust.lifted
    assert trust.target(100) == 3
    told(trust, [(float(i), float(i)) for i in range(REMEMBERED)])
    assert not trust.lifted
    assert trust.target(100) == 1


def test_what_diverged_counts_as_the_worst_of_both():
    trust = Trust(1, 3, 1000)
    for trial in range(8):
        trust.see(trial, 1, math.inf)
    assert not trust.lifted, "too few to tell"
    told(trust, [(float(i), float(i)) for i in range(8)])
    assert not trust.lifted


@pytest.mark.parametrize(("budget", "scouts"), [(100, 0), (161, 0), (162, 9), (250, 13), (1e9, 18)])
def test_scouts_take_at_most_a_sixth_of_the_budget(budget, scouts):
    assert Trust(1, 3, budget).scouts == scouts
    assert scouts == 0 or scouts >= FEWEST


def budgeted(most, **options):
    def make():
        given = {"trials": UNBOUNDED, "rungs": (1, 3, 9, 27), "slices": 2} | options
        return CaviarStrategy(
            drawing=Drawing(Sobol(3, 0), SPACE),
            signature_of=lambda _: ONE_KIND,
            budget=Budget(trial_epochs=most),
            **given,
        )

    return make


def first_targets(entries):
    return {
        trial: entry.last_epoch
        for entry in entries
        if isinstance(entry, Assignment) and not entry.first_epoch
        for trial in entry.trials
    }


def lottery(hyperparameters, epoch):
    """The first epoch says nothing."""
    if epoch == 1:
        return rough(3, 1000, 0.0)(hyperparameters, 1)
    return smooth(hyperparameters, epoch)


def test_a_lottery_at_the_first_rung_is_passed_over():
    entries = Simulation(budgeted(1000), lottery, Conditions(slices=2)).run().entries
    targets = first_targets(entries)
    assert {targets[trial] for trial in range(SCOUTS)} == {3}
    assert np.mean([epoch == 3 for trial, epoch in targets.items() if trial > 60]) > 0.5
    measured = [e for e in entries if isinstance(e, Measurement)]
    assert len(measured) == 1000


def test_a_first_rung_that_tells_is_kept():
    simulation = Simulation(budgeted(1000), smooth, Conditions(slices=2))
    targets = first_targets(simulation.run().entries)
    assert {targets[trial] for trial in range(SCOUTS)} == {3}
    assert {epoch for trial, epoch in targets.items() if trial > 40} == {1}
    reached = [row[1] for row in simulation.strategy.rung_table()]
    assert reached[0] == len(targets) - SCOUTS, "scouts are not compared at the first rung"
    promoted = [row[2] for row in simulation.strategy.rung_table()]
    assert promoted[0] <= reached[0] / 3 + 1


def test_who_asks_for_so_many_trials_gets_them_at_the_price_of_the_rungs():
    for make in (maker(trials=40), budgeted(1000, trials=40)):
        entries = Simulation(make, lottery).run().entries
        assert set(first_targets(entries).values()) == {1}


def test_kills_change_no_decision():
    survivor = Simulation(budgeted(600), lottery, Conditions(slices=2))
    survivor.run()
    mortal = Simulation(budgeted(600), lottery, Conditions(slices=2, kill_rate=0.2, seed=1))
    mortal.run()
    decided = [
        [e for e in run.outcome.entries if isinstance(e, Assignment)] for run in (survivor, mortal)
    ]
    assert decided[0][:60] == decided[1][:60]
