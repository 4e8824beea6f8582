"""A slice at work: the long-lived Ray Tune trainable that claims assignments and trains them.

Ray Tune places it, pins it to its share of a machine, restarts it and shows it. It has no state
worth saving: what it trained is with the broker, what it had not reported is trained again.
"""

from __future__ import annotations

import importlib
import itertools
import math
import os
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

import ray
from ray import tune

from caviar.study.records import Claim, Measurement, Settled, Signature
from caviar.tuning.messages import (
    NAMESPACE,
    Answer,
    Finished,
    Move,
    Wait,
    Welcome,
    slice_name,
)

if TYPE_CHECKING:
    from caviar.train.progress import Progress
    from caviar.tuning.slice import Slice

STEP_S = 1.0
"""How long a step goes on claiming, in seconds: Tune handles one result a step, not an epoch."""

ANEW_S = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0)
"""Pauses in seconds before a broker that is out of reach is asked again: a broken connection is no
trial's fault, and a training that ends by it would count as a failed try."""

SAID = 16
"""Trials of an assignment that its line in the log names."""

_REPORT_SHARE = 20
"""A report may take a twentieth of the time: the next comes after 20 times what the last took."""

_SHORTEST_REPORT_S = 2.0


class MovedError(Exception):
    """The slice leaves its node; Tune starts it again where there is room."""


class Worker(Protocol):
    """What trains: `caviar.train.trainer.Trainer`, or a stand-in of a test or benchmark."""

    @property
    def warm(self) -> frozenset[Signature]:
        """Signatures whose compiled step is ready."""
        ...

    def choose_width(
        self, signature: Signature, expected_lane_epochs: int
    ) -> tuple[int, Mapping[str, Any]]:
        """How many lanes one call shall take, and what that was concluded from."""
        ...

    def train(self, claim: Claim, width: int) -> Iterator[Progress]:
        """Trains the claim's lanes, epoch after epoch."""
        ...


def load_factory(path: str) -> Any:
    """The function or class that `module:name` stands for."""
    module, _, name = path.partition(":")
    return getattr(importlib.import_module(module), name)


class SliceTrainable(tune.Trainable):
    """One slice of the cluster, claiming and training assignments until the study is done.

    Its `config`, kept tiny because Tune copies it everywhere: `study` and `broker` (names),
    `slice` (number), `cpus`, `gpus`, `extra` (further resources), `labels` (of its node), `worker`
    (`module:name` of what makes the Worker).
    """

    @classmethod
    def default_resource_request(cls, config: dict[str, Any]) -> tune.PlacementGroupFactory:
        """The slice as Ray places it; `config` is the trainable's."""
        bundle = {"CPU": float(config["cpus"])}
        if config["gpus"]:
            bundle["GPU"] = float(config["gpus"])
        bundle |= config.get("extra") or {}
        labels = config.get("labels")
        # Not given at all where there are none: clusters before Ray 2.49 know no labels.
        more = {"bundle_label_selector": [dict(labels)]} if labels else {}
        return tune.PlacementGroupFactory([bundle], **more)

    def setup(self, config: dict[str, Any]) -> None:
        """Enters the slice and fetches the data; called by Tune in a new process."""
        self._name = slice_name(config["study"], config["slice"])
        self._broker = ray.get_actor(config["broker"], namespace=NAMESPACE)
        self._held: Slice | None = None
        self._order: Claim | Wait | Finished | Move | None = None
        self._said = -math.inf
        try:
            welcome: Welcome = self._ask("welcome", self._name)
            self._checkpoint_s = welcome.checkpoint_s
            self._numbers = itertools.count(welcome.first_claim)
            make = load_factory(config["worker"])
            self._held, self._worker = make(welcome, config["cpus"], config["gpus"])
            handle = ray.get_runtime_context().current_actor
            self._ask("arrived", self._name, self._describe(), [handle])
        except Exception as error:
            # Tune starts a failed trainable again for ever; the broker counts and gives up.
            self._ask("start_failed", self._name, _one_line(error))
            raise

    def __repr__(self) -> str:
        """How the dashboard names the actor: study and slice; asked once, when it is made."""
        return getattr(self, "_name", type(self).__name__)

    def step(self) -> dict[str, Any]:
        """Claims and trains for about a second, or one assignment if that takes longer."""
        began = time.monotonic()
        epochs = 0
        while True:
            order = self._order or self._ask("claim", self._name, *self._next_claim())
            self._order = None
            if isinstance(order, Move):
                raise MovedError(order.why)
            if isinstance(order, Finished):
                return {"done": True, "lane_epochs": epochs, "why": order.why}
            if isinstance(order, Wait):
                time.sleep(order.seconds)
            else:
                epochs += self._work(order)
            if time.monotonic() - began > STEP_S:
                return {"done": False, "lane_epochs": epochs}

    def cleanup(self) -> None:
        """Lets go of the cores."""
        if self._held is not None:
            self._held.cores.release()

    def _work(self, claim: Claim) -> int:
        """Trains a claim; returns the lane-epochs it took."""
        self._say(claim)
        report = _Report(self._broker, self._name, claim, self._checkpoint_s)
        try:
            claim, width = self._settled(claim)
            for progress in self._worker.train(claim, width):
                if not report.add(progress):
                    break
            else:
                self._order = report.send(True, *self._next_claim()).order
        except Exception as error:  # noqa: BLE001 whatever goes wrong in training is a failed try
            self._ask("abandon", self._name, claim.assignment, claim.attempt, _one_line(error))
        return report.epochs

    def _next_claim(self) -> tuple[tuple[Signature, ...], int]:
        """What is compiled, and the claim's number, by which it can be asked again."""
        return tuple(self._worker.warm), next(self._numbers)

    def _say(self, claim: Claim) -> None:
        """Tells the actor's log what it is at: the dashboard shows it, and no repr can change."""
        now = time.monotonic()
        if now - self._said >= STEP_S:
            self._said = now
            # To stderr: it is what the actor's page opens with.
            print(f"{self._name}: {told_of(claim)}", file=sys.stderr, flush=True)  # noqa: T201

    def _settled(self, claim: Claim) -> tuple[Claim, int]:
        """The claim with its precision, and its width; measured first if nobody has yet."""
        if claim.width is not None:
            return claim, claim.width
        width, evidence = self._worker.choose_width(claim.signature, claim.expected_lane_epochs)
        settled: Settled = self._ask("settle", claim.signature, width, dict(evidence))
        return replace(claim, precision=settled.precision), settled.width

    def _ask(self, method: str, *args: Any) -> Any:
        return answered(getattr(self._broker, method), *args)

    def _describe(self) -> dict[str, Any]:
        node = ray.util.get_node_ip_address()
        node_id = ray.get_runtime_context().get_node_id()
        return {"pid": os.getpid(), "node": node, "node_id": node_id, "held": str(self._held)}


class _Report:
    """What an assignment has to tell: measurements always travel with their checkpoint.

    So no epoch in the journal is ever trained again, whenever the slice dies.
    """

    def __init__(self, broker: Any, name: str, claim: Claim, checkpoint_s: float) -> None:
        self._broker = broker
        self._head = (name, claim.assignment, claim.attempt)
        self._checkpoint_s = checkpoint_s
        self._measurements: list[Measurement] = []
        self._checkpoints: dict[int, tuple[int, bytes]] = {}
        self._due = time.monotonic() + _SHORTEST_REPORT_S
        self.epochs = 0

    def add(self, progress: Progress) -> bool:
        """Takes an epoch's results, reports if it is time; False when the slice shall stop."""
        self._measurements += progress.measurements
        self.epochs += len(progress.measurements)
        late = time.monotonic() > self._due
        # A lane that stopped early is not in any later checkpoint.
        ended = any(m.stopped for m in progress.measurements)
        if late or progress.done or ended:
            self._checkpoints |= progress.checkpoints()
        return self.send(False).go_on if late else True

    def send(self, complete: bool, *claim: object) -> Answer:
        """Reports; at the assignment's end, with the next `claim`, the answer holds its order."""
        began = time.monotonic()
        given = tuple(self._measurements), self._checkpoints, complete, *claim
        answer: Answer = answered(self._broker.report, *self._head, *given)
        took = time.monotonic() - began
        pause = min(max(_REPORT_SHARE * took, _SHORTEST_REPORT_S), self._checkpoint_s)
        self._due = time.monotonic() + pause
        self._measurements = []
        self._checkpoints = {}
        return answer


def answered(method: Any, *args: Any) -> Any:
    """What the broker answers, asked again while the connection to it is broken.

    It may have heard what it had no way to answer: a report that comes twice is taken once, and a
    claim that comes twice, with its number, is given the same.

    Args:
        method: the broker's, as its handle has it.
        args: for it.
    """
    for pause_s in ANEW_S:
        try:
            return ray.get(method.remote(*args))
        except ray.exceptions.ActorUnavailableError:
            time.sleep(pause_s)
    return ray.get(method.remote(*args))


def told_of(claim: Claim) -> str:
    """A claim in words, as `2 lanes, epochs 3-9: trials 7, 12`."""
    lanes, first = len(claim.lanes), min(lane.epoch for lane in claim.lanes)
    trials = ", ".join(str(lane.trial.index) for lane in claim.lanes[:SAID])
    more = ", ..." if lanes > SAID else ""
    plural = "s" * (lanes != 1)
    return f"{lanes} lane{plural}, epochs {first}-{claim.last_epoch}: trial{plural} {trials}{more}"


def _one_line(error: BaseException) -> str:
    text = " ".join(str(error).split())[:500]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
