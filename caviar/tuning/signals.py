"""Ctrl-C and SIGTERM: the first stops the study in order, the second at once."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from typing import Any


class Interrupted(BaseException):
    """A signal came while nothing was at work that would have to be stopped in order."""


class Signals:
    """Handles SIGINT and SIGTERM while it is entered; enter after `ray.init`, which sets its own.

    While Tune's loop runs, the first one is only noted in `stopping`, for those to act on who can
    (an exception would leave Tune by way of its farewells, which wait for every slice); elsewhere
    it raises `Interrupted`. The second one ends the process at once.

    Attributes:
        came: the first signal's number, or 0.
        stopping: set when a signal came.
        in_tune: whether Tune's loop runs.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self.came = 0
        self.stopping = threading.Event()
        self.in_tune = False
        self._say = say
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Signals:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _handle(self, number: int, _frame: Any) -> None:
        if self.came:
            os._exit(128 + number)
        self.came = number
        self.stopping.set()
        self._say("stopping; everything reported is in the journal (once more: at once)")
        if not self.in_tune:
            raise Interrupted
