"""What goes wrong in the broker's process: the driver finds it, and the slices are sent home."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from caviar.errors import StudyError
from caviar.study import lease

_T = TypeVar("_T")


class Guard:
    """Runs what is asked of a study, under its lease, until the first thing that goes wrong.

    The disk, the lease or a defect of caviar's: none of them is a slice's affair, and after any of
    them nothing that the study decides can be trusted to be written down.

    Attributes:
        trouble: why the study cannot go on, or "".
    """

    def __init__(self, renew: Callable[[], None], stop: Callable[[str], None]) -> None:
        """All is well.

        Args:
            renew: renews the study's leases; called between two actions when it is due.
            stop: has the slices sent home; told why.
        """
        self.trouble = ""
        self._renew = renew
        self._stop = stop
        self._renewed = time.monotonic()

    def run(self, otherwise: _T, action: Callable[[], _T]) -> _T:
        """What the action returns; `otherwise` once there is trouble, also if this makes it."""
        if self.trouble:
            return otherwise
        try:
            self._keep_lease()
            return action()
        except StudyError as error:
            self.give_up(str(error))
        except Exception as error:  # noqa: BLE001 a defect of ours must reach the driver, not a slice
            self.give_up(f"a defect of caviar's: {type(error).__name__}: {error}")
        return otherwise

    def give_up(self, why: str) -> None:
        """The study cannot go on; the first reason stands."""
        self.trouble = self.trouble or why
        self._stop(why)

    def _keep_lease(self) -> None:
        if time.monotonic() - self._renewed > lease.RENEW_EVERY_S:
            self._renew()
            self._renewed = time.monotonic()
