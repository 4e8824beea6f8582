"""caviar's prediction in NumPy against the compiled step's own mathematics."""

from __future__ import annotations

import subprocess
import sys

import made_networks
import numpy as np
import pytest
import tensorflow as tf

from caviar.errors import StudyError
from caviar.nn.activations import ACTIVATIONS
from caviar.nn.network import Network as Compiled
from caviar.nn.softmax import probabilities
from caviar.train import checkpoint, lanes
from caviar.train.optimizers import OPTIMIZERS
from caviar.winner import network as own
from caviar.winner import weights
from caviar.winner.network import Network

HYPER = {"batch_norm_momentum": 0.93, "batch_norm_epsilon": 0.02}


def compiled(units, activation, batch_norm, x, step=7, **hyper):
    """What caviar's evaluation makes of raw examples, by its own code."""
    from types import SimpleNamespace

    from caviar.train.evaluation import Evaluation
    from caviar.train.feed import Inputs

    shape = made_networks.shape_of(x.shape[1:], units, batch_norm)
    data = made_networks.checkpoint(x.shape[1:], units, activation, batch_norm, step=step)
    made, _ = checkpoint.load(data, shape, OPTIMIZERS["sgd"])
    made = tf.nest.map_structure(lambda array: tf.constant(array[0]), made)
    network = Compiled(shape, activation)
    found = made_networks.inputs(x.shape[1:])
    source = SimpleNamespace(**found, class_weights=None, image_shape=None)
    inputs = Inputs.of(source, tf.float32)
    numbers = {name: tf.constant(value, tf.float32) for name, value in {**HYPER, **hyper}.items()}
    averages = Evaluation(SimpleNamespace(network=network), inputs)._averages(made, numbers)
    standard = inputs.standardised(tf.constant(x.reshape(len(x), -1)))
    live = network.live(tf.constant(units, tf.int32))
    return probabilities(network.infer(made.params, averages, standard, live, numbers).logits)


@pytest.mark.parametrize("batch_norm", [True, False])
@pytest.mark.parametrize("units", [(), (7,), (8, 6), (5, 6, 4), (6, 6, 6, 3)])
@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
def test_it_is_the_compiled_steps_prediction(activation, units, batch_norm):
    x = made_networks.raw()
    data = made_networks.checkpoint(x.shape[1:], units, activation, batch_norm, **HYPER)
    found = Network.from_checkpoint(data).probabilities(x)
    np.testing.assert_allclose(found, compiled(units, activation, batch_norm, x), atol=1e-6)
    assert found.dtype == np.float32
    assert found.std(axis=0).max() > 1e-4  # examples differ, so that being equal says something


@pytest.mark.parametrize(("step", "momentum"), [(1, 0.99), (3, 0.0), (648, 0.9999), (5000, 0.5)])
def test_averages_are_debiased_as_the_compiled_step_does(step, momentum):
    x = made_networks.raw()
    hyper = {"batch_norm_momentum": momentum}
    data = made_networks.checkpoint(step=step, **{**HYPER, **hyper})
    expected = compiled((8, 6), "relu", True, x, step=step, **hyper)
    np.testing.assert_allclose(Network.from_checkpoint(data).probabilities(x), expected, atol=1e-6)


def test_what_a_trial_does_not_say_is_as_in_training():
    assert lanes.DEFAULTS["batch_norm_momentum"] == weights.MOMENTUM
    assert lanes.DEFAULTS["batch_norm_epsilon"] == weights.EPSILON
    assert checkpoint.FORMAT == weights.FORMAT
    assert own.ACTIVATIONS.keys() == ACTIVATIONS.keys()


def test_examples_come_in_their_shape_or_flat_in_any_numbers():
    data = made_networks.checkpoint((3, 2))
    network, x = Network.from_checkpoint(data, (3, 2)), made_networks.raw(9, (3, 2))
    expected = network.probabilities(x)
    np.testing.assert_array_equal(network.probabilities(x.reshape(9, 6)), expected)
    np.testing.assert_array_equal(network.probabilities(x.astype(np.float64)), expected)
    np.testing.assert_allclose(network.probabilities(x, np.float64), expected, atol=1e-6)
    assert network.probabilities(x[:0]).shape == (0, made_networks.CLASSES)


def test_many_examples_are_computed_in_parts(monkeypatch):
    network, x = Network.from_checkpoint(made_networks.checkpoint()), made_networks.raw(11)
    expected = network.probabilities(x)
    monkeypatch.setattr(own, "_ROWS", 4)
    np.testing.assert_allclose(network.probabilities(x), expected, atol=1e-6)


def test_logits_beyond_float32_give_no_warning_and_probabilities():
    data = made_networks.checkpoint(units=(), batch_norm=False)
    network = Network.from_checkpoint(data)
    found = network.probabilities(1e30 * np.ones((1, 5), np.float32))
    assert sorted(found[0]) == [0, 0, 0, 1]


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros((4, 3, 3)), "x: an example must be 3 x 2, got 3 x 3"),
        (np.zeros(6), "x: an example must be 3 x 2, got a single number"),
        (np.zeros(()), "x: an example must be 3 x 2, got a single number"),
        (np.array([["a"] * 6]), "x: must be numbers, got <U1"),
    ],
)
def test_other_examples_are_refused(x, message):
    network = Network.from_checkpoint(made_networks.checkpoint((3, 2)), (3, 2))
    with pytest.raises(StudyError) as caught:
        network.probabilities(x)
    assert str(caught.value) == message


@pytest.mark.parametrize("damage", ["empty", "cut", "flipped", "no header", "other format"])
def test_damaged_bytes_are_refused(damage):
    data = made_networks.checkpoint()
    if damage == "empty":
        data = b""
    elif damage == "cut":
        data = data[: len(data) // 2]
    elif damage == "flipped":
        middle = len(data) // 8
        data = data[:middle] + bytes([data[middle] ^ 0xFF]) + data[middle + 1 :]
    else:
        data = remade(data, damage)
    with pytest.raises(StudyError, match="checkpoint"):
        Network.from_checkpoint(data)


def remade(data, damage):
    import io
    import json

    arrays = dict(np.load(io.BytesIO(data)))
    head = json.loads(arrays.pop("header").tobytes())
    if damage == "other format":
        head["format"] = 2
        arrays["header"] = np.frombuffer(json.dumps(head).encode(), np.uint8)
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def test_other_features_are_refused():
    with pytest.raises(StudyError, match="has 5 features, and an example"):
        Network.from_checkpoint(made_networks.checkpoint(), (3, 2))


def test_older_checkpoints_need_the_data_sets_normalisation():
    made = made_networks.checkpoint()
    shape = made_networks.shape_of((5,), (8, 6), True)
    state, whose = checkpoint.load(made, shape, OPTIMIZERS["sgd"])
    data = checkpoint.save(state, whose)
    with pytest.raises(StudyError, match="how inputs are normalised"):
        Network.from_checkpoint(data)
    given = tuple(made_networks.inputs().values())
    x = made_networks.raw()
    expected = Network.from_checkpoint(made_networks.checkpoint()).probabilities(x)
    found = Network.from_checkpoint(data, normalisation=given).probabilities(x)
    np.testing.assert_array_equal(found, expected)


def test_it_needs_no_tensorflow(tmp_path):
    path = tmp_path / "a.ckpt"
    path.write_bytes(made_networks.checkpoint())
    code = (
        "import sys, pathlib, numpy as np\n"
        "from caviar.winner.network import Network\n"
        f"network = Network.load(pathlib.Path({str(path)!r}))\n"
        "assert network.probabilities(np.zeros((2, 5))).shape == (2, 4)\n"
        "assert (network.trial, network.epoch) == (3, 9)\n"
        "assert 'tensorflow' not in sys.modules and 'ray' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
