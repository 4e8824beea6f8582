"""Why slices wait for a place on a cluster: what it has, and who is at work there."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from caviar.study.wording import one_line
from caviar.tuning.messages import NAMESPACE, broker_name
from caviar.tuning.status import Status

EVERY_S: Final = 5.0
"""Seconds between two questions to Ray."""
_MOST: Final = 3
"""Studies that are named."""


def lacking(
    cpus: float,
    gpus: float,
    has: Mapping[str, float],
    free: Mapping[str, float],
    studies: Iterable[str] = (),
) -> str:
    """What a slice finds no place for, in words; "" where the sums alone do not tell.

    Args:
        cpus: that it takes.
        gpus: that it takes.
        has: the cluster's resources, as Ray names them.
        free: of them those that nobody holds; what is not named is taken.
        studies: the others at work there.
    """
    for name, wanted in (("GPU", gpus), ("CPU", cpus)):
        there, left = has.get(name, 0.0), free.get(name, 0.0)
        if left < wanted and there:
            taken = f"the cluster's {_count(there, name)} {'are' if there != 1 else 'is'} taken"
            some = f"{left:g} of the cluster's {_count(there, name)} free, a slice takes {wanted:g}"
            return (some if left else taken) + _by(sorted(studies))
    return ""


def _count(number: float, name: str) -> str:
    return f"{number:g} {name}{'s' * (number != 1)}"


def _by(studies: list[str]) -> str:
    """Who is there, beside others that caviar knows nothing of."""
    named = [one_line(study) for study in studies[:_MOST]]
    more = [f"{len(studies) - _MOST} more"] if len(studies) > _MOST else []
    return f" (at work there: {', '.join(named + more)})" if named else ""


@dataclass(frozen=True)
class Found:
    """A cluster at a moment.

    Attributes:
        has: its resources, as Ray names them.
        free: of them those that nobody holds.
        actors: the names of those that have one.
        placed: how many slices of this driver have their place, whether they began to start or not;
            None: no place was asked for yet.
    """

    has: Mapping[str, float]
    free: Mapping[str, float]
    actors: tuple[str, ...] = ()
    placed: int | None = 0


class Room:
    """Asks the joined cluster now and then."""

    def __init__(
        self,
        study: str,
        cpus: float,
        gpus: float,
        ask: Callable[[], Found] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Nothing is asked yet.

        Args:
            study: whose slices wait.
            cpus: that each takes.
            gpus: that each takes.
            ask: tells how the cluster is; by default Ray's.
            clock: seconds.
        """
        self._own = broker_name(study)
        self._need = cpus, gpus
        self._ask = ask or _of_ray
        self._clock = clock
        self._asked: float | None = None
        self._placed: int | None = 0
        self._told = ""

    def seen(self, status: Status) -> Status:
        """How the study stands, with which of its slices only start, and why the others wait.

        A slice holds its place for as long as its process takes to start, on a busy machine long.
        """
        self._look()
        missing = status.planned - status.arrived
        placed = self._placed or 0
        if self._placed is None and not self._told:  # Tune itself is slow to start
            placed = status.planned
        starting = min(missing, max(status.starting, placed - status.arrived))
        return replace(status, starting=starting, room=self._told if starting < missing else "")

    def _look(self) -> None:
        """Asks, if it is time; what Ray does not say is unknown."""
        if self._asked is not None and self._clock() - self._asked < EVERY_S:
            return
        self._asked = self._clock()
        try:
            found = self._ask()
        except Exception:  # noqa: BLE001 a courtesy: the study waits whatever it is
            self._placed, self._told = 0, ""
        else:
            self._placed = found.placed
            self._told = lacking(*self._need, found.has, found.free, self._studies(found.actors))

    def _studies(self, names: Iterable[str]) -> list[str]:
        start = broker_name("")
        others = {name for name in names if name.startswith(start)} - {self._own}
        return [name.removeprefix(start) for name in others]


def _of_ray() -> Found:
    import ray
    from ray.util import list_named_actors

    actors = list_named_actors(all_namespaces=True)
    names = tuple(each["name"] for each in actors if each["namespace"] == NAMESPACE)
    return Found(ray.cluster_resources(), ray.available_resources(), names, placed())


def placed() -> int | None:
    """As in `Found`: Tune asks for a placement group for each slice."""
    import ray
    from ray.util import placement_group_table

    job = ray.get_runtime_context().get_job_id()  # with which the id of a group ends
    groups = placement_group_table()
    states = [group["state"] for name, group in groups.items() if name.endswith(job)]
    return states.count("CREATED") if states else None
