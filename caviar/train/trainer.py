"""What a slice trains with: data for the device, compiled epochs kept warm, a claim's lanes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, Literal, TypeVar

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from caviar.data.dataset import Dataset
from caviar.nn.network import Shape
from caviar.study.records import Claim, Lane, Measurement, Signature, Trial
from caviar.train import precision
from caviar.train.early_stopping import Best, EarlyStopping
from caviar.train.epoch import CompiledEpoch
from caviar.train.feed import feed_of
from caviar.train.group import Course, Group
from caviar.train.order import data_order
from caviar.train.precision import Tried, worth_trying
from caviar.train.progress import Progress
from caviar.train.recipe import Recipe
from caviar.train.verdict import Judge
from caviar.train.width import TOGETHER, Timing, choose, evidence, on_gpu, worth_measuring

_Found = TypeVar("_Found")

_TIMED_EPOCHS = 4
"""Epochs timed at a width; the fastest counts."""


@dataclass(frozen=True)
class Settings:
    """What a study says of training that is no hyperparameter.

    Attributes:
        seed: the study's; weights, data order and all other randomness follow from it.
        diverged_above: times ln(classes): a mean training loss above it, from the second epoch on,
            is divergence.
        metric: what early stopping watches, a measurement's attribute.
        lower_is_better: of that metric.
        patience: epochs without a better metric that end a trial; 0: none ever does.
        schedule_per: whether learning rates change with the epoch or with every step.
        feed: how examples reach the step; "auto" goes by their size.
    """

    seed: int
    diverged_above: float = 3.0
    metric: str = "dev_accuracy"
    lower_is_better: bool = False
    patience: int = 0
    schedule_per: Literal["epoch", "step"] = "epoch"
    feed: Literal["auto", "resident", "stream"] = "auto"


class Trainer:
    """Trains claims on one slice; each signature's epoch is compiled once and kept."""

    def __init__(
        self,
        data: Dataset,
        settings: Settings,
        device: str | None = None,
        memory_mib: int | None = None,
        dtype: tf.DType = tf.float32,
    ):
        """Puts the data on the device, or makes ready to stream them.

        Args:
            data: the training and the dev part; a test part is not looked at.
            settings: the study's.
            device: TensorFlow's name of it; its own choice by default.
            memory_mib: the device's memory, where it is known and not the host's.
            dtype: of all numbers; float64 is for tests.
        """
        self.classes = data.classes
        self.features = data.features
        self._device = device
        self._dtype = dtype
        with tf.device(device):
            self.feed = feed_of(data, settings.feed, memory_mib, dtype)
        normalisation = {"mean": data.mean, "std": data.std}
        self._course = Course(settings.seed, normalisation, settings.schedule_per)
        stopping = EarlyStopping(settings.patience, settings.lower_is_better)
        self._judge = Judge(data.classes, settings.diverged_above, settings.metric, stopping)
        self._epochs: dict[tuple[Signature, int], CompiledEpoch] = {}
        self._first_call_s: dict[tuple[Signature, int], float] = {}
        self._settled: set[Signature] = set()

    @property
    def warm(self) -> frozenset[Signature]:
        """Signatures whose epoch is compiled, as claims name them."""
        return frozenset({signature for signature, _ in self._epochs} | self._settled)

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
        if signature.precision == "auto":
            return self._choose_precision(signature, expected_lane_epochs)
        whole = Shape(self.features, signature.widths, self.classes)
        if self._on_gpu():
            return on_gpu(whole.weights), evidence("gpu", expected_lane_epochs)
        alone, together = self._try(signature, 1).timing, None
        if worth_measuring(alone, expected_lane_epochs):
            together = self._try(signature, TOGETHER).timing
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
            kind = claim.precision or claim.signature.precision
            epoch = self._epoch(replace(claim.signature, precision=kind), width)
            self._settled.add(claim.signature)
            for lanes in _groups(claim, width):
                yield from self._train_group(epoch, claim, lanes)

    def _epoch(self, signature: Signature, width: int) -> CompiledEpoch:
        """The compiled epoch, warm: its first call must not count as a lane's time."""
        key = signature, width
        if key not in self._epochs:
            recipe = Recipe.of(signature, self.features, self.classes)
            epoch = CompiledEpoch(recipe, self.feed, width, self._dtype)
            group = Group.dead(epoch, self._course)
            order = self._order(self._course, 0, signature.batch_size)
            _, self._first_call_s[key] = _timed(lambda: group.run(order, 0, steps=0))
            self._epochs[key] = epoch
        return self._epochs[key]

    def _on_gpu(self) -> bool:
        return "GPU" in self.feed.inputs.mean.device

    def _choose_precision(
        self, signature: Signature, expected_lane_epochs: int
    ) -> tuple[int, dict[str, Any]]:
        """The width at float32, and bfloat16 tried at that width if it may pay."""
        exact, rounded = (replace(signature, precision=kind) for kind in ("float32", "bfloat16"))
        width, told = self.choose_width(exact, expected_lane_epochs)
        known, other = self._try(exact, width), None
        if worth_trying(known.timing, expected_lane_epochs):
            other = self._try(rounded, width)
        return width, told | precision.evidence(known, other)

    def _try(self, signature: Signature, lanes: int) -> Tried:
        """Trains made-up trials of the signature's full size for a few epochs at a width."""
        with tf.device(self._device):
            epoch = self._epoch(signature, lanes)
            units = {f"units_{place + 1}": u for place, u in enumerate(signature.widths)}
            values = {"layers": len(units), **units, "learning_rate": 1e-3}
            trials = [Trial(i, (), values) for i in range(lanes)]
            group = Group.begin(epoch, [Lane(trial) for trial in trials], signature, self._course)
            order = self._order(self._course, 0, signature.batch_size)
            found, seconds = zip(
                *(_timed(lambda: group.run(order, 0)) for _ in range(_TIMED_EPOCHS)), strict=True
            )
        timing = Timing(lanes, self._first_call_s[signature, lanes], min(seconds) / lanes)
        return Tried(timing, found[-1][0].dev_loss)

    def _train_group(
        self, epoch: CompiledEpoch, claim: Claim, lanes: Sequence[Lane]
    ) -> Iterator[Progress]:
        course = self._course._replace(share=claim.share)
        if claim.seed is not None:
            course = course._replace(seed=claim.seed, shares_weights=True)
        group = Group.begin(epoch, lanes, claim.signature, course)
        best: dict[int, Best | None] = {lane.trial.index: lane.best for lane in lanes}
        for behind in range(lanes[0].epoch, claim.last_epoch):
            order = self._order(course, behind, claim.signature.batch_size)
            start = time.perf_counter()
            found = group.run(order, behind)
            elapsed_s = (time.perf_counter() - start) / len(found)
            measurements: list[Measurement] = []
            for trial, values in found.items():
                new, best[trial] = self._judge(trial, behind + 1, values, elapsed_s, best[trial])
                measurements.append(new)
            group.freeze(m.trial for m in measurements if m.diverged)
            ended = {m.trial for m in measurements if m.stopped}
            done = behind + 1 == claim.last_epoch or not set(group.living) - ended
            yield Progress(tuple(measurements), group.checkpoints, done)
            if done:
                return
            group.freeze(ended)

    def _order(self, course: Course, epoch: int, batch_size: int) -> NDArray[np.int32]:
        return data_order(course.seed, epoch, batch_size, self.feed.examples, course.share)


def _timed(call: Callable[[], _Found]) -> tuple[_Found, float]:
    """What a call gave, and the seconds it took."""
    start = time.perf_counter()
    found = call()
    return found, time.perf_counter() - start


def _groups(claim: Claim, width: int) -> Iterator[list[Lane]]:
    """A claim's lanes, those at the same epoch together, at most `width` in a group."""
    behind = sorted(claim.lanes, key=lambda lane: lane.epoch)
    for _, equal in groupby(behind, key=lambda lane: lane.epoch):
        lanes = list(equal)
        for first in range(0, len(lanes), width):
            yield lanes[first : first + width]
