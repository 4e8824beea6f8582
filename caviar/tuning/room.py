"""Why slices wait for a place on a cluster: what it has, and who is at work there."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from caviar.study.wording import one_line
from caviar.tuning.messages import NAMESPACE, broker_name

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


class Room:
    """Asks the joined cluster now and then."""

    def __init__(
        self,
        study: str,
        cpus: float,
        gpus: float,
        ask: Callable[[], tuple[Mapping[str, float], Mapping[str, float], list[Any]]] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Nothing is asked yet.

        Args:
            study: whose slices wait.
            cpus: that each takes.
            gpus: that each takes.
            ask: tells what the cluster has, what is free, and the names of its named actors; by
                default Ray's.
            clock: seconds.
        """
        self._own = broker_name(study)
        self._need = cpus, gpus
        self._ask = ask or _of_ray
        self._clock = clock
        self._asked: float | None = None
        self._told = ""

    def told(self) -> str:
        """As `lacking`; "" also where Ray does not say."""
        if self._asked is None or self._clock() - self._asked >= EVERY_S:
            self._asked = self._clock()
            try:
                has, free, names = self._ask()
            except Exception:  # noqa: BLE001 a courtesy: the study waits whatever it is
                self._told = ""
            else:
                self._told = lacking(*self._need, has, free, self._studies(names))
        return self._told

    def _studies(self, names: Iterable[str]) -> list[str]:
        start = broker_name("")
        others = {name for name in names if name.startswith(start)} - {self._own}
        return [name.removeprefix(start) for name in others]


def _of_ray() -> tuple[Mapping[str, float], Mapping[str, float], list[Any]]:
    import ray
    from ray.util import list_named_actors

    actors = list_named_actors(all_namespaces=True)
    names = [each["name"] for each in actors if each["namespace"] == NAMESPACE]
    return ray.cluster_resources(), ray.available_resources(), names
