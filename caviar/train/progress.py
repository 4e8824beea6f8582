"""What training yields after every epoch; without TensorFlow, so that others can yield it too."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from caviar.study.records import Measurement


@dataclass(frozen=True)
class Progress:
    """An epoch of a group of lanes.

    Attributes:
        measurements: this epoch's, of the lanes that were alive before it.
        checkpoints: makes the checkpoints of the group's lanes as they are now, trial -> (epoch,
            bytes), without the diverged; call it before asking for the next epoch.
        done: whether the group is at its end.
    """

    measurements: tuple[Measurement, ...]
    checkpoints: Callable[[], dict[int, tuple[int, bytes]]]
    done: bool
