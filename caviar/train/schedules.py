"""Learning rates over the epochs: a schedule is a function from epochs behind to a rate.

Pure NumPy on the host, in float64: the compiled step takes the rates of an epoch's steps as an
argument and knows no schedule. With t = 0 every schedule gives alpha itself, so that the linear
warm-up before it and the schedule meet without a jump.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from caviar.errors import StudyError
from caviar.study.records import Value

_SHORTEST: Final = 1e-6
"""Epochs of a cosine whose warm-up takes all of its length."""

Time = float | NDArray[np.float64]
"""Epochs behind the warm-up, from 0: a number or many."""

_ROUNDING: Final = 1e-9
"""Share of a stair by which float64 may fall short of its edge, as 0.3 / 0.1 does of 3."""


def none(alpha: float, t: Time) -> Time:
    """The rate alpha, always."""
    return alpha + 0.0 * t


def inverse_time(alpha: float, t: Time, learning_rate_decay: float) -> Time:
    """The rate alpha / (1 + k t), k = `learning_rate_decay` >= 0; 0 keeps the rate exactly."""
    return alpha / (1.0 + learning_rate_decay * t)


def inverse_sqrt(alpha: float, t: Time, learning_rate_decay: float) -> Time:
    """The rate alpha / sqrt(1 + k t), k = `learning_rate_decay` >= 0.

    The lectures' k / sqrt(t) with its first epoch at alpha, whatever k is.
    """
    return alpha / np.sqrt(1.0 + learning_rate_decay * t)


def exponential(alpha: float, t: Time, decay_factor: float, decay_epochs: float) -> Time:
    """The rate alpha * factor^(t / decay_epochs), factor in (0, 1], `decay_epochs` > 0."""
    return alpha * decay_factor ** (t / decay_epochs)


def staircase(alpha: float, t: Time, decay_factor: float, decay_epochs: float) -> Time:
    """The rate alpha * factor^floor(t / decay_epochs): `exponential` in stairs."""
    return alpha * decay_factor ** np.floor(t / decay_epochs + _ROUNDING)


def cosine(alpha: float, t: Time, decay_epochs: float) -> Time:
    """The rate alpha * (1 + cos(pi t / decay_epochs)) / 2; 0 from `decay_epochs` on.

    Loshchilov and Hutter, "SGDR" (2017), equation 5, one period without restarts.
    """
    return alpha * (1.0 + np.cos(np.pi * np.minimum(t / decay_epochs, 1.0))) / 2.0


@dataclass(frozen=True)
class Schedule:
    """A schedule's name and formula.

    Attributes:
        name: as in a study file.
        hyperparameters: those it reads besides the learning rate, names as in a study file and as
            the function's arguments.
        function: (alpha, t, its hyperparameters by name) to the rate, of t's shape.
    """

    name: str
    hyperparameters: tuple[str, ...]
    function: Callable[..., Time]

    def __call__(self, alpha: float, t: Time, **hyperparameters: float) -> Time:
        """The learning rate at t."""
        return self.function(alpha, t, **hyperparameters)


SCHEDULES: Final[Mapping[str, Schedule]] = {
    schedule.name: schedule
    for schedule in (
        Schedule("none", (), none),
        Schedule("inverse_time", ("learning_rate_decay",), inverse_time),
        Schedule("exponential", ("decay_factor", "decay_epochs"), exponential),
        Schedule("staircase", ("decay_factor", "decay_epochs"), staircase),
        Schedule("inverse_sqrt", ("learning_rate_decay",), inverse_sqrt),
        Schedule("cosine", ("decay_epochs",), cosine),
    )
}

DEFAULTS: Final[Mapping[str, Value]] = {
    "schedule": "inverse_time",
    "learning_rate_decay": 0.0,
    "decay_factor": 0.5,
    "decay_epochs": 1.0,
    "warmup_epochs": 0.0,
}
"""Values of what a trial lacks. A cosine lacks nothing: its `decay_epochs` is the study's length,
which is not known here."""


def rates(
    hyperparameters: Mapping[str, Value],
    epoch: int,
    steps: int,
    per: Literal["epoch", "step"] = "epoch",
) -> NDArray[np.float64]:
    """The learning rate of every step of an epoch, `[steps]`.

    During the first `warmup_epochs`, which may be a fraction, the rate grows linearly with every
    step, and its last step has all of alpha. Behind them t counts whole epochs, the first that is
    free of warm-up being 0; or, per step, the fraction of epochs behind. A cosine's `decay_epochs`
    count from the very beginning, the warm-up included.

    Args:
        hyperparameters: the trial's by flat name; what is missing takes `DEFAULTS`.
        epoch: epochs behind, from 0.
        steps: in the epoch.
        per: whether the rate changes with the epoch or with every step.

    Raises:
        StudyError: there is no learning rate, no such schedule, or a cosine without its length.
    """
    schedule = _schedule(hyperparameters)
    alpha = _number(hyperparameters, "learning_rate", schedule)
    warmup = _number(hyperparameters, "warmup_epochs", schedule)
    own = {name: _number(hyperparameters, name, schedule) for name in schedule.hyperparameters}
    if schedule.name == "cosine":  # its length includes the warm-up: it ends where the study does
        own["decay_epochs"] = max(own["decay_epochs"] - warmup, _SHORTEST)
    t: Time = float(epoch - math.ceil(warmup))
    if per == "step":
        t = epoch + np.arange(steps) / steps - warmup
    with np.errstate(over="ignore", under="ignore"):  # the limits are right: a rate of 0, a whole
        return schedule(alpha, np.maximum(t, 0.0), **own) * _warm(epoch, steps, warmup)


def _warm(epoch: int, steps: int, warmup: float) -> NDArray[np.float64]:
    """The share of the rate that each step of an epoch has, in (0, 1]."""
    if epoch >= warmup:
        return np.ones(steps)
    return np.minimum((epoch + np.arange(1, steps + 1) / steps) / warmup, 1.0)


def _schedule(hyperparameters: Mapping[str, Value]) -> Schedule:
    name = hyperparameters.get("schedule", DEFAULTS["schedule"])
    if name not in SCHEDULES:
        known = ", ".join(SCHEDULES)
        raise StudyError(f"training.schedule: must be one of {known}, got {name!r}")
    return SCHEDULES[str(name)]


def _number(hyperparameters: Mapping[str, Value], name: str, schedule: Schedule) -> float:
    needed = name == "decay_epochs" and schedule.name == "cosine"
    value = hyperparameters.get(name, None if needed else DEFAULTS.get(name))
    if value is None:
        raise StudyError(f"training.{name}: is needed to train, got none")
    return float(value)
