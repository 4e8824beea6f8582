"""Studies of this machine: directories named on the command line, and folders of them."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from caviar.errors import StudyError
from caviar.service.web.reports import Reports
from caviar.service.web.source import UnknownError
from caviar.service.web.watched import WatchedStudy
from caviar.service.web.wishes import Wish, make
from caviar.study.journal import Journal
from caviar.study.wording import one_line

MOST: Final = 1000
"""Studies of a service."""

_OTHER: Final = re.compile(r"[^a-z0-9_-]+")


class Folders:
    """Study directories and folders of them; a study that appears in a folder is found.

    A study keeps its name for the service's life. Names are looked up among those that were found
    and never become paths.
    """

    def __init__(self, places: Sequence[Path]) -> None:
        """Looks at `places` once.

        Raises:
            StudyError: one is neither a study nor a folder that can be read.
        """
        self._places = [place.absolute() for place in places]
        self._lock = threading.Lock()
        self._known: dict[Path, WatchedStudy] = {}
        self._reports = Reports()
        for place in places:
            _check(place)
        self.names()

    def names(self) -> list[str]:
        """The studies there are now."""
        with self._lock:
            found = list(dict.fromkeys(self._found()))[:MOST]
            self._known = {path: one for path, one in self._known.items() if path in found}
            for path in found:
                if path not in self._known:
                    name = self._free_name(path)
                    self._known[path] = WatchedStudy(name, path, running=self._running)
            return sorted(one.name for one in self._known.values())

    def status(self, name: str) -> dict[str, Any]:
        """How a study stands."""
        return self._study(name).reading().status

    def trials(self, name: str) -> list[dict[str, Any]]:
        """Every trial, by index."""
        return self._study(name).reading().trials

    def trial(self, name: str, number: int) -> dict[str, Any]:
        """One trial with its curve."""
        return self._study(name).trial(number)

    def rounds(self, name: str) -> list[dict[str, Any]]:
        """The rounds of the search with their boxes."""
        return self._study(name).reading().rounds

    def report(self, name: str) -> tuple[str, str]:
        """A word for the state that the report is of, and the whole report."""
        return self._reports.of(self._study(name))

    def change(self, name: str, wish: Wish) -> list[dict[str, Any]]:
        """Asks for changes as `caviar add`, `stop`, `pause`, `continue` and `narrow` do."""
        study = self._study(name)
        try:
            return make(study.directory, wish)
        finally:
            study.ask_again()

    def _running(self) -> int:
        return sum(one.is_running for one in list(self._known.values()))

    def _study(self, name: str) -> WatchedStudy:
        for again in (False, True):  # one that has just appeared is known by then
            if again:
                self.names()
            with self._lock:
                found = next((one for one in self._known.values() if one.name == name), None)
            if found is not None and Journal.exists(found.directory):
                return found
        raise UnknownError(f"{one_line(name)}: there is no such study here")

    def _found(self) -> Iterator[Path]:
        for place in self._places:
            if Journal.exists(place):
                yield place
                continue
            try:
                inside = sorted(place.iterdir())
            except OSError:  # gone, or closed to us, for now
                continue
            yield from (one for one in inside if _holds(one))

    def _free_name(self, path: Path) -> str:
        taken = {one.name for one in self._known.values()}
        plain = _OTHER.sub("-", path.name.lower()).strip("-_")[:60] or "study"
        names = (f"{plain}-{k}" if k > 1 else plain for k in range(1, len(taken) + 2))
        return next(name for name in names if name not in taken)


def _holds(directory: Path) -> bool:
    try:
        return Journal.exists(directory)
    except OSError:
        return False


def _check(place: Path) -> None:
    """Refuses what holds other things than studies."""
    try:
        if Journal.exists(place):
            return
        inside = list(place.iterdir())
    except OSError as error:
        raise StudyError(f"{one_line(str(place))}: {error.strerror}") from None
    if inside and not any(map(_holds, inside)):
        told = "neither a study directory nor a folder of studies"
        raise StudyError(f"{one_line(str(place))}: {told}")
