"""The rule that chooses a width, and its measurement."""

import json

import pytest
from small_problem import signature, trainer_of

from caviar.train.width import Timing, choose, on_gpu, worth_measuring

ALONE = Timing(1, first_call_s=2.0, lane_epoch_s=0.01)


@pytest.mark.parametrize(("expected", "worth"), [(1_000, False), (1_199, False), (1_201, True)])
def test_measuring_must_be_worth_several_compilations(expected, worth):
    assert worth_measuring(ALONE, expected) is worth


@pytest.mark.parametrize(("together", "width"), [(0.0079, 8), (0.0081, 1), (0.02, 1)])
def test_lanes_run_together_where_that_is_clearly_faster(together, width):
    assert choose(ALONE, Timing(8, 3.0, together)) == width
    assert choose(ALONE, None) == 1


@pytest.mark.parametrize(("weights", "width"), [(10_000, 16), (400_000, 8), (10**7, 1)])
def test_a_gpu_begins_with_more(weights, width):
    assert on_gpu(weights) == width


def test_the_trainer_measures_what_is_worth_it(parts):
    trainer = trainer_of()
    width, evidence = trainer.choose_width(signature(), 10)
    assert width == 1
    assert evidence["lane_epoch_s"].keys() == {"1"}
    width, evidence = trainer.choose_width(signature(), 10**9)
    assert evidence["lane_epoch_s"].keys() == {"1", "8"}
    assert width in {1, 8}
    assert json.loads(json.dumps(evidence)) == evidence
    assert trainer.warm == {signature()}
