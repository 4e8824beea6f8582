"""Where the service has its studies from, whoever that is: directories, or a cluster's jobs."""

from __future__ import annotations

from typing import Any, Protocol

from caviar.errors import StudyError


class UnknownError(StudyError):
    """There is no such study, or no such trial in it."""


class ElsewhereError(StudyError):
    """This source cannot tell or do that; the line says where it can be had."""


class Source(Protocol):
    """Studies by name. Every method may block and may be called from several threads."""

    def names(self) -> list[str]:
        """The studies there are now."""
        ...

    def status(self, name: str) -> dict[str, Any]:
        """How a study stands, with its leaders and their curves."""
        ...

    def trials(self, name: str) -> list[dict[str, Any]]:
        """Every trial, by index."""
        ...

    def trial(self, name: str, number: int) -> dict[str, Any]:
        """One trial with its curve."""
        ...

    def rounds(self, name: str) -> list[dict[str, Any]]:
        """The rounds of the search with their boxes."""
        ...

    def report(self, name: str) -> tuple[str, str]:
        """A word for the state that the report is of, and the whole report."""
        ...

    def change(self, name: str, wish: Any) -> list[dict[str, Any]]:
        """Asks for changes; of each what came of it: `taken` and `line`."""
        ...
