"""Optuna's samplers and CMA-ES: what they are told, and that they are asked without a trace."""

from __future__ import annotations

import math
from importlib.util import find_spec

import numpy as np
import pytest

from caviar.search.box import Box
from caviar.search.cma_es import CmaEs
from caviar.search.optuna import BEST_SHARE, STALE, STARTUP, Optuna, Told, as_one_rung, shown_of
from caviar.space.axis import Axis
from caviar.study.records import Trial

optuna = pytest.importorskip("optuna")

AXES = (Axis(), Axis(8), Axis(3, ordered=False))
WHOLE = Box.whole(3)


def trial(index: int, *point: float, origin: str = "tpe") -> Trial:
    return Trial(index, point, {}, origin, "", index)


def taught(name: str, count: int) -> Optuna:
    """It knows `count` trials, the better the nearer they are to 0.2."""
    searcher = Optuna(name, AXES, 0)
    random = np.random.default_rng(0)
    for index in range(count):
        found = trial(index, *random.random(3).tolist())
        searcher.note(found)
        searcher.observe(found, 1, abs(found.point[0] - 0.2))
    return searcher


@pytest.fixture
def studies(monkeypatch: pytest.MonkeyPatch) -> list:
    """The studies that Optuna was asked in."""
    made: list = []
    create = optuna.create_study

    def creating(**options):
        made.append(create(**options))
        return made[-1]

    monkeypatch.setattr(optuna, "create_study", creating)
    return made


def test_until_it_knows_enough_draws_are_uniform() -> None:
    searcher = taught("tpe", STARTUP - 1)
    assert searcher.suggest(STARTUP, WHOLE).origin == "random"
    last = trial(STARTUP, 0.5, 0.5, 0.5)
    searcher.note(last)
    assert searcher.suggest(STARTUP + 1, WHOLE).origin == "random"
    searcher.observe(last, 1, math.inf)
    assert searcher.suggest(STARTUP + 1, WHOLE).origin == "tpe"


def test_what_is_of_no_use_too_often_gives_way_to_uniform_draws() -> None:
    searcher = taught("tpe", 20)
    origins = [searcher.suggest(draw, WHOLE).origin for draw in range(20, 20 + STALE + 2)]
    assert origins == ["tpe"] * STALE + ["random"] * 2


def test_tpe_is_told_rungs_as_pruning(studies: list) -> None:
    searcher = taught("tpe", 12)
    for index, (epoch, score) in enumerate([(3, 0.5), (3, 0.25), (2, math.inf)]):
        searcher.observe(trial(index, 0.0, 0.0, 0.0), epoch, score)
    searcher.note(trial(12, 0.5, 0.5, 0.5))
    searcher.suggest(13, WHOLE)
    told = studies[0].trials[:13]
    states = [one.state.name for one in told]
    assert states == ["COMPLETE", "COMPLETE"] + ["PRUNED"] * 10 + ["RUNNING"]
    assert [told[0].value, told[1].value] == [0.5, 0.25]
    assert set(told[0].intermediate_values) == {1, 3}
    assert told[2].intermediate_values == {}
    assert set(told[3].intermediate_values) == {1}


def test_axes_are_floats_of_the_cube_or_cells(studies: list) -> None:
    searcher = taught("tpe", 40)
    box = WHOLE.narrowed(0, 0.1, 0.6).narrowed(2, cells=(0, 2), count=3)
    for draw in range(40, 46):
        assert box.contains(searcher.suggest(draw, box).point)
    kinds = studies[-1].trials[-1].distributions
    assert (kinds["0000"].low, kinds["0000"].high) == (0.1, 0.6)
    assert isinstance(kinds["0001"], optuna.distributions.FloatDistribution)
    assert kinds["0002"].choices == (0, 2)
    inside = [told for told in searcher.told if box.contains(told.point)]
    assert STARTUP <= len(inside) < 40
    assert len(studies[-1].trials) == len(inside) + 1


def test_a_cell_comes_back_as_its_centre() -> None:
    searcher = taught("tpe", 12)
    for draw in range(12, 18):
        assert searcher.suggest(draw, WHOLE).point[2] * 3 % 1 == pytest.approx(0.5)


@pytest.mark.parametrize("name", ["tpe"])
def test_it_says_nothing_of_its_own(name: str, capfd: pytest.CaptureFixture) -> None:
    optuna.logging.set_verbosity(optuna.logging.INFO)
    taught(name, 20).suggest(20, WHOLE)
    assert optuna.logging.get_verbosity() == optuna.logging.INFO
    assert capfd.readouterr().err == ""


def told_of(index: int, *, lost: bool = False, **scores: float) -> Told:
    return Told((index / 1000,), {int(k[1:]): score for k, score in scores.items()}, lost)


def test_a_sampler_is_shown_the_best_and_the_latest() -> None:
    told = [told_of(i, e1=abs(i - 500.0)) for i in range(1000)]
    told[3] = told_of(3, e1=0.0, e3=900.0)
    told[4] = told_of(4, lost=True, e1=-1.0)
    told += [told_of(1000 + i) for i in range(5)]
    shown = shown_of(told, 100)
    assert len(shown) == 100
    places = [round(one.point[0] * 1000) for one in shown]
    assert places == sorted(places)
    best = int(BEST_SHARE * 100)
    assert places[0] == 3
    assert set(range(500 - best // 2 + 2, 500 + best // 2 - 2)) <= set(places)
    assert set(range(930, 1005)) <= set(places)
    assert 4 not in places
    assert shown_of(told[:80], 100) == told[:80]


def test_cma_moves_once_a_generation_has_its_results() -> None:
    searcher = CmaEs(AXES, 0)
    size = searcher.ahead
    assert size > 3
    assert size <= STALE
    before = searcher.suggest(size - 1, WHOLE).point
    members = []
    for index in range(size):
        found = trial(index, *searcher.suggest(index, WHOLE).point.tolist(), origin="cmaes")
        searcher.note(found)
        members.append(found)
    assert searcher.ahead == 1
    for found in members[:-1]:
        searcher.observe(found, 1, found.point[0])
    np.testing.assert_array_equal(searcher.suggest(size - 1, WHOLE).point, before)
    searcher.observe(members[-1], 1, math.inf)
    assert not np.array_equal(searcher.suggest(size - 1, WHOLE).point, before)
    assert searcher.ahead == size


def test_cma_learns_of_its_own_samples_alone_and_from_higher_rungs_first() -> None:
    def mean_after(better_goes_up: bool) -> float:
        searcher = CmaEs((Axis(), Axis()), 0)
        members = []
        for index in range(searcher.ahead):
            found = trial(index, *searcher.suggest(index, Box.whole(2)).point, origin="cmaes")
            given = trial(100 + index, 0.0, 0.0, origin="given")
            for one in (found, given):
                searcher.note(one)
            searcher.observe(given, 1, -1.0)
            members.append(found)
        members.sort(key=lambda one: one.point[0], reverse=better_goes_up)
        for found in members[: len(members) // 2]:
            searcher.observe(found, 1, 5.0)
            searcher.observe(found, 3, 9.0)
        for found in members[len(members) // 2 :]:
            searcher.observe(found, 1, 5.0)
        draws = [searcher.suggest(draw, Box.whole(2)).point[0] for draw in range(6, 14)]
        return float(np.mean(draws))

    assert mean_after(better_goes_up=True) > mean_after(better_goes_up=False)


def test_cma_does_not_wait_for_who_was_stopped() -> None:
    searcher = CmaEs(AXES, 0)
    draw = 3 * searcher.ahead
    before = CmaEs(AXES, 0)
    before.note(Trial(0, (0.5,) * 3, {}, "given", "", draw - 1))
    for index in range(draw):
        found = trial(index, *searcher.suggest(index, WHOLE).point.tolist(), origin="cmaes")
        searcher.note(found)
        if index:
            searcher.observe(found, 1, found.point[0])
    first, now = before.suggest(draw, WHOLE), searcher.suggest(draw, WHOLE)
    assert first.origin == now.origin == "cmaes"
    assert not np.array_equal(first.point, now.point)


@pytest.mark.parametrize("dimensions", [1, 2, 30])
def test_cma_of_any_dimensions_goes_on_when_it_has_converged(dimensions: int) -> None:
    searcher = CmaEs([Axis()] * dimensions, 0)
    box = Box.whole(dimensions)
    for index in range(400):
        point = searcher.suggest(index, box).point
        assert np.all((point >= 0) & (point <= 1))
        found = trial(index, *point.tolist(), origin="cmaes")
        searcher.note(found)
        searcher.observe(found, 1, float(np.sum((point - 0.3) ** 2)))


@pytest.mark.skipif(find_spec("torch") is not None, reason="torch is here")
def test_gp_says_what_it_needs() -> None:
    from caviar.errors import StudyError
    from caviar.study.readiness import check_ready
    from caviar.study.spec import StudySpec

    spec = StudySpec.parse('search.searcher = "gp"')
    with pytest.raises(StudyError, match=r"search.searcher: gp needs torch: pip install 'torch'"):
        check_ready(spec)


def test_gp_is_told_one_rung_that_enough_came_to() -> None:
    few = [told_of(i, e1=float(i), e3=i / 10) for i in range(STARTUP - 1)]
    others = [told_of(20, e1=30.0), told_of(21), told_of(22, lost=True, e1=1.0)]
    values = [one.get("value") for one in as_one_rung(few + others)]
    assert values == [*map(float, range(STARTUP - 1)), 30.0, None, 30.0]
    enough = [*few, told_of(9, e1=9.0, e3=5.0)]
    told = as_one_rung(enough + others)
    assert [one.get("value") for one in told] == [*(i / 10 for i in range(9)), 5.0, None, None, 5.0]
    assert [one["state"].name for one in told if "state" in one] == ["RUNNING"] * 2
