"""Lanes in training together: one state, one call of the compiled epoch a time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Literal, NamedTuple

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from caviar.study.records import Lane, Signature, Watch
from caviar.train import checkpoint
from caviar.train.arguments import EpochNumbers
from caviar.train.checkpoint import CheckpointError, Header
from caviar.train.epoch import CompiledEpoch, EpochScores
from caviar.train.lanes import initial_state, number, padded, trial_shape, unpadded
from caviar.train.order import random_key
from caviar.train.schedules import rates
from caviar.train.state import State
from caviar.train.watching import watch_of


class Values(NamedTuple):
    """What an epoch gave a lane.

    Attributes:
        train_loss: mean over the epoch's steps.
        train_accuracy: likewise.
        dev_loss: mean over the dev part after the epoch.
        dev_accuracy: likewise.
        finite: whether the lane's state is finite.
        watch: what its layers did.
    """

    train_loss: float
    train_accuracy: float
    dev_loss: float
    dev_accuracy: float
    finite: bool
    watch: Watch


class Course(NamedTuple):
    """What all groups of a study have in common.

    Attributes:
        seed: the study's; weights and all randomness in training follow from it.
        normalisation: the mean and standard deviation that inputs are standardised by.
        schedule_per: whether learning rates change with the epoch or with every step.
        share: of the training part that is trained on.
        shares_weights: whether networks of one shape begin with the same weights, whichever trial
            they are; else each has its own.
    """

    seed: int
    normalisation: Mapping[str, NDArray[np.float32]]
    schedule_per: Literal["epoch", "step"] = "epoch"
    share: float = 1.0
    shares_weights: bool = False


class Group:
    """At most `width` lanes at the same epoch; dead lanes of zeros fill up the call."""

    def __init__(self, epoch: CompiledEpoch, lanes: Sequence[Lane], signature: str, course: Course):
        """Use `begin` or `dead`."""
        self._epoch = epoch
        self._lanes = list(lanes)
        self._state = _dead_lanes(epoch, epoch.width)
        self._signature = signature
        self._course = course
        self._behind = lanes[0].epoch if lanes else 0
        self.living = [lane.trial.index for lane in lanes]
        """Trials that neither diverged nor stopped, lane by lane."""
        self._shapes = [trial_shape(lane.trial, epoch.recipe.network.shape) for lane in lanes]

    @classmethod
    def begin(
        cls, epoch: CompiledEpoch, lanes: Sequence[Lane], signature: Signature, course: Course
    ) -> Group:
        """New trials from their seed, others from their checkpoint.

        Raises:
            CheckpointError: a checkpoint is neither of its trial nor of the trial's parent, or at
                another epoch than it says.
        """
        group = cls(epoch, lanes, str(signature), course)
        whole, optimizer = epoch.recipe.network.shape, epoch.recipe.optimizer
        states = [padded(group._restore(place), whole, optimizer) for place in range(len(lanes))]
        rows = [epoch.layout.pack(state) for state in states]
        group._state = tf.concat([*rows, _dead_lanes(epoch, epoch.width - len(lanes))], 0)
        return group

    @classmethod
    def dead(cls, epoch: CompiledEpoch, course: Course) -> Group:
        """Nothing but dead lanes: to compile, or to measure."""
        return cls(epoch, (), "", course)

    def run(
        self, order: NDArray[np.int32], behind: int, steps: int | None = None
    ) -> dict[int, Values]:
        """Trains an epoch; what it gave, for the lanes living before it.

        Args:
            order: of the examples, `[steps * batch_size]`.
            behind: epochs the lanes have behind them.
            steps: as for `CompiledEpoch`.
        """
        self._state, scores = self._epoch(self._state, self._numbers(behind), order, steps)
        self._behind = behind + 1
        return {
            lane.trial.index: self._values(scores, place)
            for place, lane in enumerate(self._lanes)
            if lane.trial.index in self.living
        }

    def freeze(self, trials: Iterable[int]) -> None:
        """Takes trials out: no more values and no checkpoint of theirs."""
        out = set(trials)
        self.living = [trial for trial in self.living if trial not in out]

    def checkpoints(self) -> dict[int, tuple[int, bytes]]:
        """Trial -> (epoch, checkpoint) of the living lanes as they are now."""
        arrays = tf.nest.map_structure(lambda t: t.numpy(), self._epoch.layout.unpack(self._state))
        return {
            lane.trial.index: (self._behind, self._save(arrays, place))
            for place, lane in enumerate(self._lanes)
            if lane.trial.index in self.living
        }

    def _values(self, scores: EpochScores, place: int) -> Values:
        single = {name: float(getattr(scores, name)[place]) for name in Values._fields[:4]}
        watch = watch_of(
            len(self._shapes[place].units),
            scores.gradient_norm[:, place],
            scores.weight_norm[:, place],
            scores.idle[:, place],
        )
        return Values(**single, finite=bool(scores.finite[place]), watch=watch)

    def _restore(self, place: int) -> State:
        lane, shape, optimizer = (
            self._lanes[place],
            self._shapes[place],
            self._epoch.recipe.optimizer,
        )
        if lane.checkpoint is None:
            course = self._course
            trial = replace(lane.trial, index=0) if course.shares_weights else lane.trial
            return initial_state(shape, optimizer, course.seed, trial, self._epoch.dtype)
        state, whose = checkpoint.load(lane.checkpoint, shape, optimizer)
        _check_is_of(lane, whose)
        return state

    def _save(self, arrays: State, place: int) -> bytes:
        lane = self._lanes[place]
        mine = tf.nest.map_structure(lambda a: a[place : place + 1], arrays)
        state = unpadded(mine, self._shapes[place], self._epoch.recipe.optimizer)
        values = dict(lane.trial.hyperparameters)
        head = Header(lane.trial.index, self._behind, values, self._signature)
        return checkpoint.save(state, head, self._course.normalisation)

    def _numbers(self, behind: int) -> EpochNumbers:
        """What the coming epoch is trained with; dead lanes stand still on the defaults."""
        epoch, width = self._epoch, self._epoch.width
        lanes = [lane.trial.hyperparameters for lane in self._lanes]
        dead = width - len(lanes)
        hyper = {
            name: np.array([number(h, name) for h in lanes] + [number({}, name)] * dead)
            for name in epoch.recipe.numbers
        }
        columns = np.zeros((epoch.steps, width))
        for place, h in enumerate(lanes):
            columns[:, place] = rates(h, behind, epoch.steps, self._course.schedule_per)
        units = np.zeros((width, epoch.recipe.depth), np.int32)
        for place, shape in enumerate(self._shapes):
            units[place, : len(shape.units)] = shape.units
        return EpochNumbers(hyper, columns, units, random_key(self._course.seed, behind))


def _check_is_of(lane: Lane, whose: Header) -> None:
    """Refuses what is neither the trial at its epoch nor the parent that it goes on from.

    Raises:
        CheckpointError: saying what was expected and what came.
    """
    found = (whose.trial, whose.epoch)
    own = (lane.trial.index, lane.epoch)
    if found == own or (found == lane.trial.parent and whose.epoch == lane.epoch):
        return
    parent = f" or its parent, trial {lane.trial.parent[0]}" if lane.trial.parent else ""
    raise CheckpointError(
        f"must be trial {lane.trial.index}{parent} at epoch {lane.epoch}, "
        f"got trial {whose.trial} at epoch {whose.epoch}"
    )


def _dead_lanes(epoch: CompiledEpoch, count: int) -> tf.Tensor:
    return tf.zeros((count, epoch.layout.numbers), epoch.dtype)
