"""Changes made while a study runs: whoever replays them in their place decides as who lived on."""

from hypothesis import given, settings
from hypothesis import strategies as st
from simulated import SPACE, early_zoom, maker, rough, sobol

from caviar.search.simulate import Conditions, Simulation
from caviar.study.records import Change, ChangeKind, Failure, Round, TrialState


def narrow(axis, first, second):
    low, high = sorted((first, second))
    return Change(ChangeKind.NARROW, {"name": axis, "low": low, "high": high + 0.01})


PAUSE, CONTINUE, STOP = (
    Change(kind) for kind in (ChangeKind.PAUSE, ChangeKind.CONTINUE, ChangeKind.STOP)
)
PLACES = st.floats(0.0, 0.98)
CHANGES = st.one_of(
    st.builds(lambda n: Change(ChangeKind.ADD_TRIALS, {"trials": n}), st.integers(1, 20)),
    st.builds(narrow, st.sampled_from("xy"), PLACES, PLACES),
    st.builds(
        lambda cells: Change(ChangeKind.NARROW, {"name": "batch", "choices": cells}),
        st.lists(st.sampled_from([32, 64, 128]), min_size=1, unique=True),
    ),
    st.builds(
        lambda x: Change(ChangeKind.ADD_POINT, {"hyperparameters": {"x": x, "batch": 64}}),
        PLACES,
    ),
    st.builds(lambda n: Change(ChangeKind.STOP_TRIAL, {"trial": n}), st.integers(0, 30)),
    st.sampled_from([PAUSE, STOP]),
)


def make_change(simulation, change):
    """As a driver does: refused, or journalled and told to the strategy."""
    strategy, entries = simulation.strategy, simulation.outcome.entries
    if change.kind == ChangeKind.STOP_TRIAL:
        trial = change.detail["trial"]
        ended = (TrialState.COMPLETED, TrialState.DIVERGED, TrialState.STOPPED)
        if trial < len(strategy.trials) and strategy.state(trial) not in ended:
            entries.append(Failure(trial, "stopped by a person", stopped=True))
            strategy.fail(trial, stopped=True)
        return
    if strategy.refusal(change) is not None:
        return
    # Nobody waits in simulated time: a pause or a stop is taken back at once.
    halts = change.kind in {ChangeKind.PAUSE, ChangeKind.STOP}
    for each in [change, CONTINUE] if halts else [change]:
        entries.append(each)
        strategy.change(each)


def story(script, kill_rate, seed, look_ahead, searcher):
    conditions = Conditions(slices=2, kill_rate=kill_rate, seed=seed)
    make = maker(searcher, trials=20, look_ahead=look_ahead)
    simulation = Simulation(make, rough(seed, 1000, 0.05), conditions)
    now = 0.0
    for wait, change in script:
        now += wait
        simulation.run(until_s=now)
        make_change(simulation, change)
    simulation.run()
    return simulation


@settings(max_examples=40, deadline=None)
@given(
    script=st.lists(st.tuples(st.floats(0.5, 20.0), CHANGES), min_size=1, max_size=6),
    seed=st.integers(0, 100),
    look_ahead=st.sampled_from([1, 64]),
    searcher=st.sampled_from([sobol, early_zoom]),
)
def test_kills_between_changes_change_no_decision(script, seed, look_ahead, searcher):
    unharmed = story(script, 0.0, seed, look_ahead, searcher)
    killed = story(script, 0.3, seed, look_ahead, searcher)
    # As text, since what diverged is measured as NaN.
    assert list(map(repr, killed.outcome.entries)) == list(map(repr, unharmed.outcome.entries))
    assert killed.strategy.finished
    rounds = [entry for entry in killed.outcome.entries if isinstance(entry, Round)]
    assert bool(rounds) == (searcher is early_zoom)
    assert SPACE.names == ("x", "y", "batch")
