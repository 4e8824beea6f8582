"""Ctrl-C and SIGTERM: the first stops the study in order, the second at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from typing import Any

from ray.tune import Stopper


class Interrupted(BaseException):
    """A signal came where there is nothing to stop in order, or a second one came."""


class StopSwitch(Stopper):
    """What makes Ray Tune leave its loop, within a tenth of a second, from any thread."""

    def __init__(self) -> None:
        self.pulled = False

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        """Never stops a single slice."""
        return False

    def stop_all(self) -> bool:
        """Asked by Tune in every turn of its loop."""
        return self.pulled


class Signals:
    """Handles SIGINT and SIGTERM while it is entered; enter after `ray.init`, which sets its own.

    Attributes:
        came: the first signal's number, or 0.
        in_tune: whether pulling the switch is enough, since Tune's loop is running.
    """

    def __init__(self, switch: StopSwitch, say: Callable[[str], None]) -> None:
        self.came = 0
        self.in_tune = False
        self._switch = switch
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
        second = bool(self.came)
        self.came = self.came or number
        self._switch.pulled = True
        if second or not self.in_tune:
            raise Interrupted
        self._say("stopping; everything reported is in the journal (once more: at once)")
