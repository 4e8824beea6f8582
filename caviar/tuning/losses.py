"""Tells the broker at once when Ray Tune finds a slice dead, and whether its node died with it.

A process that dies alone may have died of what it trained, and that is a failed try of its trials.
A node that is lost, as spot machines are, is nobody's fault.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import ray
from ray import tune

from caviar.study.facts import Outcome
from caviar.tuning.messages import slice_name

LOOKS_S: Final = (0.0, 0.5, 1.0, 1.5)
"""Pauses before each look at a dead slice's node: when a machine is taken away its processes end
one by one, and a slice may go before Ray's own."""
_ANSWER_S: Final = 1.0


class LostSlices(tune.Callback):
    """Reports a slice that Tune starts again, so that its assignment need not wait for it.

    The slice may come back late or, when its node is gone, never.
    """

    def __init__(self, broker: Any) -> None:
        self._broker = broker

    def on_trial_recover(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Called by Tune when a trainable failed and will be started again."""
        name = slice_name(trial.config["study"], trial.config["slice"])
        aside = self._broker.set_aside.remote(name)
        # Looking takes seconds, and Tune's loop has other slices to serve.
        threading.Thread(target=self._judge, args=(aside,), name="judge", daemon=True).start()

    def _judge(self, aside: Any) -> None:
        """Tells the broker how a slice was lost, once that is known."""
        # The driver may be going meanwhile; then nobody cares any more.
        with contextlib.suppress(Exception):
            # However long a busy broker takes: without a verdict nobody would ever train it.
            node, held = ray.get(aside)
            if held is not None:
                self._broker.lose.remote(held, *verdict(node, _nodes))


def verdict(node_id: str, nodes: Callable[[], Sequence[Mapping[str, Any]]]) -> tuple[str, Outcome]:
    """Whose fault it is that a slice is gone, in words and for the journal; never fails.

    Args:
        node_id: the node it was ready on, or "".
        nodes: as `ray.nodes`.
    """
    lost = False
    if node_id:
        with contextlib.suppress(Exception):  # who cannot be asked has not said that it is gone
            lost = is_lost(node_id, nodes)
    if lost:
        return "its node was lost", Outcome.INTERRUPTED
    return "its slice died", Outcome.LOST


def is_lost(
    node_id: str,
    nodes: Callable[[], Sequence[Mapping[str, Any]]],
    answers: Callable[[str, int], bool] | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> bool:
    """Whether a node is gone, or goes within some seconds.

    Ray may take half a minute to declare a node dead whose own process no longer answers.

    Args:
        node_id: Ray's.
        nodes: as `ray.nodes`.
        answers: whether anybody listens at a host and port.
        sleep: waits so many seconds.
    """
    for pause_s in LOOKS_S:
        sleep(pause_s)
        found = [node for node in nodes() if node["NodeID"] == node_id and node["Alive"]]
        if not found:
            return True
        where = found[0]["NodeManagerAddress"], found[0]["NodeManagerPort"]
        if not (answers or _answers)(*where):
            return True
    return False


def _nodes() -> list[dict[str, Any]]:
    if not ray.is_initialized():
        # Asked all the same, Ray would start a cluster.
        raise RuntimeError("the driver has left the cluster")
    found: list[dict[str, Any]] = ray.nodes()
    return found


def _answers(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=_ANSWER_S).close()
    except OSError:
        return False
    return True
