from caviar.search.factory import caviar_strategy, some_trials
from caviar.search.simulate import Conditions, Simulation
from caviar.study.records import Assignment, TrialState
from caviar.study.signature import signature_of
from caviar.study.spec import StudySpec

SPEC = StudySpec.parse(
    """
    seed = 7
    [search]
    trials = 20
    max_epochs = 9
    metric = "dev_loss"
    [resources]
    stack = 5
    """
)


def curve(hyperparameters, epoch):
    return 1 - abs(hyperparameters["beta_1"] - 0.95) - 0.1 / epoch


def test_a_study_becomes_a_strategy():
    simulation = Simulation(lambda: caviar_strategy(SPEC, slices=2), curve, Conditions(slices=2))
    entries = simulation.run().entries
    strategy = simulation.strategy
    assert [epoch for epoch, _, _ in strategy.rung_table()] == [1, 3, 9]
    assert strategy.rung_table()[0] == (1, 20, 6)
    assert TrialState.COMPLETED in [strategy.state(trial) for trial in range(20)]
    assignments = [entry for entry in entries if isinstance(entry, Assignment)]
    assert max(len(assignment.trials) for assignment in assignments) == 5
    for assignment in assignments:
        for trial in assignment.trials:
            values = strategy.trials[trial].hyperparameters
            assert signature_of(SPEC, values) == assignment.signature


def test_the_seed_decides_the_trials_and_the_slices_do_not():
    def trials(spec, slices):
        strategy = caviar_strategy(spec, slices=slices)
        strategy.next_assignment()
        return list(strategy.trials)

    assert trials(SPEC, 1) == trials(SPEC, 8)
    assert trials(SPEC, 1) != trials(SPEC.override(seed=8), 1)


def test_a_study_with_nothing_to_search_has_one_trial():
    spec = StudySpec.parse(
        """
        [network]
        layers = 2
        units = 64
        [training]
        learning_rate = 0.01
        beta_1 = 0.9
        beta_2 = 0.999
        batch_size = 64
        [search]
        trials = 3
        """
    )
    strategy = caviar_strategy(spec)
    assert strategy.next_assignment().trials == (0,)
    assert [trial.point for trial in strategy.trials] == [()]
    assert strategy.wanted == 1


def test_no_network_that_is_looked_at_breaks_a_constraint():
    text = '[network]\nlayers = { low = 1, high = 4 }\n[search]\nwhere = "units * layers <= 60"'
    trials = some_trials(StudySpec.parse(text)).values()
    assert trials
    for trial in trials:
        assert trial.hyperparameters["units"] * trial.hyperparameters["layers"] <= 60
