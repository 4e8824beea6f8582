"""The rules that choose a width and a precision, and their measurements."""

import json
from dataclasses import replace

import pytest
from small_problem import claim, signature, trainer_of, trial

from caviar.train.precision import Tried, choose_precision
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


@pytest.fixture(scope="module")
def trainer():
    """Compiles a width once for both tests."""
    return trainer_of()


def test_the_trainer_measures_what_is_worth_it(trainer):
    width, evidence = trainer.choose_width(signature(), 10)
    assert width == 1
    assert evidence["lane_epoch_s"].keys() == {"1"}
    width, evidence = trainer.choose_width(signature(), 10**9)
    assert evidence["lane_epoch_s"].keys() == {"1", "8"}
    assert width in {1, 8}
    assert json.loads(json.dumps(evidence)) == evidence
    assert trainer.warm == {signature()}


def test_auto_precision_tries_both_where_it_may_pay_and_says_what_it_saw(trainer):
    auto = signature(precision="auto")
    assert trainer.choose_width(auto, 10)[1]["precision"] == "float32"
    width, told = trainer.choose_width(auto, 10**9)
    assert told["precision_rule"] == "measured"
    assert told["precision_lane_epoch_s"].keys() == {"float32", "bfloat16"}
    kept = told["precision_lane_epoch_s"]
    clear = kept["bfloat16"] <= 0.9 * kept["float32"]
    assert (told["precision"] == "bfloat16") == clear
    settled = replace(claim([trial(0)], 1, auto), precision="bfloat16")
    ((measured,),) = [p.measurements for p in trainer.train(settled, width)]
    assert measured.epoch == 1
    assert auto in trainer.warm


@pytest.mark.parametrize(
    ("seconds", "loss", "expected"),
    [(0.5, 0.3, "bfloat16"), (0.95, 0.3, "float32"), (0.5, 0.31, "float32")],
)
def test_bfloat16_must_be_clearly_faster_and_as_good(seconds, loss, expected):
    exact = Tried(Timing(1, 2.0, 1.0), 0.3)
    assert choose_precision(exact, Tried(Timing(1, 2.0, seconds), loss)) == expected
