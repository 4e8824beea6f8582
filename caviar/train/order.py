"""In which order an epoch meets the training examples: the same for every trial of a study."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from caviar.errors import StudyError

_STREAM = 2
"""Sets these draws apart from every other use of a study's seed."""
_DEVICE_STREAM = 3
"""Likewise, for what is drawn on the device."""
_SHARE_STREAM = 4
"""Likewise, for which examples a share of them is."""


def steps_per_epoch(examples: int, batch_size: int) -> int:
    """Full minibatches in the training part; the last partial one is dropped.

    Raises:
        StudyError: a batch is larger than the training part.
    """
    if batch_size > examples:
        raise StudyError(
            f"training.batch_size: must be at most the training part's {examples} examples, "
            f"got {batch_size}"
        )
    return examples // batch_size


def data_order(
    seed: int, epoch: int, batch_size: int, examples: int, share: float = 1.0
) -> NDArray[np.int32]:
    """The examples of an epoch's minibatches, one after the other.

    Of a share of the examples an epoch meets each several times, so that it has as many steps as
    one of them all: what is compared then is data, not training time. Of two shares under one seed
    the larger holds all of the smaller.

    Args:
        seed: the study's.
        epoch: epochs behind, from 0.
        batch_size: examples a minibatch.
        examples: in the training part.
        share: of them that are met at all, in (0, 1]; at least one of them is.

    Returns:
        Indices `[steps * batch_size]` into the training part, distinct where `share` is 1.

    Raises:
        StudyError: a batch is larger than the training part.
    """
    used = steps_per_epoch(examples, batch_size) * batch_size
    key = np.random.SeedSequence((seed, _STREAM, epoch, batch_size))
    rng = np.random.Generator(np.random.Philox(key))
    if share == 1.0:
        return rng.permutation(examples)[:used].astype(np.int32)
    fixed = np.random.SeedSequence((seed, _SHARE_STREAM))
    every = np.random.Generator(np.random.Philox(fixed)).permutation(examples)
    part = every[: max(1, round(share * examples))]
    rounds = [rng.permutation(part) for _ in range(-(-used // len(part)))]
    return np.concatenate(rounds)[:used].astype(np.int32)


def random_key(seed: int, epoch: int) -> NDArray[np.int32]:
    """The key of an epoch's randomness on the device, `[4]`: dropout's two, augmentation's two.

    Args:
        seed: the study's.
        epoch: epochs behind, from 0.
    """
    key = np.random.SeedSequence((seed, _DEVICE_STREAM, epoch))
    return key.generate_state(4).view(np.int32)
