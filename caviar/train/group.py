"""Lanes in training together: one state, one call of the compiled epoch a time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from caviar.nn.network import Shape
from caviar.study.records import Lane, Signature
from caviar.train import checkpoint
from caviar.train.checkpoint import CheckpointError, Header
from caviar.train.epoch import CompiledEpoch
from caviar.train.lanes import NUMBERS, initial_state, number, padded, trial_shape, unpadded
from caviar.train.schedules import inverse_time
from caviar.train.state import State

Values = tuple[float, float, float, float, bool]
"""Train loss and accuracy, dev loss and accuracy, whether the state is finite."""


class Group:
    """At most `width` lanes at the same epoch; dead lanes of zeros fill up the call."""

    def __init__(
        self, epoch: CompiledEpoch, lanes: Sequence[Lane], state: tf.Tensor, signature: str
    ):
        """Use `begin` or `dead`."""
        self._epoch = epoch
        self._lanes = list(lanes)
        self._state = state
        self._signature = signature
        self._behind = lanes[0].epoch if lanes else 0
        self.living = [lane.trial.index for lane in lanes]
        """Trials that have not diverged, lane by lane."""
        self._active = np.zeros((epoch.width, len(epoch.network.shape.units)), bool)
        for place, lane in enumerate(lanes):
            self._active[place, : len(self._shape(lane).units)] = True

    @classmethod
    def begin(
        cls, epoch: CompiledEpoch, lanes: Sequence[Lane], signature: Signature, seed: int
    ) -> Group:
        """New trials from their seed, others from their checkpoint.

        Raises:
            CheckpointError: a checkpoint is not of its trial, or at another epoch than it says.
        """
        group = cls(epoch, lanes, _dead_lanes(epoch, epoch.width), str(signature))
        whole, optimizer = epoch.network.shape, epoch.optimizer
        states = [padded(group._restore(lane, seed), whole, optimizer) for lane in lanes]
        rows = [epoch.layout.pack(state) for state in states]
        group._state = tf.concat([*rows, _dead_lanes(epoch, epoch.width - len(lanes))], 0)
        return group

    @classmethod
    def dead(cls, epoch: CompiledEpoch) -> Group:
        """Nothing but dead lanes: to compile, or to measure."""
        return cls(epoch, (), _dead_lanes(epoch, epoch.width), "")

    def run(
        self, order: NDArray[np.int32], behind: int, steps: int | None = None
    ) -> dict[int, Values]:
        """Trains an epoch; what it gave, for the lanes living before it.

        Args:
            order: of the examples, `[steps * batch_size]`.
            behind: epochs the lanes have behind them.
            steps: as for `CompiledEpoch`.
        """
        self._state, scores = self._epoch(
            self._state, self._numbers(behind), self._active, order, steps
        )
        values = zip(*(part.tolist() for part in scores), strict=True)
        self._behind = behind + 1
        found = zip(self._lanes, values, strict=False)
        return {lane.trial.index: v for lane, v in found if lane.trial.index in self.living}

    def freeze(self, trials: Iterable[int]) -> None:
        """Takes trials out: no more values and no checkpoint of theirs."""
        out = set(trials)
        self.living = [trial for trial in self.living if trial not in out]

    def checkpoints(self) -> dict[int, tuple[int, bytes]]:
        """Trial -> (epoch, checkpoint) of the living lanes as they are now."""
        arrays = tf.nest.map_structure(lambda t: t.numpy(), self._epoch.layout.unpack(self._state))
        return {
            lane.trial.index: (self._behind, self._save(arrays, place, lane))
            for place, lane in enumerate(self._lanes)
            if lane.trial.index in self.living
        }

    def _shape(self, lane: Lane) -> Shape:
        return trial_shape(lane.trial, self._epoch.network.shape)

    def _restore(self, lane: Lane, seed: int) -> State:
        shape, optimizer = self._shape(lane), self._epoch.optimizer
        if lane.checkpoint is None:
            return initial_state(shape, optimizer, seed, lane.trial.index, self._epoch.dtype)
        state, whose = checkpoint.load(lane.checkpoint, shape, optimizer)
        if (whose.trial, whose.epoch) != (lane.trial.index, lane.epoch):
            raise CheckpointError(
                f"must be trial {lane.trial.index} at epoch {lane.epoch}, "
                f"got trial {whose.trial} at epoch {whose.epoch}"
            )
        return state

    def _save(self, arrays: State, place: int, lane: Lane) -> bytes:
        mine = tf.nest.map_structure(lambda a: a[place : place + 1], arrays)
        state = unpadded(mine, self._shape(lane), self._epoch.optimizer)
        values = dict(lane.trial.hyperparameters)
        return checkpoint.save(
            state, Header(lane.trial.index, self._behind, values, self._signature)
        )

    def _numbers(self, behind: int) -> dict[str, NDArray[np.float64]]:
        """Hyperparameters `[width]` of the coming epoch; dead lanes stand still on the defaults."""
        lanes = [lane.trial.hyperparameters for lane in self._lanes]
        dead = self._epoch.width - len(lanes)
        vectors = {}
        for name in NUMBERS:
            idle = 0.0 if name == "learning_rate" else number({}, name)
            vectors[name] = np.array([number(h, name) for h in lanes] + [idle] * dead)
        for place, h in enumerate(lanes):
            decay = number(h, "learning_rate_decay")
            rate = vectors["learning_rate"][place]
            vectors["learning_rate"][place] = inverse_time(rate, decay, behind)
        return vectors


def _dead_lanes(epoch: CompiledEpoch, count: int) -> tf.Tensor:
    return tf.zeros((count, epoch.layout.numbers), epoch.dtype)
