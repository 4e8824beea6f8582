"""The broker's actor as its driver has it: made, opened, asked, closed."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from caviar.errors import StudyError
from caviar.study.spec import StudySpec
from caviar.tuning.backing import Backing
from caviar.tuning.broker_actor import BrokerActor
from caviar.tuning.cluster import here
from caviar.tuning.messages import NAMESPACE, Extra, broker_name
from caviar.tuning.placement import Plan
from caviar.tuning.preparation import Prepared

_NAME_S: Final = 20.0
"""Seconds: how long to wait for a dead driver's broker to leave its name on a shared cluster."""
_ANEW_S: Final = 1.0
_CLOSE_S: Final = 2.0


class BrokerLostError(StudyError):
    """The broker's process is gone, and the study's driver has to go, too."""


class BrokerHandle:
    """Calls the broker's methods.

    Attributes:
        actor: Ray's handle.
    """

    def __init__(self, actor: Any) -> None:
        self.actor = actor

    def call(self, method: str, *args: Any, timeout_s: float | None = None) -> Any:
        """What a method of `BrokerActor` returns.

        Raises:
            StudyError: as the method raises it; BrokerLostError if the broker is no more.
        """
        return _get(getattr(self.actor, method).remote(*args), timeout_s)

    def close(self) -> None:
        """Closes the study, as far as the broker still answers."""
        with contextlib.suppress(Exception):
            self.call("close", timeout_s=_CLOSE_S)


@contextlib.contextmanager
def brokered(
    spec: StudySpec,
    directory: Path,
    plan: Plan,
    prepared: Prepared,
    finals: Extra,
    back: Callable[[], Backing | None],
) -> Iterator[BrokerHandle]:
    """The broker as a named actor, with the study open; closed and gone afterwards.

    Args:
        spec: the study, as the run was given it.
        directory: the study's.
        plan: its slices.
        prepared: its data.
        finals: when the best are retrained.
        back: tells the storage that its checkpoints are carried to.

    Raises:
        StudyError: as `BrokerActor.open`; or a study of this name runs on the cluster.
    """
    import ray

    # Ray would keep a record of each of its calls, some kilobytes a trial.
    remote = ray.remote(num_cpus=0, max_restarts=0, enable_task_events=False)(BrokerActor)
    broker = BrokerHandle(_create(remote, broker_name(spec.name)))
    try:
        # In a list, so that Ray passes the reference and not the data.
        data = [ray.put(prepared.training)]
        study = str(directory), spec.to_json(), plan.count, os.getpid()
        opened = broker.actor.open.remote(*study, data, prepared.facts, finals, plan.now, back())
        # It takes seconds to import, and the broker's process takes as long to start.
        import ray.tune

        _get(opened)
        yield broker
    finally:
        broker.close()
        ray.kill(broker.actor)


def _create(actor: Any, name: str) -> Any:
    """Creates the named actor, waiting for a dead driver's broker to leave the name.

    Raises:
        StudyError: the name stays taken: a study of this name runs on the cluster.
    """
    deadline = time.monotonic() + _NAME_S
    options = actor.options(name=name, namespace=NAMESPACE, scheduling_strategy=here())
    while True:
        try:
            return options.remote(name)
        except ValueError as error:
            if time.monotonic() > deadline:
                raise StudyError(
                    f"name: a study named {name.partition(':')[2]} runs on this cluster"
                ) from error
            time.sleep(_ANEW_S)


def _get(reference: Any, timeout_s: float | None = None) -> Any:
    """`ray.get`, with a person's mistake raised in the other process raised here as it was.

    Raises:
        BrokerLostError: the other process is no more.
    """
    import ray

    try:
        return ray.get(reference, timeout=timeout_s)
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, StudyError):
            raise error.cause from None
        raise
    except ray.exceptions.ActorDiedError:
        raise BrokerLostError(
            "the study's broker was lost, its process was killed (was there memory enough?); what "
            "was reported is in the journal, the same command goes on"
        ) from None
