"""Workers that only pretend to train, so that everything around training can be tested quickly."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Iterator, Mapping
from typing import Any

from caviar.study.records import Claim, Lane, Measurement, Signature
from caviar.train.progress import Progress
from caviar.tuning.messages import Welcome
from caviar.tuning.slice import Cores, Slice, card_memory_mib, memory_limit_mib

POISON = 5
"""The trial that fails at every try in `poisonous` and `deadly`."""


def curve(trial: int, epoch: int) -> tuple[float, float]:
    """Dev loss and accuracy: better with epochs, and one order of trials at every rung."""
    quality = (trial * 7919 % 101) / 101
    loss = (0.2 + quality) / math.sqrt(epoch)
    return loss, 1.0 / (1.0 + loss)


def checkpoint(trial: int, epoch: int) -> bytes:
    return json.dumps({"trial": trial, "epoch": epoch}).encode()


class StandIn:
    """A `Worker`: epochs take `epoch_s`; it insists on the checkpoints that it wrote."""

    def __init__(self, epoch_s: float = 0.0) -> None:
        self.warm: frozenset[Signature] = frozenset()
        self.epoch_s = epoch_s

    def choose_width(
        self, signature: Signature, expected_lane_epochs: int
    ) -> tuple[int, Mapping[str, Any]]:
        return 1, {"rule": "stand-in", "expected": expected_lane_epochs}

    def train(self, claim: Claim, width: int) -> Iterator[Progress]:
        self.warm |= {claim.signature}
        for lane in claim.lanes:
            self._check(lane)
            yield from self._train(lane, claim.last_epoch)

    def _check(self, lane: Lane) -> None:
        trial, parent = lane.trial, lane.trial.parent
        expected = checkpoint(trial.index, lane.epoch) if lane.epoch else None
        if parent is not None and lane.epoch == parent[1]:
            expected = checkpoint(*parent)
        if lane.checkpoint != expected:
            raise ValueError(f"trial {trial.index}: {lane.checkpoint!r} is not {expected!r}")

    def _train(self, lane: Lane, last_epoch: int) -> Iterator[Progress]:
        trial = lane.trial.index
        for epoch in range(lane.epoch + 1, last_epoch + 1):
            time.sleep(self.epoch_s)
            loss, accuracy = curve(trial, epoch)
            measured = Measurement(trial, epoch, loss, accuracy, loss, accuracy, self.epoch_s)
            files = {trial: (epoch, checkpoint(trial, epoch))}
            yield Progress((measured,), lambda files=files: files, epoch == last_epoch)


class Gated(StandIn):
    """Goes slowly until the file $STAND_IN_GATE is there."""

    @property
    def epoch_s(self) -> float:
        return 0.0 if os.path.exists(os.environ["STAND_IN_GATE"]) else 0.4

    @epoch_s.setter
    def epoch_s(self, _: float) -> None:
        pass


class Poisonous(StandIn):
    """Trial `POISON` raises, whoever is beside it."""

    def _check(self, lane: Lane) -> None:
        if lane.trial.index == POISON:
            raise RuntimeError("poison")


class Deadly(StandIn):
    """Trial `POISON` kills the process."""

    def _check(self, lane: Lane) -> None:
        if lane.trial.index == POISON:
            os._exit(3)


def _slice() -> Slice:
    return Slice(Cores())


def quick(welcome: Welcome, cpus: float, gpus: float) -> tuple[Slice, StandIn]:
    return _slice(), StandIn()


def slow(welcome: Welcome, cpus: float, gpus: float) -> tuple[Slice, StandIn]:
    return _slice(), StandIn(epoch_s=0.05)


def endless(welcome: Welcome, cpus: float, gpus: float) -> tuple[Slice, StandIn]:
    return _slice(), StandIn(epoch_s=1.0)


def gated(welcome: Welcome, cpus: float, gpus: float) -> tuple[Slice, StandIn]:
    return _slice(), Gated()


def poisonous(welcome: Welcome, cpus: float, gpus: float) -> tuple[Slice, StandIn]:
    return _slice(), Poisonous()


def deadly(welcome: Welcome, cpus: float, gpus: float) -> tuple[Slice, StandIn]:
    return _slice(), Deadly()


def broken(welcome: Welcome, cpus: float, gpus: float) -> tuple[Slice, StandIn]:
    raise RuntimeError("this slice never starts")


def seeing(welcome: Welcome, cpus: float, gpus: float) -> tuple[Slice, StandIn]:
    """Takes its share of a card as the real worker does, but for TensorFlow."""
    cards = tuple(os.environ["CUDA_VISIBLE_DEVICES"].split(","))
    total = card_memory_mib(cards[0])
    assert total is not None
    return Slice(Cores(), cards, memory_limit_mib(total, gpus)), StandIn(epoch_s=0.02)
