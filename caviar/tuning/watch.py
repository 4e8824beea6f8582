"""What the driver does beside Tune's loop: shows how the study stands, and ends it when it must."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from caviar.tuning.broker_handle import BrokerHandle, BrokerLostError
from caviar.tuning.draining import Draining
from caviar.tuning.head import Head
from caviar.tuning.keeper import Keeper
from caviar.tuning.progress import View
from caviar.tuning.room import Room
from caviar.tuning.signals import Signals

if TYPE_CHECKING:
    from caviar.tuning.switch import StopSwitch

_POLL_S: Final = 1.0
_ANSWER_S: Final = 10.0


class Watch:
    """A thread that looks at the broker, the head and the nodes, about once a second."""

    def __init__(
        self,
        broker: BrokerHandle,
        view: View,
        signals: Signals,
        keeper: Keeper | None,
        room: Room,
        head: Head,
    ) -> None:
        """Nothing is looked at yet.

        Args:
            broker: of the study.
            view: is shown how the study stands, and what else there is to say.
            signals: of the driver's process.
            keeper: of the study's storage, if it has one.
            room: which slices have a place, and why others wait for one.
            head: of the cluster.
        """
        self._broker = broker
        self._view = view
        self._signals = signals
        self._keeper = keeper
        self._room = room
        self._head = head
        self._draining = Draining()

    @contextlib.contextmanager
    def beside(self, switch: StopSwitch) -> Iterator[None]:
        """Looks for as long as it is entered; pulls `switch` when Tune must leave."""
        done = threading.Event()
        threads = [
            threading.Thread(target=self._watch, args=(switch, done), name="watch", daemon=True),
            threading.Thread(target=self._head.watch, args=(done,), name="head", daemon=True),
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            done.set()
            for thread in threads:
                thread.join(timeout=2 * _POLL_S)

    def say_words(self) -> None:
        """Says what was changed about the study meanwhile."""
        for line in self._broker.call("words", timeout_s=_ANSWER_S):
            self._view.say(line)

    def _watch(self, switch: StopSwitch, done: threading.Event) -> None:
        while not done.is_set():
            if self._signals.stopping.wait(_POLL_S):
                switch.pulled = True
                # It ends the slices, or Tune would wait for those in the middle of something.
                self._broker.close()
                return
            with contextlib.suppress(Exception):
                switch.pulled |= self._look()
                if switch.pulled:
                    return  # Tune takes some seconds to leave; nothing changes any more

    def _look(self) -> bool:
        """Shows how the study stands; whether Tune must leave, for its slices will not.

        Slices that have no place would never end, nor those whose node is lost; without a broker
        they would be started again for ever.
        """
        try:
            if self._keeper is not None and self._keeper.trouble:
                self._broker.call("give_up", self._keeper.trouble, timeout_s=_ANSWER_S)
            self._drain()
            status = self._broker.call("standing", time.monotonic(), timeout_s=_ANSWER_S)
        except BrokerLostError:
            return True
        self.say_words()
        if status.arrived + status.starting < status.planned and not status.finished:
            status = self._room.seen(status)
        self._view.update(status)
        alone = status.finished and status.arrived < status.planned
        return bool(status.trouble) or alone

    def _drain(self) -> None:
        """Has slices leave the nodes that announce their end."""
        if (nodes := self._draining.nodes()) is None:
            return
        leaving = self._broker.call("drain", nodes, timeout_s=_ANSWER_S)
        for line in self._draining.told(leaving):
            self._view.say(line)
