"""Training examples altered at random, inside the compiled step; dev and test are left alone.

Images are flipped, rotated, zoomed and shifted by one affine map an example, read back by bilinear
interpolation, so that a pixel is interpolated once however many of the four are on; any data may be
given noise. Lanes share the draws, and each scales them by its own strengths: trials are compared
under common random numbers, and a strength of 0 gives back exactly what was put in.

On XLA:CPU the warp costs about as much as the batch's product with 350 units; matrices of hat
functions, a gather of rows and one of whole neighbourhoods took as long, without room for rotation.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import tensorflow as tf

from caviar.nn import draws

WARPS = ("shift", "flip", "rotation", "zoom")
"""For images alone; `noise` is for any data."""

_STREAM, _NOISE = 2, 3
"""Set these draws apart from the other uses of the key."""

Image = tuple[int, int, int]
"""Height, width and channels."""


class _Pose(NamedTuple):
    """What is done to an example: each `[batch]`, or `[batch, stack]` where lanes differ.

    Attributes:
        down: how far its content moves, in pixels.
        right: likewise.
        mirror: -1 where left and right are exchanged, else 1.
        angle: in radians.
        scale: > 1 makes the content larger.
    """

    down: tf.Tensor
    right: tf.Tensor
    mirror: tf.Tensor
    angle: tf.Tensor
    scale: tf.Tensor


def augment(
    x: tf.Tensor,
    image_shape: Image | None,
    strengths: Mapping[str, tf.Tensor],
    key: tf.Tensor,
    step: tf.Tensor | int,
) -> tf.Tensor:
    """A minibatch, altered.

    Args:
        x: standardised examples `[batch, features]`; what lies outside an image is 0, the mean.
        image_shape: of which the features are the pixels, row by row, channels last; None for data
            that are no images.
        strengths: of the techniques that are on, each `[]` or `[stack]`: `shift` the largest, as a
            share of the side; `flip` the probability; `rotation` the largest angle in degrees;
            `zoom` the largest relative change of scale; `noise` the standard deviation.
        key: `[2]`, int32; of the study's seed.
        step: `[]`, how many steps were taken before.

    Returns:
        `[batch, features]`, or `[stack, batch, features]` where a strength has the stack axis.

    Raises:
        ValueError: a technique for images without an `image_shape`.
    """
    strengths = {name: tf.cast(strength, x.dtype) for name, strength in strengths.items()}
    warps = {name: strengths[name] for name in WARPS if name in strengths}
    if warps and image_shape is None:
        raise ValueError(f"{', '.join(warps)}: only images can be warped, and these are not")
    out = x
    if image_shape is not None and warps:
        chance = draws.uniform(draws.stream(key, _STREAM, step), x.shape[0], 5, x.dtype)
        out = _warped(x, image_shape, warps, chance)
    if "noise" in strengths:
        noise = draws.normal(draws.stream(key, _NOISE, step), x.shape[0], x.shape[1], x.dtype)
        out += strengths["noise"][..., tf.newaxis, tf.newaxis] * noise
    return out


def _warped(
    x: tf.Tensor, image_shape: Image, strengths: Mapping[str, tf.Tensor], chance: tf.Tensor
) -> tf.Tensor:
    """The images, each in a pose of its own; `chance` `[batch, 5]` uniform from [0, 1)."""
    if strengths.keys() == {"flip"}:
        return _flipped(x, image_shape, strengths["flip"], chance[:, 2])
    pose = _pose(image_shape, strengths, chance)
    out = _read(x, image_shape, *_sources(image_shape, pose))
    return tf.transpose(out, (1, 0, 2)) if out.shape.rank == 3 else out


def _flipped(x: tf.Tensor, image_shape: Image, share: tf.Tensor, chance: tf.Tensor) -> tf.Tensor:
    """Flips alone, without interpolating."""
    mirrored = tf.reshape(tf.reverse(tf.reshape(x, (-1, *image_shape)), [2]), x.shape)
    chosen = chance[:, tf.newaxis] < share[..., tf.newaxis, tf.newaxis]
    return tf.where(chosen, mirrored, x)


def _pose(image_shape: Image, strengths: Mapping[str, tf.Tensor], chance: tf.Tensor) -> _Pose:
    """Draws scaled by the strengths; what is off is not moved."""
    height, width, _ = image_shape
    zero = tf.zeros((), chance.dtype)
    shift, flip, rotation, zoom = (strengths.get(name, zero) for name in WARPS)
    lanes = tf.zeros_like(shift + flip + rotation + zoom)
    columns = [
        tf.reshape(column, (-1, *[1] * lanes.shape.rank)) + lanes
        for column in tf.unstack(chance, axis=1)
    ]
    down, right, _, angle, scale = (2.0 * column - 1.0 for column in columns)
    return _Pose(
        down=down * shift * height,
        right=right * shift * width,
        mirror=tf.where(columns[2] < flip, -tf.ones_like(angle), tf.ones_like(angle)),
        angle=angle * rotation * (math.pi / 180.0),
        scale=1.0 + scale * zoom,
    )


def _sources(image_shape: Image, pose: _Pose) -> tuple[tf.Tensor, tf.Tensor]:
    """Where each pixel of the result comes from: row and column, `[batch, (stack,) h, w]`."""
    height, width, _ = image_shape
    middle_row, middle_column = (height - 1) / 2, (width - 1) / 2
    down, right, mirror, angle, scale = (number[..., tf.newaxis, tf.newaxis] for number in pose)
    kind = angle.dtype
    row = tf.range(height, dtype=kind)[:, tf.newaxis] - middle_row - down
    column = tf.range(width, dtype=kind) - middle_column - right
    cosine, sine = tf.cos(angle) / scale, tf.sin(angle) / scale
    return (
        cosine * row - sine * column + middle_row,
        mirror * (sine * row + cosine * column) + middle_column,
    )


def _read(x: tf.Tensor, image_shape: Image, row: tf.Tensor, column: tf.Tensor) -> tf.Tensor:
    """The images at places between their pixels, 0 outside: `[batch, (stack,) features]`."""
    height, width, channels = image_shape
    pixels = tf.reshape(x, (-1, height * width, channels))
    above, left = tf.floor(row), tf.floor(column)
    low, near = row - above, column - left
    total = tf.zeros((), x.dtype)
    for i, share_i in ((above, 1.0 - low), (above + 1.0, low)):
        for j, share_j in ((left, 1.0 - near), (left + 1.0, near)):
            inside = (i >= 0.0) & (i < height) & (j >= 0.0) & (j < width)
            place = tf.cast(tf.where(inside, i * width + j, tf.zeros_like(i)), tf.int32)
            found = tf.gather(pixels, tf.reshape(place, (x.shape[0], -1)), batch_dims=1)
            share = tf.where(inside, share_i * share_j, tf.zeros_like(i))
            total += found * tf.reshape(share, (x.shape[0], -1, 1))
    return tf.reshape(total, (*row.shape[:-2], height * width * channels))
