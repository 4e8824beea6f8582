"""The cluster's head: a driver without one leaves, where Ray itself would hang for a minute."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable
from typing import Final

EVERY_S: Final = 1.0
GONE_S: Final = 3.0
"""Seconds for which nobody listens at the head's port before it is given up: its machine says so
itself, and a head that comes again at once is another cluster, which knows nothing of this one."""
SILENT_S: Final = 30.0
"""Seconds for which nothing at all is heard of its machine: a network may break for a moment."""
LASTING: Final = "RAY_gcs_rpc_server_reconnect_timeout_s"
"""Set where a cluster is made to survive its head, as KubeRay does: how long its nodes wait."""
_ANSWER_S: Final = 2.0


class Head:
    """Looks whether somebody listens where the cluster's head is, until it is lost."""

    def __init__(
        self,
        address: str,
        lost: Callable[[], None],
        connect: Callable[[str, int], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
        patience_s: float | None = None,
    ) -> None:
        """Nothing is looked at yet.

        Args:
            address: host:port of the cluster's GCS.
            lost: called once, when the head is gone.
            connect: raises OSError when nobody listens at a host and port.
            clock: seconds.
            patience_s: how long a head that is gone may come again; by default `patience`.
        """
        host, _, port = address.rpartition(":")
        self._where = host.strip("[]"), int(port)
        self._lost = lost
        self._connect = connect or _connect
        self._clock = clock
        self._patience_s = patience() if patience_s is None else patience_s
        self._heard = clock()
        self._silent = False

    def watch(self, done: threading.Event) -> None:
        """Looks about once a second until `done`, or the head is lost."""
        while not done.wait(EVERY_S):
            if self.is_lost():
                self._lost()
                return

    def is_lost(self) -> bool:
        """Looks once; whether it is gone for good."""
        try:
            self._connect(*self._where)
        except ConnectionRefusedError:
            self._silent = False
        except OSError:
            self._silent = True
        else:
            self._heard = self._clock()
            return False
        patience_s = max(SILENT_S if self._silent else GONE_S, self._patience_s)
        return self._clock() - self._heard >= patience_s


def patience() -> float:
    """Seconds for which the cluster itself waits for its head to come again; 0: it does not."""
    try:
        return float(os.environ.get(LASTING, "0"))
    except ValueError:
        return 0.0


def _connect(host: str, port: int) -> None:
    socket.create_connection((host, port), timeout=_ANSWER_S).close()
