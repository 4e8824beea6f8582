"""Augmentation: poses by hand, what each strength bounds, lanes, and nothing where it is off."""

import numpy as np
import pytest
import tensorflow as tf

from caviar.nn.augmentation import WARPS, _pose, _read, _sources, augment

KEY = tf.constant([3, 4])
SHAPE = (6, 8, 2)
ALL = {"shift": 0.3, "flip": 0.5, "rotation": 40.0, "zoom": 0.3, "noise": 0.2}


@pytest.fixture
def x():
    return tf.constant(np.random.default_rng(0).normal(size=(16, 96)), tf.float32)


def _compiled(image_shape):
    def call(x, strengths, key, step):
        return augment(x, image_shape, strengths, key, step)

    return tf.function(call, jit_compile=True)


def _strengths(**values):
    return {name: tf.constant(value, tf.float32) for name, value in values.items()}


@pytest.mark.parametrize("names", [["flip"], ["noise"], ["shift", "zoom"], list(ALL)])
def test_at_strength_zero_nothing_changes_at_all(x, names):
    for function in (_compiled(SHAPE), lambda *a: augment(a[0], SHAPE, *a[1:])):
        off = _strengths(**dict.fromkeys(names, 0.0))
        np.testing.assert_array_equal(function(x, off, KEY, 2), x)
        lanes = {name: tf.constant([0.0, ALL[name]]) for name in names}
        stack = function(x, lanes, KEY, tf.constant(2))
        np.testing.assert_array_equal(stack[0], x)
        assert np.abs(stack[1] - x).max() > 0.1


def test_a_stack_equals_its_lanes(x):
    compiled = _compiled(SHAPE)
    lanes = {name: tf.constant([0.0, v / 2, v]) for name, v in ALL.items()}
    stack = compiled(x, lanes, KEY, tf.constant(7))
    assert stack.shape == (3, 16, 96)
    for lane in range(3):
        alone = compiled(x, {name: v[lane] for name, v in lanes.items()}, KEY, tf.constant(7))
        np.testing.assert_allclose(stack[lane], alone, rtol=1e-4, atol=1e-4)


def test_some_strengths_may_lack_the_stack_axis(x):
    mixed = _strengths(shift=0.1, zoom=0.2) | {"flip": tf.constant([0.0, 1.0])}
    same = {name: tf.constant([float(np.ravel(v)[0])] * 2) for name, v in mixed.items()}
    same["flip"] = mixed["flip"]
    np.testing.assert_allclose(
        augment(x, SHAPE, mixed, KEY, 0), augment(x, SHAPE, same, KEY, 0), atol=1e-5
    )


def test_flips_alone_equal_flips_in_a_warp_and_come_as_often_as_asked(x):
    images = tf.tile(x, (50, 1))
    alone = augment(images, SHAPE, _strengths(flip=0.3), KEY, 5)
    warped = augment(images, SHAPE, _strengths(flip=0.3, zoom=0.0), KEY, 5)
    np.testing.assert_array_equal(alone, warped)
    mirrored = images.numpy().reshape(-1, *SHAPE)[:, :, ::-1].reshape(images.shape)
    flipped = (alone == mirrored).numpy().all(1)
    assert ((alone == images).numpy().all(1) | flipped).all()
    assert abs(flipped.mean() - 0.3) < 4 * np.sqrt(0.21 / 800)


def _read_in_pose(x, **pose):
    numbers = {"down": 0.0, "right": 0.0, "mirror": 1.0, "angle": 0.0, "scale": 1.0} | pose
    example = _pose(SHAPE, {}, tf.zeros((len(x), 5)))
    example = example._replace(**{k: tf.fill(len(x), v) for k, v in numbers.items()})
    return _read(x, SHAPE, *_sources(SHAPE, example)).numpy().reshape(-1, *SHAPE)


def test_a_shift_moves_the_content_and_brings_in_zeros(x):
    before = x.numpy().reshape(-1, *SHAPE)
    after = _read_in_pose(x, down=2.0, right=-1.0)
    np.testing.assert_allclose(after[:, 2:, :-1], before[:, :-2, 1:], atol=1e-6)
    assert (after[:, :2] == 0).all()
    assert (after[:, :, -1] == 0).all()
    half = _read_in_pose(x, right=0.5)
    expected = (before[:, :, 1:] + before[:, :, :-1]) / 2
    np.testing.assert_allclose(half[:, :, 1:], expected, atol=1e-6)
    np.testing.assert_allclose(half[:, :, 0], before[:, :, 0] / 2, atol=1e-6)


def test_a_turn_by_180_degrees_reverses_both_axes(x):
    before = x.numpy().reshape(-1, *SHAPE)
    np.testing.assert_allclose(_read_in_pose(x, angle=np.pi), before[:, ::-1, ::-1], atol=1e-4)
    np.testing.assert_array_equal(_read_in_pose(x, mirror=-1.0), before[:, :, ::-1])


def test_a_warp_equals_interpolation_by_scipy(x):
    from scipy.ndimage import map_coordinates

    image_x = x[:1]
    angle, scale, down, right = 0.4, 1.2, 1.3, -0.7
    after = _read_in_pose(image_x, angle=angle, scale=scale, down=down, right=right, mirror=-1.0)
    rows, columns = np.mgrid[:6, :8].astype(float)
    i, j = rows - 2.5 - down, columns - 3.5 - right
    source_i = (np.cos(angle) * i - np.sin(angle) * j) / scale + 2.5
    source_j = -(np.sin(angle) * i + np.cos(angle) * j) / scale + 3.5
    before = np.pad(image_x.numpy().reshape(SHAPE), ((9, 9), (9, 9), (0, 0)))
    for channel in range(2):
        expected = map_coordinates(before[..., channel], [source_i + 9, source_j + 9], order=1)
        np.testing.assert_allclose(after[0, ..., channel], expected, atol=1e-5)


def test_poses_fill_their_bounds_and_no_more():
    chance = tf.constant(np.random.default_rng(0).uniform(size=(4000, 5)))
    strengths = {"shift": 0.25, "rotation": 90.0, "zoom": 0.5, "flip": 0.2}
    pose = _pose(SHAPE, {k: tf.constant(v, tf.float64) for k, v in strengths.items()}, chance)
    bounds = {"down": (-1.5, 1.5), "right": (-2, 2), "angle": (-np.pi / 2, np.pi / 2)}
    for name, (low, high) in (bounds | {"scale": (0.5, 1.5)}).items():
        values = getattr(pose, name).numpy()
        assert low <= values.min() < low + 0.01 * (high - low)
        assert high - 0.01 * (high - low) < values.max() <= high
    assert set(pose.mirror.numpy()) == {-1.0, 1.0}


@pytest.mark.parametrize("dtype", [tf.float32, tf.float64])
def test_noise_has_its_standard_deviation_and_needs_no_image(dtype):
    x = tf.constant(np.random.default_rng(0).normal(size=(100, 500)), dtype)
    found = _compiled(None)(x, _strengths(noise=0.3), KEY, 0)
    assert found.dtype == dtype
    added = (found - x).numpy()
    assert abs(added.std() / 0.3 - 1) < 4 / np.sqrt(2 * added.size)
    assert abs(added.mean()) < 4 * 0.3 / np.sqrt(added.size)
    with pytest.raises(ValueError, match="zoom: only images"):
        augment(x, None, _strengths(noise=0.3, zoom=0.1), KEY, 0)


def test_steps_differ_and_nothing_on_gives_the_same_tensor(x):
    one, two = (augment(x, SHAPE, _strengths(**ALL), KEY, step) for step in (0, 1))
    assert np.abs(one - two).max() > 0.1
    assert augment(x, SHAPE, {}, KEY, 0) is x
    assert set(WARPS) | {"noise"} == set(ALL)
