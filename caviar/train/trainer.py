"""What a slice trains with: data on the device, compiled epochs kept warm, a claim's lanes."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from caviar.nn.network import Network, Shape
from caviar.study.records import Claim, Lane, Measurement, Signature, Trial
from caviar.train.epoch import CompiledEpoch, resident
from caviar.train.group import Group
from caviar.train.lanes import optimizer_of
from caviar.train.order import data_order
from caviar.train.progress import Progress
from caviar.train.width import TOGETHER, Timing, choose, evidence, on_gpu, worth_measuring

Part = tuple[NDArray[np.floating], NDArray[np.integer]]
"""Inputs `[n, features]` and class indices `[n]`."""

_TIMED_EPOCHS = 4
"""Epochs timed at a width; the fastest counts."""


class Trainer:
    """Trains claims on one slice; each signature's epoch is compiled once and kept."""

    def __init__(
        self,
        train: Part,
        dev: Part,
        classes: int,
        seed: int,
        diverged_above: float = 3.0,
        device: str | None = None,
        dtype: tf.DType = tf.float32,
    ):
        """Puts the data on the device.

        Args:
            train: the training part, float32 inputs and int32 labels.
            dev: the dev part, likewise.
            classes: how many.
            seed: the study's; weights and data order follow from it.
            diverged_above: times ln(classes): a mean training loss above it, from the second
                epoch on, is divergence.
            device: TensorFlow's name of it; its own choice by default.
            dtype: of all numbers; float64 is for tests.
        """
        self.classes = classes
        self.seed = seed
        self.diverged_above = diverged_above
        self.features = train[0].shape[1]
        self._device = device
        self._dtype = dtype
        with tf.device(device):
            self._data = resident(train, dev, dtype)
        self._epochs: dict[tuple[Signature, int], CompiledEpoch] = {}
        self._first_call_s: dict[tuple[Signature, int], float] = {}

    @property
    def warm(self) -> frozenset[Signature]:
        """Signatures whose epoch is compiled."""
        return frozenset(signature for signature, _ in self._epochs)

    def choose_width(
        self, signature: Signature, expected_lane_epochs: int
    ) -> tuple[int, dict[str, Any]]:
        """How many lanes one call of the compiled epoch should take, and why.

        Args:
            signature: whose epoch.
            expected_lane_epochs: how many of its lane-epochs may still come, at most.

        Returns:
            The width, and what was measured.
        """
        whole = Shape(self.features, signature.widths, self.classes)
        if self._on_gpu():
            return on_gpu(whole.weights), evidence("gpu", expected_lane_epochs)
        alone, together = self._timing(signature, 1), None
        if worth_measuring(alone, expected_lane_epochs):
            together = self._timing(signature, TOGETHER)
        found = [alone] if together is None else [alone, together]
        rule = "too little left to measure" if together is None else "measured"
        return choose(alone, together), evidence(rule, expected_lane_epochs, *found)

    def train(self, claim: Claim, width: int) -> Iterator[Progress]:
        """Trains a claim's lanes to its last epoch, `width` at a time, yielding every epoch.

        Lanes at the same epoch form groups of at most `width`; a group is trained to its end before
        the next one begins. A lane that diverges yields a last measurement that says so.

        Args:
            claim: what to train.
            width: lanes in a call; partial groups are filled with dead lanes.

        Raises:
            StudyError: hyperparameters with which nothing can be trained.
            CheckpointError: a lane's checkpoint is not of its trial.
        """
        with tf.device(self._device):
            epoch = self._epoch(claim.signature, width)
            for lanes in _groups(claim, width):
                yield from self._train_group(epoch, claim, lanes)

    def _epoch(self, signature: Signature, width: int) -> CompiledEpoch:
        """The compiled epoch, warm: its first call must not count as a lane's time."""
        key = signature, width
        if key not in self._epochs:
            optimizer = optimizer_of(signature)
            network = Network(Shape(self.features, signature.widths, self.classes))
            epoch = CompiledEpoch(network, optimizer, self._data, signature.batch_size, width)
            group, order = Group.dead(epoch), self._order(0, signature.batch_size)
            self._first_call_s[key] = _seconds(lambda: group.run(order, 0, steps=0))
            self._epochs[key] = epoch
        return self._epochs[key]

    def _on_gpu(self) -> bool:
        return "GPU" in self._data.train_x.device

    def _timing(self, signature: Signature, lanes: int) -> Timing:
        """Trains made-up trials of the signature's full size for a few epochs at a width."""
        with tf.device(self._device):
            epoch = self._epoch(signature, lanes)
            values = {"layers": len(signature.widths), "units": min(signature.widths, default=0)}
            trials = [Trial(i, (), {**values, "learning_rate": 1e-3}) for i in range(lanes)]
            group = Group.begin(epoch, [Lane(trial) for trial in trials], signature, self.seed)
            order = self._order(0, signature.batch_size)
            fastest = min(_seconds(lambda: group.run(order, 0)) for _ in range(_TIMED_EPOCHS))
        return Timing(lanes, self._first_call_s[signature, lanes], fastest / lanes)

    def _train_group(
        self, epoch: CompiledEpoch, claim: Claim, lanes: Sequence[Lane]
    ) -> Iterator[Progress]:
        group = Group.begin(epoch, lanes, claim.signature, self.seed)
        for behind in range(lanes[0].epoch, claim.last_epoch):
            order = self._order(behind, claim.signature.batch_size)
            start = time.perf_counter()
            found = group.run(order, behind)
            elapsed_s = (time.perf_counter() - start) / len(found)
            measurements = tuple(
                self._measurement(trial, behind + 1, values, elapsed_s)
                for trial, values in found.items()
            )
            group.freeze(m.trial for m in measurements if m.diverged)
            done = behind + 1 == claim.last_epoch or not group.living
            yield Progress(measurements, group.checkpoints, done)
            if done:
                return

    def _order(self, epoch: int, batch_size: int) -> NDArray[np.int32]:
        return data_order(self.seed, epoch, batch_size, self._data.train_x.shape[0])

    def _measurement(
        self,
        trial: int,
        epoch: int,
        values: tuple[float, float, float, float, bool],
        elapsed_s: float,
    ) -> Measurement:
        train_loss, train_accuracy, dev_loss, dev_accuracy, finite = values
        sound = finite and math.isfinite(train_loss) and math.isfinite(dev_loss)
        exploded = epoch > 1 and train_loss > self.diverged_above * math.log(self.classes)
        scores = (train_loss, train_accuracy, dev_loss, dev_accuracy)
        return Measurement(trial, epoch, *scores, elapsed_s, diverged=not sound or exploded)


def _seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def _groups(claim: Claim, width: int) -> Iterator[list[Lane]]:
    """A claim's lanes, those at the same epoch together, at most `width` in a group."""
    behind = sorted(claim.lanes, key=lambda lane: lane.epoch)
    for _, equal in groupby(behind, key=lambda lane: lane.epoch):
        lanes = list(equal)
        for first in range(0, len(lanes), width):
            yield lanes[first : first + width]
