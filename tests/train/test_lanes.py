"""What a lane is trained with where its trial does not say: what a study file says by default."""

from __future__ import annotations

import math

import pytest

from caviar.errors import StudyError
from caviar.nn.network import Shape
from caviar.study.flat import HYPERPARAMETERS
from caviar.study.records import Trial
from caviar.study.tables import TECHNIQUES, Augmentation, Network, Regularization, Training
from caviar.train.lanes import DEFAULTS, initial_state, number
from caviar.train.optimizers import OPTIMIZERS
from caviar.train.recipe import AUGMENTATIONS
from caviar.train.schedules import DEFAULTS as SCHEDULED

TABLES = {
    "network": Network(),
    "regularization": Regularization(),
    "augmentation": Augmentation(),
    "training": Training(),
}


@pytest.mark.parametrize("name", TECHNIQUES)
def test_an_inactive_technique_has_the_value_that_changes_nothing(name):
    assert number({}, name) == TECHNIQUES[name]
    assert getattr(TABLES[HYPERPARAMETERS[name]], name) == TECHNIQUES[name]


@pytest.mark.parametrize("name", sorted({*DEFAULTS, *SCHEDULED} - {*TECHNIQUES}))
def test_an_inactive_number_has_the_study_files_default(name):
    ours = DEFAULTS.get(name, SCHEDULED.get(name))
    theirs = getattr(TABLES[HYPERPARAMETERS[name]], name)
    if name in {"beta_1", "beta_2"}:  # searched by default
        assert theirs.low <= ours <= theirs.high
    elif name == "decay_epochs":  # the study's length where a cosine falls
        assert theirs is None
    else:
        assert theirs == ours


def test_every_augmentation_is_a_technique_of_its_table():
    assert set(AUGMENTATIONS) == set(Augmentation.model_fields)


def test_a_layers_own_number_comes_before_the_one_for_all():
    trial = {"keep_prob": 0.7, "keep_prob_2": 0.9, "units": 5}
    assert [number(trial, f"keep_prob_{place}") for place in (1, 2, 3)] == [0.7, 0.9, 0.7]
    assert number({"keep_prob_2": 0.9}, "keep_prob_1") == 1.0
    assert number(trial, "units_3") == 5.0


@pytest.mark.parametrize(
    ("values", "name", "message"),
    [
        ({}, "layers", "network.layers: is needed to train, got none"),
        ({}, "units_2", "network.units_2: is needed to train, got none"),
        ({"epsilon": 1e-40}, "epsilon", "training.epsilon: must be > 0 in float32, got 1e-40"),
        (
            {"batch_norm_momentum": 0.999999999},
            "batch_norm_momentum",
            "network.batch_norm_momentum: must be < 1 in float32, got 0.999999999",
        ),
    ],
)
def test_what_cannot_be_used_is_named_with_its_table(values, name, message):
    with pytest.raises(StudyError) as caught:
        number(values, name)
    assert str(caught.value) == message


@pytest.mark.parametrize("name", ["beta_1", "beta_2", "batch_norm_momentum"])
def test_the_largest_average_that_float32_holds_is_trained_with(name):
    assert number({name: 1 - 2**-24}, name) < 1
    with pytest.raises(StudyError, match="must be < 1"):
        number({name: math.nextafter(1.0, 0.0)}, name)


def test_first_weights_are_the_trials_own_kind_and_scale():
    def first(**values):
        state = initial_state(Shape(4, (5,), 3), OPTIMIZERS["sgd"], 7, Trial(3, (), values))
        return [layer["w"] for layer in state.params]

    he, half = first(), first(initializer_scale=0.5)
    for layer, fans in enumerate([(4, 5), (5, 3)]):
        assert (2 * half[layer] == he[layer]).all()
        xavier = first(initializer="xavier")[layer]
        assert xavier == pytest.approx(he[layer] * math.sqrt(fans[0] / sum(fans)), rel=1e-6)
    assert all((w == 0).all() for w in first(initializer="zeros"))
