"""Halt: whether a person, or a budget of hours, holds a study back, and in which words."""

from __future__ import annotations

from caviar.study.records import Change, ChangeKind


class Halt:
    """Follows the changes that pause, stop and continue a study.

    Attributes:
        paused: whether it waits to be continued; what is only stopped ends.
    """

    def __init__(self) -> None:
        """Nothing holds it back."""
        self.paused = False
        self._stopped = ""

    @property
    def why(self) -> str:
        """Why nothing more is started, in words; or ""."""
        return "paused" if self.paused else self._stopped

    def change(self, change: Change) -> None:
        """Takes a change that was journalled; others than those three are none of it."""
        match change.kind:
            case ChangeKind.STOP:
                self._stopped = str(change.detail.get("why") or "stopped by a person")
            case ChangeKind.PAUSE:
                self.paused = True
            case ChangeKind.CONTINUE:
                self.paused, self._stopped = False, ""
