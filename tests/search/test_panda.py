"""The panda in simulated time."""

from caviar.search.choosing import strategy_of
from caviar.search.simulate import Conditions, Simulation
from caviar.study.spec import StudySpec

SPEC = StudySpec.parse('[search]\nstrategy = "panda"\n[panda]\ndays = 5\nday_epochs = 2\n')


def test_a_panda_lives_its_days_one_after_the_other():
    simulation = Simulation(lambda: strategy_of(SPEC), lambda _, epoch: 1 - 1 / epoch, Conditions())
    simulation.run()
    parents = [trial.parent for trial in simulation.strategy.trials]
    assert parents == [None, (0, 2), (1, 4), (2, 6), (3, 8)]
    assert simulation.strategy.best.epoch == 10
