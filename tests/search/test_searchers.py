"""The conformance suite that every searcher passes: pure, in the box, the same after a replay."""

from __future__ import annotations

import hashlib
import json
import math
import os
import subprocess
import sys
from collections import Counter
from importlib.util import find_spec
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from simulated import rough
from test_replay import Twins

from caviar.search.box import Box
from caviar.search.caviar import CaviarStrategy
from caviar.search.drawing import Drawing
from caviar.search.factory import searcher_on
from caviar.search.searcher import Searcher
from caviar.search.simulate import Conditions, Simulation
from caviar.space.condition import Condition
from caviar.space.domain import Choice, Float, Integer
from caviar.space.scale import LOG, ONE_MINUS
from caviar.space.search_space import SearchSpace
from caviar.study.records import Signature, Trial
from caviar.study.run_tables import SEARCHERS

NEEDS = {"tpe": "optuna", "gp": "torch", "cmaes": "cmaes"}
SLOW = {"tpe", "gp"}
"""Those that ask a sampler for each suggestion."""


def parameter(name: str):
    missing = find_spec(NEEDS.get(name, "math")) is None
    marks = [pytest.mark.skipif(missing, reason=f"{NEEDS.get(name)} is missing")]
    return pytest.param(name, marks=marks + ([pytest.mark.slow] if name == "gp" else []))


ALL = [parameter(name) for name in SEARCHERS]
LEARNING = [parameter(name) for name in ("zoom", "tpe", "gp", "cmaes")]
MIXED = SearchSpace(
    {
        "rate": Float(1e-4, 1.0, LOG),
        "momentum": Float(0.9, 0.999, ONE_MINUS),
        "units": Integer(16, 128, 16, LOG),
        "kind": Choice(("a", "b", "c")),
        "batch": Choice((32, 64, 128), ordered=True),
        "keep": Float(0.5, 1.0, step=0.1),
    }
)
LINE = SearchSpace({"x": Float(0.0, 1.0)})
SMALL = SearchSpace({"layers": Integer(1, 3), "kind": Choice(("a", "b")), "batch": Choice((1, 2))})
CONDITIONAL = SearchSpace(
    {"kind": Choice(("a", "b")), "beta": Integer(1, 3), "x": Float(0.0, 1.0)},
    conditions={"beta": Condition((("kind", ("b",)),))},
)
NARROW = (
    Box.whole(6)
    .narrowed(0, 0.25, 0.5)
    .narrowed(2, 0.0, 0.4)
    .narrowed(3, cells=(0, 2), count=3)
    .narrowed(4, 1 / 3, 1.0)
)


def score(point: tuple[float, ...]) -> float:
    return sum((u - 0.7) ** 2 for u in point)


def tell(
    searcher: Searcher, drawing: Drawing, count: int, *, one_rung: bool = False
) -> list[Trial]:
    """Draws trials one after the other; of nine one comes to the third rung, of seven one is lost.

    Neither has to do with their scores; with `one_rung` all come to the first and none is lost.
    """
    trials: list[Trial] = []
    for index in range(count):
        drawn = drawing.next(index)
        if drawn is None:
            break
        trial, begun = drawn
        for entry in (begun, trial):
            if entry is not None:
                drawing.note(entry)
        trials.append(trial)
        rank = index % 9
        searcher.observe(trial, 1, score(trial.point))
        for epoch in [] if one_rung else [3, 9][: 2 if rank == 0 else int(rank < 3)]:
            searcher.observe(trial, epoch, score(trial.point) / epoch)
        if index % 7 == 6 and not one_rung:
            searcher.observe(trial, 10, math.inf)
    return trials


def study_of(name: str, space: SearchSpace, count: int, seed: int = 0, box: Box | None = None):
    searcher = searcher_on(space, name, seed, count)
    drawing = Drawing(searcher, space, box=box)
    return searcher, drawing, tell(searcher, drawing, count)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("space", [MIXED, LINE, CONDITIONAL], ids=["mixed", "line", "conditional"])
def test_points_lie_in_the_cube_and_decode_to_the_trial(name: str, space: SearchSpace) -> None:
    _, _, trials = study_of(name, space, 40)
    assert len(trials) >= 20
    for trial in trials:
        assert len(trial.point) == space.dimensions
        assert all(0.0 <= u <= 1.0 for u in trial.point)
        assert space.decode(trial.point) == trial.hyperparameters
        assert trial.origin


@pytest.mark.parametrize("name", ALL)
def test_points_lie_in_the_box_whatever_was_learnt_outside_it(name: str) -> None:
    searcher, drawing, _ = study_of(name, MIXED, 30)
    drawing.within(NARROW)
    for draw in range(30, 36):
        suggestion = searcher.suggest(draw, NARROW)
        if suggestion is not None:
            assert NARROW.contains(suggestion.point)
            assert MIXED.decode(suggestion.point)["kind"] in {"a", "c"}


@pytest.mark.parametrize("name", ALL)
def test_it_draws_in_a_box_from_the_beginning(name: str) -> None:
    _, _, trials = study_of(name, MIXED, 30, box=NARROW)
    assert len(trials) > 10
    assert all(NARROW.contains(trial.point) for trial in trials)


@pytest.mark.parametrize("name", ALL)
def test_asked_twice_it_answers_twice_alike(name: str) -> None:
    searcher, _, _ = study_of(name, MIXED, 25)
    box = Box.whole(6)
    once = [searcher.suggest(draw, box) for draw in (25, 26, 29)]
    again = [searcher.suggest(draw, box) for draw in (29, 26, 25)][::-1]
    for first, second in zip(once, again, strict=True):
        assert (first is None) == (second is None)
        if first is not None and second is not None:
            np.testing.assert_array_equal(first.point, second.point)
            assert (first.origin, first.why) == (second.origin, second.why)


@pytest.mark.parametrize("name", ALL)
def test_a_suggestion_is_the_callers_own(name: str) -> None:
    searcher, _, _ = study_of(name, MIXED, 25)
    first = searcher.suggest(5, Box.whole(6))
    assert first is not None
    kept = first.point.copy()
    first.point[:] = 7.0
    again = searcher.suggest(5, Box.whole(6))
    assert again is not None
    np.testing.assert_array_equal(again.point, kept)


@pytest.mark.parametrize("name", ALL)
def test_told_the_same_it_suggests_the_same(name: str) -> None:
    _, _, one = study_of(name, MIXED, 30, seed=3)
    _, _, other = study_of(name, MIXED, 30, seed=3)
    _, _, third = study_of(name, MIXED, 30, seed=4)
    assert one == other
    assert [t.point for t in one] != [t.point for t in third]


@pytest.mark.parametrize("name", ALL)
def test_a_small_space_is_tried_whole_and_never_twice(name: str) -> None:
    _, drawing, trials = study_of(name, SMALL, 30)
    tried = [tuple(trial.hyperparameters.values()) for trial in trials]
    assert sorted(tried) == sorted(product((1, 2, 3), ("a", "b"), (1, 2)))
    assert drawing.exhausted
    assert drawing.next(len(trials)) is None


@pytest.mark.parametrize("name", ALL)
def test_inactive_hyperparameters_make_no_new_configuration(name: str) -> None:
    space = SearchSpace(
        {"kind": Choice(("a", "b")), "beta": Integer(1, 3)},
        conditions={"beta": Condition((("kind", ("b",)),))},
    )
    _, _, trials = study_of(name, space, 30)
    tried = Counter(tuple(trial.hyperparameters.items()) for trial in trials)
    assert len(tried) == 4
    assert max(tried.values()) == 1


@pytest.mark.parametrize("name", ALL)
def test_without_anything_to_search_there_is_one_trial(name: str) -> None:
    _, drawing, trials = study_of(name, SearchSpace({}, {"x": 1}), 5)
    assert [(trial.point, dict(trial.hyperparameters)) for trial in trials] == [((), {"x": 1})]
    assert drawing.exhausted


@pytest.mark.parametrize("name", ALL)
def test_it_lives_with_nothing_but_losses(name: str) -> None:
    searcher = searcher_on(MIXED, name, 0, 40)
    drawing = Drawing(searcher, MIXED)
    for index in range(25):
        drawn = drawing.next(index)
        assert drawn is not None
        drawing.note(drawn[0])
        searcher.observe(drawn[0], index % 2, math.inf)
    assert drawing.next(25) is not None


@pytest.mark.parametrize("name", ALL)
def test_results_may_come_late_and_in_any_order(name: str) -> None:
    searcher = searcher_on(MIXED, name, 0, 60)
    drawing = Drawing(searcher, MIXED)
    waiting: list[Trial] = []
    random = np.random.default_rng(1)
    for index in range(40):
        drawn = drawing.next(index)
        assert drawn is not None
        drawing.note(drawn[0])
        waiting.append(drawn[0])
        while len(waiting) > 6:
            trial = waiting.pop(int(random.integers(len(waiting))))
            searcher.observe(trial, 1, score(trial.point))
    assert searcher.ahead >= 1


def strategy(name: str, trials: int) -> CaviarStrategy:
    space = SearchSpace({"x": Float(0.0, 1.0), "y": Float(0.0, 1.0), "batch": Choice((32, 64))})
    return CaviarStrategy(
        drawing=Drawing(searcher_on(space, name, 5, trials), space, [{"x": 0.25}]),
        signature_of=lambda values: Signature((64,), int(values["batch"]), "adam"),
        trials=trials,
        rungs=(1, 3, 9),
        slices=2,
    )


@pytest.mark.parametrize("name", ALL)
def test_a_study_with_kills_decides_as_without(name: str) -> None:
    trials = 40 if name in SLOW else 200
    survivor = strategy(name, trials)
    simulation = Simulation(
        lambda: Twins(lambda: strategy(name, trials), survivor),
        rough(0, 1000, 0.05),
        Conditions(slices=2, failure_rate=0.02, kill_rate=0.05 if name in SLOW else 0.1, seed=1),
    )
    outcome = simulation.run()
    assert simulation.strategy.finished
    drawn = [entry for entry in outcome.entries if isinstance(entry, Trial)]
    assert len(drawn) == survivor.wanted >= 0.9 * trials
    assert drawn[0].origin == "given"
    assert drawn[0].hyperparameters["x"] == 0.25
    configurations = {tuple(sorted(trial.hyperparameters.items())) for trial in drawn}
    assert len(configurations) == len(drawn)


@pytest.mark.parametrize("name", LEARNING)
def test_what_learns_comes_nearer_than_random(name: str) -> None:
    space = SearchSpace({str(axis): Float(0.0, 1.0) for axis in range(4)})
    late: dict[str, list[float]] = {name: [], "random": []}
    for found, scores in late.items():
        for seed in range(2):
            searcher = searcher_on(space, found, seed, 60)
            trials = tell(searcher, Drawing(searcher, space), 60, one_rung=True)
            scores += [score(trial.point) for trial in trials[40:]]
    assert np.median(late[name]) < 0.7 * np.median(late["random"])


def digest(name: str) -> str:
    _, _, trials = study_of(name, MIXED, 16)
    told = [(trial.point, trial.origin, trial.why) for trial in trials]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def test_another_process_suggests_the_same() -> None:
    here = {name: digest(name) for name in SEARCHERS if name != "gp"}
    program = (
        "import json, test_searchers as t; "
        f"print(json.dumps({{name: t.digest(name) for name in {list(here)!r}}}))"
    )
    folder = Path(__file__).parent
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"PYTHONHASHSEED": "7", "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == here
