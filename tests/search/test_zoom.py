"""Zoom: cover first, then boxes around the best, with controls; replayed it decides the same."""

import math

import numpy as np
import pytest
from simulated import SPACE, signature_of, smooth

from caviar.search.box import Box
from caviar.search.caviar import CaviarStrategy
from caviar.search.drawing import Drawing
from caviar.search.elites import NARROWEST, Ranking, stretch, weighted, weights
from caviar.search.quasi_random import Sobol
from caviar.search.searcher import Suggestion
from caviar.search.simulate import Conditions, Simulation
from caviar.search.zoom import COVER, Zoom
from caviar.space.axis import Axis
from caviar.space.cells import equal_cell
from caviar.study.records import Measurement, Round, Trial

REALS = (Axis(), Axis(), Axis())


def told(searcher, loss, trials, box=None, mask=None, start=0):
    """Draws trials one after the other and tells what each came to; returns them."""
    box = box or Box.whole(len(searcher._axes))
    drawn = []
    for index in range(start, start + trials):
        suggestion = searcher.suggest(index, box)
        if suggestion.round is not None:
            searcher.note(suggestion.round)
        trial = Trial(
            index, tuple(suggestion.point), {}, suggestion.origin, suggestion.why, draw=index
        )
        searcher.note(trial)
        searcher.observe(trial, 1, loss(suggestion.point))
        drawn.append((trial, suggestion.round))
    return drawn


def bowl(point):
    """The first axis matters a lot, the second little, the third not at all."""
    return abs(point[0] - 0.7) + 0.1 * abs(point[1] - 0.2)


def noisy(point):
    """As told by another seed: nobody comes out best by the third axis for long."""
    return bowl(point) + 0.02 * float(np.random.default_rng(int(point[2] * 2**40)).random())


def rounds_of(drawn):
    return [found for _, found in drawn if found is not None]


def test_it_covers_the_cube_before_it_draws_from_boxes():
    drawn = told(Zoom(REALS, 5), bowl, 60)
    origins = [trial.origin for trial, _ in drawn]
    assert set(origins[:COVER]) == {"cover"}
    sobol = np.array([Sobol(3, 5).point(i) for i in range(COVER)])
    np.testing.assert_array_equal([trial.point for trial, _ in drawn[:COVER]], sobol)
    assert {"zoom", "control"} == set(origins[COVER:])
    assert drawn[COVER][1].number == 1
    assert drawn[COVER][1].stands_on == COVER
    assert [found.number for found in rounds_of(drawn)] == list(range(1, 1 + len(rounds_of(drawn))))


def test_what_matters_narrows_and_what_does_not_stays_wide():
    shares = []
    for seed in range(8):
        last = rounds_of(told(Zoom(REALS, seed), noisy, 150))[-1]
        shares.append([high - low for low, high in last.box])
        assert last.box[0][0] < 0.7 < last.box[0][1]
    matters, _, matters_not = np.mean(shares, axis=0)
    assert matters < 0.2
    assert matters_not > 3 * matters


def test_draws_from_the_box_lie_in_the_box_of_their_round():
    drawn, now = told(Zoom(REALS, 1), bowl, 150), None
    for trial, begun in drawn:
        now = begun or now
        if trial.origin == "zoom":
            assert trial.why == f"round {now.number}"
            assert all(lo <= u <= hi for u, (lo, hi) in zip(trial.point, now.box, strict=True))
    controls = [trial for trial, _ in drawn if trial.origin == "control"]
    assert 8 <= len(controls) <= 36
    assert np.std([trial.point[0] for trial in controls]) > 0.2


def test_it_finds_better_than_its_cover_does():
    class Cover(Zoom):
        def _is_due(self, box):
            return False

    best = {
        kind: np.mean(
            [min(bowl(t.point) for t, _ in told(kind(REALS, s), bowl, 100)) for s in range(8)]
        )
        for kind in (Zoom, Cover)
    }
    assert best[Zoom] < 0.5 * best[Cover]


def test_controls_that_do_better_widen_the_box():
    """Where the optimum moves away from the first elites only controls can tell."""
    searcher = Zoom(REALS, 0)
    told(searcher, lambda point: abs(point[0] - 0.1), 60)
    narrow = rounds_of(told(searcher, lambda point: abs(point[0] - 0.1), 30, start=60))[-1]
    moved = told(searcher, lambda point: -10 + abs(point[0] - 0.9), 60, start=90)
    whys = [found.why for found in rounds_of(moved)]
    assert any("widens" in why for why in whys) or rounds_of(moved)[-1].box[0][1] > 0.8
    assert rounds_of(moved)[-1].box[0][1] - narrow.box[0][0] > 0.5


def test_diverged_trials_are_no_elites_and_count_as_compared():
    def loss(point):
        return math.inf if point[0] > 0.5 else point[0]

    drawn = told(Zoom(REALS, 2), loss, 80)
    for begun in rounds_of(drawn):
        assert all(drawn[elite][0].point[0] <= 0.5 for elite in begun.elites)
    late = [trial.point[0] for trial, _ in drawn[50:] if trial.origin == "zoom"]
    assert np.mean(np.array(late) <= 0.5) > 0.8


def test_all_diverged_keeps_covering():
    drawn = told(Zoom(REALS, 2), lambda point: math.inf, 60)
    assert {trial.origin for trial, _ in drawn} == {"cover"}


def test_when_all_elites_diverge_later_it_covers_again():
    searcher, box = Zoom(REALS, 0), Box.whole(3)
    drawn = told(searcher, bowl, 30)
    for trial, _ in drawn:
        searcher.observe(trial, 3, math.inf)
    narrow = box.narrowed(0, 0.1, 0.3)
    again = told(searcher, lambda point: math.inf, 20, narrow, start=30)
    assert {trial.origin for trial, _ in again} == {"cover"}
    assert all(0.1 <= trial.point[0] <= 0.3 for trial, _ in again)


def test_a_choice_keeps_what_the_best_have_and_what_was_hardly_tried():
    axes = (Axis(), Axis(cells=4, ordered=False))
    drawn = told(Zoom(axes, 3), lambda p: p[0] + (equal_cell(p[1], 4) != 2), 120)
    last = rounds_of(drawn)[-1]
    assert last.cells[0] == ()
    assert 2 in last.cells[1]
    assert len(last.cells[1]) < 4
    zoomed = [equal_cell(trial.point[1], 4) for trial, _ in drawn[80:] if trial.origin == "zoom"]
    assert np.mean(np.array(zoomed) == 2) > 0.8
    assert set(zoomed) <= set().union(*(found.cells[1] for found in rounds_of(drawn)))


def test_an_axis_that_few_elites_have_stays_as_wide_as_the_bounds():
    searcher = Zoom(REALS, 0, active=lambda trial: (True, False, True))
    last = rounds_of(told(searcher, bowl, 100))[-1]
    assert last.box[1] == (0.0, 1.0)
    assert "too few" in last.whys[1]


def test_a_bound_that_holds_the_best_grows_and_the_optimum_beyond_it_is_found():
    home = ((0.25, 0.5), (0.0, 1.0))
    searcher = Zoom((Axis(), Axis()), 0, home)
    drawn = told(searcher, lambda p: abs(p[0] - 0.72), 200, Box.between(home))
    first = [trial.point[0] for trial, _ in drawn[:COVER]]
    assert min(first) >= 0.25
    assert max(first) <= 0.5
    grown = [found for found in rounds_of(drawn) if "grew" in found.why and "bound" in found.why]
    assert grown[0].bounds[0] == (0.25, 0.625)
    assert rounds_of(drawn)[-1].bounds[0][1] >= 0.72
    best = min(drawn, key=lambda pair: abs(pair[0].point[0] - 0.72))[0]
    assert abs(best.point[0] - 0.72) < 0.03


def test_bounds_without_room_never_grow():
    drawn = told(Zoom(REALS, 0), lambda p: 1 - p[0], 120)
    assert {found.bounds for found in rounds_of(drawn)} == {((0.0, 1.0),) * 3}


def test_a_narrowed_box_begins_a_round_within_it():
    searcher, whole = Zoom(REALS, 0), Box.whole(3)
    told(searcher, bowl, 60, whole)
    narrow = whole.narrowed(0, 0.1, 0.3)
    drawn = told(searcher, bowl, 40, narrow, start=60)
    begun = drawn[0][1]
    assert begun.why == "a person narrowed it"
    assert begun.bounds[0] == (0.1, 0.3)
    assert all(0.1 <= trial.point[0] <= 0.3 for trial, _ in drawn)
    assert len({trial.point[0] for trial, _ in drawn}) == len(drawn), "not on the box's face"
    assert all(low <= high for found in rounds_of(drawn) for low, high in found.box)


def test_suggesting_changes_nothing():
    searcher = Zoom(REALS, 0)
    told(searcher, bowl, 50)
    box = Box.whole(3)
    asked = [searcher.suggest(draw, box) for draw in (70, 50, 70, 50)]
    assert_alike(asked[0], asked[2])
    assert_alike(asked[1], asked[3])


def assert_alike(one: Suggestion, other: Suggestion):
    np.testing.assert_array_equal(one.point, other.point)
    assert (one.origin, one.why, one.round) == (other.origin, other.why, other.round)


def zooming(**options):
    def make():
        searcher = Zoom(SPACE.axes, 0, cover=12)
        given = {"trials": 300, "rungs": (1, 3, 9, 27), "slices": 2} | options
        return CaviarStrategy(drawing=Drawing(searcher, SPACE), signature_of=signature_of, **given)

    return make


def decisions(simulation, count):
    """The next decisions and what they bring, of a simulation that goes on."""
    before = len(simulation.outcome.entries)
    simulation.run()
    made = [e for e in simulation.outcome.entries[before:] if not isinstance(e, Measurement)]
    assert len(made) >= count
    return made[:count]


@pytest.mark.parametrize("until_s", [40.0, 90.0, 160.0])
def test_killed_in_the_middle_it_makes_the_next_hundred_decisions_all_the_same(until_s):
    conditions = Conditions(slices=2)
    lives = Simulation(zooming(), smooth, conditions)
    lives.run(until_s)
    journal = list(lives.outcome.entries)
    assert any(isinstance(entry, Round) for entry in journal)
    heir = zooming()()
    heir.replay(journal)
    assert heir.news() == []
    lives.strategy = Twins(lives.strategy, heir)
    assert len(decisions(lives, 100)) == 100


class Twins:
    """Two strategies that must agree: one lives on, the other was replayed from the journal."""

    def __init__(self, survivor, heir):
        self.both = (survivor, heir)

    def __getattr__(self, name):
        found = [getattr(one, name) for one in self.both]
        if not callable(found[0]):
            assert found[0] == found[1], name
            return found[1]

        def call(*arguments):
            answers = [method(*arguments) for method in found]
            assert answers[0] == answers[1], name
            return answers[1]

        return call


def test_no_configuration_is_tried_twice():
    simulation = Simulation(zooming(trials=150), smooth, Conditions(slices=2))
    simulation.run()
    seen = [tuple(t.hyperparameters.items()) for t in simulation.strategy.trials]
    assert len(set(seen)) == len(seen) == 150


def test_ranks_go_by_the_highest_rung_and_then_the_score():
    ranking = Ranking()
    for trial, epoch, score in [(0, 1, 0.5), (1, 1, 0.1), (2, 1, 0.3), (3, 1, math.inf)]:
        ranking.put(trial, epoch, score)
    ranking.put(0, 3, 0.9)
    assert ranking.elites() == (0, 1, 2)
    ranking.put(0, 1, 0.0)
    assert ranking.elites() == (0, 1, 2), "an earlier rung says nothing new"
    ranking.put(0, 9, math.inf)
    ranking.put(0, 27, 0.1)
    assert ranking.elites() == (1, 2), "what diverged stays out"
    assert (len(ranking), ranking.finite) == (4, 2)


def test_weights_favour_the_best_and_sum_to_one():
    found = weights(5)
    assert math.isclose(found.sum(), 1)
    assert (np.diff(found) < 0).all()
    assert math.isclose(found[0] / found[2], math.log(5.5) / math.log(5.5 / 3))


def test_a_stretch_is_never_narrower_than_its_least():
    one = stretch(Axis(), [0.5, 0.5, 0.5], 0.0, 1.0, 1.0)
    assert math.isclose(one.sigma, NARROWEST)
    few = stretch(Axis(cells=4), [0.4, 0.4], 0.0, 1.0, 1.0)
    assert math.isclose(few.sigma, 0.125)
    assert stretch(Axis(), [0.4], 0.2, 0.6, 1.0).low == 0.2


def test_cells_are_as_likely_as_the_best_have_them():
    one = weighted((0, 1), 2, [0.2, 0.3, 0.9])
    assert one.weights[0] > 2 * one.weights[1] > 0
    assert math.isclose(sum(one.weights), 1)
    assert weighted((0, 1), 2, []).weights == (0.5, 0.5)
