"""Checkpoints: every bit comes back, nothing else is accepted."""

import io

import numpy as np
import pytest
import tensorflow as tf

from caviar.nn.network import Shape
from caviar.study.records import Trial
from caviar.train import checkpoint
from caviar.train.checkpoint import CheckpointError, Header
from caviar.train.lanes import initial_state, padded, unpadded
from caviar.train.optimizers import OPTIMIZERS

ADAM = OPTIMIZERS["adam"]
SHAPE = Shape(4, (5, 5), 3)
HEADER = Header(7, 9, {"units": 5, "learning_rate": 0.1, "optimizer": "adam"}, "8x8-b16-adam")


@pytest.fixture
def state():
    rng = np.random.default_rng(0)
    zeros = initial_state(SHAPE, ADAM, 0, Trial(7, (), {}))
    return tf.nest.map_structure(lambda a: rng.normal(size=a.shape).astype(np.float32), zeros)


def test_every_bit_and_the_header_come_back(state):
    data = checkpoint.save(state, HEADER)
    found, header = checkpoint.load(data, SHAPE, ADAM)
    assert header == checkpoint.header(data) == HEADER
    tf.nest.map_structure(np.testing.assert_array_equal, found, state)
    assert checkpoint.save(found, header) == data


def test_it_is_a_plain_archive_of_arrays_led_by_the_stack_axis(state):
    with np.load(io.BytesIO(checkpoint.save(state, HEADER)), allow_pickle=False) as archive:
        assert archive["params.0.w"].shape == (1, 4, 5)
        assert archive["slots.2.b.v"].shape == (1, 3)
        assert archive["averages.1.variance"].shape == (1, 5)
        assert archive["step"].shape == (1,)


def test_the_names_of_format_1_stay():
    """Studies of the first version have checkpoints of these, without the inputs' moments."""
    layer = [("w", "gamma", "beta")] * 2 + [("w", "b")]
    params = [f"{place}.{name}" for place, names in enumerate(layer) for name in names]
    expected = {"header", "step", *(f"params.{name}" for name in params)}
    expected |= {f"slots.{name}.{slot}" for name in params for slot in ("m", "v")}
    expected |= {f"averages.{i}.{name}" for i in range(2) for name in ("mean", "variance")}
    first = initial_state(SHAPE, ADAM, 0, Trial(7, (), {}))
    moments = {"mean": np.zeros(4, np.float32), "std": np.ones(4, np.float32)}
    for more, inputs in (({}, None), ({"input.mean", "input.std"}, moments)):
        with np.load(io.BytesIO(checkpoint.save(first, HEADER, inputs))) as archive:
            assert set(archive.files) == expected | set(more)


@pytest.mark.parametrize("spoil", ["cut", "empty", "pickle"])
def test_broken_bytes_are_refused(state, spoil):
    data = bytearray(checkpoint.save(state, HEADER))
    if spoil == "cut":
        data = data[: len(data) // 2]
    elif spoil == "empty":
        data = bytearray()
    else:
        buffer = io.BytesIO()
        np.savez(buffer, header=np.array([{}], dtype=object))
        data = bytearray(buffer.getvalue())
    with pytest.raises(CheckpointError):
        checkpoint.load(bytes(data), SHAPE, ADAM)


def test_no_flipped_bit_loads_other_numbers(state):
    data, refused = checkpoint.save(state, HEADER), 0
    for place in np.random.default_rng(0).integers(0, 8 * len(data), 300):
        flipped = bytearray(data)
        flipped[place // 8] ^= 1 << (place % 8)
        try:
            found, header = checkpoint.load(bytes(flipped), SHAPE, ADAM)
        except CheckpointError:
            refused += 1
            continue
        assert header == HEADER
        tf.nest.map_structure(np.testing.assert_array_equal, found, state)
    assert refused > 150


@pytest.mark.parametrize(
    ("shape", "optimizer"),
    [
        (Shape(4, (6, 6), 3), "adam"),
        (Shape(4, (5,), 3), "adam"),
        (Shape(4, (5, 5), 2), "adam"),
        (SHAPE, "rmsprop"),
    ],
)
def test_another_networks_checkpoint_is_refused(state, shape, optimizer):
    data = checkpoint.save(state, HEADER)
    with pytest.raises(CheckpointError, match="trial 7"):
        checkpoint.load(data, shape, OPTIMIZERS[optimizer])


def test_another_format_is_refused(state):
    newer = checkpoint.save(state, Header(7, 9, {}, "", format=2))
    with pytest.raises(CheckpointError, match="format must be 1, got 2"):
        checkpoint.load(newer, SHAPE, ADAM)


@pytest.mark.parametrize("whole", [SHAPE, Shape(4, (8, 8, 8, 8), 3)])
def test_padding_comes_off_as_it_went_on(state, whole):
    wide = padded(state, whole, ADAM)
    assert wide.params[0]["w"].shape == (1, 4, whole.units[0])
    total = sum(np.abs(a).sum() for a in tf.nest.flatten(wide))
    assert total == pytest.approx(sum(np.abs(a).sum() for a in tf.nest.flatten(state)))
    tf.nest.map_structure(np.testing.assert_array_equal, unpadded(wide, SHAPE, ADAM), state)
