import pytest

from caviar.errors import StudyError
from caviar.search.factory import searcher_of
from caviar.study import growth
from caviar.study.records import Change, ChangeKind
from caviar.study.spec import StudySpec

BEGUN = StudySpec.parse("""
[training]
schedule = "cosine"
[search]
trials = 64
[budget]
hours = 2
plateau = 20
""")


def add(trials):
    return Change(ChangeKind.ADD_TRIALS, {"trials": trials})


def extend(**detail):
    return Change(ChangeKind.EXTEND, detail)


POINT = Change(ChangeKind.ADD_POINT, {"hyperparameters": {"units": 64}})


@pytest.mark.parametrize(
    ("changes", "in_all", "to_replay"),
    [
        ((), 64, 64),
        ((add(50), POINT), 115, 64),
        ((add(50), extend(trials=200)), 200, 150),
        ((extend(trials=200), add(50), POINT), 251, 200),
        ((add(1), extend(trials=100), add(2), extend(trials=300)), 300, 297),
    ],
)
def test_trials_in_force_and_before_a_replay(changes, in_all, to_replay):
    assert growth.in_force(BEGUN, changes).search.trials == in_all
    assert growth.to_replay(BEGUN, changes).search.trials == to_replay
    # A strategy adds what it is told of, and so comes to what is in force.
    assert to_replay + sum(map(growth.added, changes)) == in_all


def test_the_space_stays_whatever_grows():
    longer = growth.in_force(BEGUN, [extend(max_epochs=81), extend(max_epochs=243)])
    assert longer.rungs() == (1, 3, 9, 27, 81, 243)
    for known in ("space", "_flat"):  # it is no matter of what was worked out before
        longer.__dict__.pop(known, None)
    assert longer.space == BEGUN.space
    assert longer.space.fixed["decay_epochs"] == 27.0
    assert BEGUN.override(max_epochs=81).space.fixed["decay_epochs"] == 81.0


PANDA = StudySpec.parse("""
[training]
schedule = "cosine"
[search]
strategy = "panda"
[panda]
days = 20
day_epochs = 3
""")


def test_the_days_of_pandas_grow_and_a_cosine_falls_over_those_it_was_begun_with():
    longer = PANDA.model_copy(update={"panda": PANDA.panda.model_copy(update={"days": 30})})
    assert not growth.differences_beyond(PANDA, longer)
    more = growth.extension(PANDA, (), longer)
    assert more == {"days": 30}
    assert growth.told(more, PANDA) == "panda.days: 20 -> 30"
    known = [extend(**more)]
    assert growth.extension(PANDA, known, PANDA) == {}
    for found in (growth.in_force(PANDA, known), growth.to_replay(PANDA, known)):
        assert found.panda.days == 30
        found.__dict__.pop("_flat", None)
        found.__dict__.pop("space", None)
        assert found.space.fixed["decay_epochs"] == 60.0
    shorter = PANDA.model_copy(update={"panda": PANDA.panda.model_copy(update={"days": 25})})
    with pytest.raises(StudyError, match=r"^panda.days: .* must be >= 30, got 25$"):
        growth.extension(PANDA, known, shorter)


def test_nothing_else_of_a_panda_grows():
    other = PANDA.model_copy(update={"panda": PANDA.panda.model_copy(update={"day_epochs": 5})})
    assert growth.differences_beyond(PANDA, other) == ["panda.day_epochs: 3 -> 5"]


def test_a_searcher_that_is_not_named_is_the_one_the_study_was_begun_with():
    begun = StudySpec.parse('[search]\nsearcher = "sobol"')
    for silent in (StudySpec.default(), StudySpec.default().override(max_epochs=81)):
        assert silent.search.searcher == "zoom"
        assert growth.differences_beyond(begun, silent) == []
    for other in (StudySpec.parse('[search]\nsearcher = "zoom"'), begun.override(seed=1)):
        assert growth.differences_beyond(begun, other)


GRID = StudySpec.parse("""
[network]
layers = 2
activation = { choices = ["relu", "tanh", "gelu"] }
[training]
beta_1 = 0.9
beta_2 = 0.999
batch_size = { choices = [32, 64] }
[search]
searcher = "grid"
trials = 32
""")


def test_a_grid_keeps_its_points_whatever_grows():
    size = searcher_of(GRID).size
    grown = growth.to_replay(GRID, [add(1), extend(trials=90)])
    assert (grown.search.trials, searcher_of(grown).size) == (89, size)
    line = r"^search.trials: the grid keeps the 24 points it was begun with, got 33; points of "
    with pytest.raises(StudyError, match=line):
        growth.extension(GRID, (), GRID.override(trials=33))
    # One with fewer trials than points has some left.
    few = GRID.override(trials=1)
    assert searcher_of(few).size == 3
    assert growth.extension(few, (), GRID.override(trials=3)) == {"trials": 3}


def asked(**budget):
    return BEGUN.model_copy(update={"budget": BEGUN.budget.model_copy(update=budget)})


@pytest.mark.parametrize(
    ("changes", "run", "detail", "words"),
    [
        ((), BEGUN, {}, ""),
        ((), BEGUN.override(trials=65), {"trials": 65}, "search.trials: 64 -> 65"),
        ((add(50),), BEGUN, {}, ""),
        ((add(50),), BEGUN.override(trials=114), {}, ""),
        (
            (add(50),),
            BEGUN.override(trials=120, max_epochs=81),
            {"trials": 120, "max_epochs": 81},
            "search.trials: 114 -> 120; search.max_epochs: 27 -> 81",
        ),
        ((extend(max_epochs=81),), BEGUN, {}, ""),
        ((extend(trials=100), add(10)), BEGUN.override(trials=100), {}, ""),
        ((), asked(hours=3.0), {"budget": {"hours": 3.0}}, "budget.hours: 2 -> 3"),
        ((), asked(hours=None), {"budget": {"hours": None}}, "budget.hours: 2 -> none"),
        ((), asked(plateau=10), {"budget": {"plateau": 10}}, "budget.plateau: 20 -> 10"),
        (
            (extend(budget={"hours": 3.0}), extend(budget={"hours": 5.0})),
            asked(hours=3.0),
            {},
            "",
        ),
        (
            (),
            asked(slice_hours=1.0),
            {"budget": {"slice_hours": 1.0}},
            "budget.slice_hours: none -> 1",
        ),
    ],
)
def test_what_a_run_extends(changes, run, detail, words):
    found = growth.extension(BEGUN, changes, run)
    assert found == detail
    assert growth.told(found, growth.in_force(BEGUN, changes)) == words
    if detail:
        now = growth.in_force(BEGUN, [*changes, extend(**detail)])
        assert growth.extension(BEGUN, [*changes, extend(**detail)], run) == {}
        for key in growth.GROWABLE:
            if key in detail:
                assert getattr(now.search, key) == detail[key]
        for key, value in detail.get("budget", {}).items():
            assert getattr(now.budget, key) == value


@pytest.mark.parametrize(
    ("changes", "run", "line"),
    [
        ((add(50),), BEGUN.override(trials=100), "search.trials: .* must be >= 114, got 100"),
        ((), BEGUN.override(max_epochs=9), "search.max_epochs: .* must be >= 27, got 9"),
        (
            (extend(max_epochs=81),),
            BEGUN.override(max_epochs=54),
            "search.max_epochs: a study that was begun only grows: must be >= 81, got 54",
        ),
        ((), asked(hours=1.0), "budget.hours: .* must be >= 2.0, got 1.0"),
    ],
)
def test_what_would_shrink_a_study_is_refused(changes, run, line):
    with pytest.raises(StudyError, match=line):
        growth.extension(BEGUN, changes, run)


def test_trials_without_a_number_are_as_many_as_a_budget_allows():
    plain, bounded = StudySpec.parse(""), StudySpec.parse("[budget]\ntrial_epochs = 500")
    found = growth.extension(plain, (), bounded)
    assert growth.told(found, plain) == (
        "search.trials: 64 -> as many as the budget allows; budget.trial_epochs: none -> 500"
    )
    with pytest.raises(StudyError, match="must be >= as many as the budget allows, got 64"):
        growth.extension(bounded, (), plain)


def test_only_what_may_grow_leaves_it_the_same_study():
    other = BEGUN.override(trials=100, max_epochs=81)
    assert growth.differences_beyond(BEGUN, asked(hours=5.0)) == []
    assert growth.differences_beyond(BEGUN, other) == []
    assert growth.differences_beyond(BEGUN, other.override(seed=3)) == ["seed: 0 -> 3"]


def test_who_halted_a_study():
    stop = Change(ChangeKind.STOP, {"why": "enough"})
    go_on = Change(ChangeKind.CONTINUE)
    assert growth.halt([]) is None
    assert growth.halt([stop, add(3)]) == stop
    assert growth.halt([stop, go_on]) is None
    assert growth.halt([stop, go_on, stop]) == stop


def settings(text):
    return StudySpec.parse(f"[network]\nunits = {{ low = 8, high = 64 }}\n{text}")


PLAIN = settings("")
SET = settings("[winner]\nseeds = 9\n[baseline]\nunits = 16\n[goal]\ntarget_error = 0.02")


def test_the_last_settings_said_are_in_force_even_those_it_was_begun_with():
    detail = growth.extension(PLAIN, (), SET)
    assert not growth.grows(detail)
    assert growth.told(detail, PLAIN) == (
        "winner.seeds: 5 -> 9; goal.target_error: nothing -> 0.02; baseline.units: nothing -> 16"
    )
    changes = [extend(**detail), extend(trials=70)]
    now = growth.in_force(PLAIN, changes)
    assert (now.winner, now.baseline, now.goal) == (SET.winner, SET.baseline, SET.goal)
    assert now.search.trials == 70
    assert growth.extension(PLAIN, changes, SET) == {}
    back = growth.extension(PLAIN, changes, PLAIN)
    assert growth.told(back, now) == (
        "winner.seeds: 9 -> 5; baseline.units: 16 -> nothing; goal.target_error: 0.02 -> nothing"
    )
    again = growth.in_force(PLAIN, [*changes, extend(**back)])
    assert (again.winner, again.baseline, again.goal) == (PLAIN.winner, {}, PLAIN.goal)
    assert growth.grows({"trials": 70} | detail)
