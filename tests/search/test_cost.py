"""What `caviar check` promises a study to cost is what it costs."""

import numpy as np
import pytest
from simulated import SPACE, rough, signature_of

from caviar.search.caviar import CaviarStrategy
from caviar.search.drawing import Drawing
from caviar.search.quasi_random import Sobol
from caviar.search.simulate import Conditions, Simulation
from caviar.study.describe import describe
from caviar.study.records import Measurement
from caviar.study.spec import StudySpec


def cost(trials, curve, slices):
    def make():
        return CaviarStrategy(
            drawing=Drawing(Sobol(3, 0), SPACE),
            signature_of=signature_of,
            trials=trials,
            rungs=(1, 3, 9, 27),
            slices=slices,
        )

    entries = Simulation(make, curve, Conditions(slices=slices)).run().entries
    return sum(isinstance(entry, Measurement) for entry in entries)


@pytest.mark.parametrize("slices", [1, 3])
@pytest.mark.parametrize("trials", [1, 2, 7, 64, 81])
def test_no_study_costs_more_than_promised(trials, slices):
    promised = describe(StudySpec.default().override(trials=trials)).cost
    for seed in range(12):
        spent = cost(trials, rough(seed, 1000, 0.0), slices)
        assert promised.trial_epochs <= spent <= promised.most_trial_epochs


def test_the_later_the_better_is_what_the_bound_is_for():
    order = {float(Sobol(3, 0).point(i)[0]): i for i in range(64)}

    def rising(hyperparameters, epoch):
        return order[hyperparameters["x"]] / 64

    promised = describe(StudySpec.default()).cost
    assert promised.trial_epochs < cost(64, rising, 2) <= promised.most_trial_epochs
    assert np.isclose(promised.most_trial_epochs - promised.trial_epochs, 68)
