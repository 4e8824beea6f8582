"""What trains on a slice: TensorFlow, woken inside its bounds and given the data."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ray

from caviar.data.dataset import Dataset
from caviar.train.xla_cache import use_xla_cache
from caviar.tuning.messages import Welcome
from caviar.tuning.slice import Slice, enter

if TYPE_CHECKING:
    from caviar.train.trainer import Trainer

TENSORFLOW_WORKER = "caviar.tuning.worker:tensorflow_worker"


def tensorflow_worker(welcome: Welcome, cpus: float, gpus: float) -> tuple[Slice, Trainer]:
    """Enters the slice, wakes TensorFlow in it and puts the data on its device.

    Args:
        welcome: the study's facts, with a reference to its `Dataset`, the test part left out.
        cpus: the slice's cores; less than one shares a core and pins nothing.
        gpus: the slice's cards; a fraction shares one.
    """
    use_xla_cache()
    held = enter(cpus, gpus)
    from caviar.train.trainer import Settings, Trainer

    data: Dataset = ray.get(welcome.data)
    settings = Settings(
        seed=welcome.seed,
        diverged_above=welcome.diverged_above,
        metric=welcome.metric,
        lower_is_better=welcome.lower_is_better,
        patience=welcome.patience,
        schedule_per=welcome.schedule_per,
        feed=welcome.feed,
    )
    return held, Trainer(data, settings, memory_mib=held.memory_mib)
