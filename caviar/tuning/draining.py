"""Nodes that announce their end, as spot machines do some minutes ahead, and autoscalers."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Final

EVERY_S: Final = 2.0
"""Seconds between two questions to Ray; clouds give notice of 30 seconds to two minutes."""


class Draining:
    """Asks the joined cluster now and then which of its nodes are soon to go."""

    def __init__(
        self,
        ask: Callable[[], Mapping[str, int]] | None = None,
        own: Callable[[], str] | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        """Nothing is asked yet.

        Args:
            ask: tells the nodes that are soon to go, each with its end in milliseconds since 1970,
                0 if that is unknown; by default Ray's.
            own: tells the driver's node.
            clock: seconds, for how often to ask.
            wall_clock: seconds since 1970.
        """
        self._ask = ask or _of_ray
        self._own = own or _own_of_ray
        self._clock = clock
        self._wall_clock = wall_clock
        self._asked: float | None = None
        self._known: dict[str, int] = {}
        self._told: set[str] = set()

    def nodes(self) -> tuple[str, ...] | None:
        """Those that are soon to go; None: there are none, or it is not time to ask again."""
        if self._asked is not None and self._clock() - self._asked < EVERY_S:
            return None
        self._asked = self._clock()
        try:
            found = dict(self._ask())
        except Exception:  # noqa: BLE001 a courtesy: a node that goes unannounced is lost, no more
            return None
        changed, self._known = found != self._known, found
        # Slices may have come to one since it was announced.
        return tuple(found) if found or changed else None

    def told(self, leaving: int) -> list[str]:
        """What a person should know of nodes that were not told of yet, a line each."""
        new = sorted(node for node in self._known if node not in self._told)
        self._told |= self._known.keys()
        lines = [self._line(node, leaving) for node in new]
        if new and self._own() in new:
            lines.append(
                "warning: that is the driver's own node: the study stops with it, and goes on from "
                "its directory or its --storage"
            )
        return lines

    def _line(self, node: str, leaving: int) -> str:
        end = self._known[node]
        left = max(0, round(end / 1000 - self._wall_clock()))
        when = f" in {left} s" if end else ""
        leave = (
            "1 slice reports and leaves" if leaving == 1 else f"{leaving} slices report and leave"
        )
        return f"node {node[:8]} is to go{when}: {leave} it"


def _of_ray() -> Mapping[str, int]:
    from ray._private.state import state  # as Ray Train does; there is no public word for it

    found: Mapping[str, int] = state.get_draining_nodes()
    return found


def _own_of_ray() -> str:
    import ray

    return str(ray.get_runtime_context().get_node_id())
