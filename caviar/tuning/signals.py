"""Ctrl-C and SIGTERM: the first stops the study in order, the second at once."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable
from typing import Any, Final

LEAVE_S: Final = 15.0
"""After the first signal; then the process ends without Ray. A signal to a whole process group, as
service managers send it, ends Ray's own processes too, and calls to them wait for a minute."""


class Interrupted(BaseException):
    """A signal came while nothing was at work that would have to be stopped in order."""


class Signals:
    """Handles SIGINT and SIGTERM while it is entered; enter after `ray.init`, which sets its own.

    While Tune's loop runs, the first one is only noted in `stopping`, for those to act on who can
    (an exception would leave Tune by way of its farewells, which wait for every slice); elsewhere
    it raises `Interrupted`. The second one ends the process at once, as does the time: what is
    acknowledged is in the journal, and the lease of a process that is gone holds nobody up.

    Attributes:
        came: the first signal's number, or 0.
        stopping: set when a signal came.
        in_tune: whether Tune's loop runs.
    """

    def __init__(self, say: Callable[[str], None], leave_s: float = LEAVE_S) -> None:
        self.came = 0
        self.stopping = threading.Event()
        self.in_tune = False
        self._say = say
        self._before: dict[int, Any] = {}
        self._deadline = threading.Timer(leave_s, self._leave)
        self._deadline.daemon = True

    def __enter__(self) -> Signals:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        self._deadline.cancel()
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _handle(self, number: int, _frame: Any) -> None:
        if self.came:
            os._exit(128 + number)
        self.came = number
        self.stopping.set()
        self._deadline.start()
        self._tell("stopping; everything reported is in the journal (once more: at once)")
        if not self.in_tune:
            raise Interrupted

    def _leave(self) -> None:
        self._tell("Ray does not answer: leaving without it; the same command goes on")
        os._exit(128 + self.came)

    def _tell(self, line: str) -> None:
        # Who reads it may be gone, as a closed terminal is, and the process ends all the same.
        with contextlib.suppress(OSError, ValueError):
            self._say(line)
