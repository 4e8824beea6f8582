"""What a keeper does over and over beside its driver, and that it never falls silent."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

from caviar.errors import LeaseError, StudyError

AGAIN_S: Final = 5.0
"""After how long what failed is tried again."""


class Repeated:
    """Actions, a thread each, until they are stopped or the lease is another's.

    Attributes:
        trouble: why the study must not go on, or "": another driver took it over.
    """

    def __init__(self, failed: Callable[[str], None]) -> None:
        """Takes what is told that an action failed, and why; it is tried again."""
        self.trouble = ""
        self._failed = failed
        self._over = threading.Event()
        self._threads: list[threading.Thread] = []

    @property
    def is_over(self) -> bool:
        """Whether they were told to stop."""
        return self._over.is_set()

    def start(self, every_s: float, action: Callable[[], None]) -> None:
        """Repeats an action, so many seconds after it was done."""
        thread = threading.Thread(target=self._repeat, args=(every_s, action), daemon=True)
        thread.start()
        self._threads.append(thread)

    def stop(self, wait_s: float) -> bool:
        """Stops them; whether all came to their end within so many seconds."""
        self._over.set()
        until = time.monotonic() + wait_s
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def _repeat(self, every_s: float, action: Callable[[], None]) -> None:
        while not self._over.wait(every_s) and not self.trouble:
            try:
                action()
            except LeaseError as error:
                self.trouble = str(error)
            except (StudyError, OSError) as error:
                self._failed(str(error))
                self._over.wait(AGAIN_S)
            except Exception as error:  # noqa: BLE001 a study must not go on unkept in silence
                self._failed(f"a defect of caviar's: {type(error).__name__}: {error}")
                self._over.wait(AGAIN_S)
