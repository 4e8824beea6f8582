"""What trains on a slice: TensorFlow, woken inside its bounds and given the data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import ray
from numpy.typing import NDArray

from caviar.train.xla_cache import use_xla_cache
from caviar.tuning.messages import Welcome
from caviar.tuning.slice import Slice, enter

if TYPE_CHECKING:
    from caviar.train.trainer import Trainer

TENSORFLOW_WORKER = "caviar.tuning.worker:tensorflow_worker"


@dataclass(frozen=True)
class TrainingData:
    """What reaches the slices, once: the test part stays with the driver, sealed.

    Attributes:
        train: examples `[n, features]` (float32, normalised) and labels `[n]` (int32).
        dev: the same of the dev part.
        classes: how many labels there are.
    """

    train: tuple[NDArray[np.float32], NDArray[np.int32]]
    dev: tuple[NDArray[np.float32], NDArray[np.int32]]
    classes: int


def tensorflow_worker(welcome: Welcome, cpus: float, gpus: float) -> tuple[Slice, Trainer]:
    """Enters the slice, wakes TensorFlow in it and puts the data on its device.

    Args:
        welcome: the study's facts, with a reference to its `TrainingData`.
        cpus: the slice's cores; less than one shares a core and pins nothing.
        gpus: the slice's cards; a fraction shares one.
    """
    use_xla_cache()
    held = enter(cpus, gpus)
    from caviar.train.trainer import Trainer

    data: Any = ray.get(welcome.data)
    trainer = Trainer(
        data.train,
        data.dev,
        classes=data.classes,
        seed=welcome.seed,
        diverged_above=welcome.diverged_above,
    )
    return held, trainer
