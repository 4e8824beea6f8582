"""A worker that trains nothing: what `no_op.py` puts on the slices in TensorFlow's place.

It yields a measurement an epoch at once, from a curve that depends on the trial and the epoch, and
a checkpoint of as many bytes as the environment variable `CAVIAR_NO_OP_BYTES` says.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Final

from caviar.study.records import Claim, Measurement, Signature
from caviar.train.progress import Progress
from caviar.tuning.messages import Welcome
from caviar.tuning.slice import Cores, Slice

BYTES_VARIABLE: Final = "CAVIAR_NO_OP_BYTES"
_BYTES: Final = 64


class NoOpWorker:
    """A `caviar.tuning.trainable.Worker` whose epochs take no time."""

    def __init__(self, size: int) -> None:
        """Takes the size of a checkpoint in bytes."""
        self.warm: frozenset[Signature] = frozenset()
        self._checkpoint = bytes(size)

    def choose_width(
        self, signature: Signature, expected_lane_epochs: int
    ) -> tuple[int, Mapping[str, Any]]:
        """Any width will do."""
        return 1, {"rule": "no-op", "expected": expected_lane_epochs}

    def train(self, claim: Claim, width: int) -> Iterator[Progress]:
        """Yields the epochs of all lanes, as the trainer does: an epoch of the group at a time."""
        self.warm |= {claim.signature}
        indices = [lane.trial.index for lane in claim.lanes]
        for epoch in range(claim.lanes[0].epoch + 1, claim.last_epoch + 1):
            measured = tuple(_measure(trial, epoch) for trial in indices)
            files = dict.fromkeys(indices, (epoch, self._checkpoint))
            yield Progress(measured, partial(dict, files), epoch == claim.last_epoch)


def make(welcome: Welcome, cpus: float, gpus: float) -> tuple[Slice, NoOpWorker]:
    """What the driver's `worker` names; nothing is pinned and TensorFlow sleeps on."""
    return Slice(Cores()), NoOpWorker(int(os.environ.get(BYTES_VARIABLE, _BYTES)))


def _measure(trial: int, epoch: int) -> Measurement:
    """One order of trials at every rung, better with every epoch; no two trials are equal."""
    quality = (trial * 7919 % 10007 + trial * 1e-7) / 10007
    loss = (0.2 + quality) / math.sqrt(epoch)
    accuracy = 1.0 / (1.0 + loss)
    return Measurement(trial, epoch, loss, accuracy, loss, accuracy, elapsed_s=1e-4)
