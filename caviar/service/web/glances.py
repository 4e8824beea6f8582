"""All studies at a glance, without waiting for the slowest of them.

A study of ten thousand trials takes a second to read, a dashboard ten to say that a node is gone.
So a few threads ask, and who wants the list gets after `PATIENCE_S` what is known by then: of a
study that is still being read how it stood before, or that it is being read.
"""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any, Final

from caviar.errors import StudyError
from caviar.service.web.source import Source

PATIENCE_S: Final = 5.0
AT_ONCE: Final = 4
"""Studies that are asked for at a time."""

_KEPT: Final = (
    "name", "study", "status", "ending", "stage", "counts", "trial_epochs", "elapsed_s", "metric",
    "best", "at",
)  # fmt: skip


class Glances:
    """What a list of studies shows of each."""

    def __init__(self, source: Source, patience_s: float = PATIENCE_S) -> None:
        """Asks `source`; makes nobody wait longer than `patience_s`."""
        self._source = source
        self._patience_s = patience_s
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="glance")
        self._lock = threading.Lock()
        self._asked: dict[str, Future[dict[str, Any]]] = {}
        self._last: dict[str, dict[str, Any]] = {}

    def all(self) -> list[dict[str, Any]]:
        """Every study, by name; one that cannot be read has `error`, one not read yet `reading`."""
        names = self._source.names()
        with self._lock:
            for name in names:
                if name not in self._asked:
                    self._asked[name] = self._pool.submit(self._look, name)
            asked = {name: self._asked[name] for name in names}
        wait(asked.values(), self._patience_s)
        with self._lock:
            for name, answer in asked.items():
                if answer.done() and self._asked.get(name) is answer:
                    del self._asked[name]
                    self._last[name] = answer.result()
            self._last = {name: self._last[name] for name in names if name in self._last}
            return [self._last.get(name, {"name": name, "reading": True}) for name in names]

    def _look(self, name: str) -> dict[str, Any]:
        try:
            told = self._source.status(name)
        except StudyError as error:
            return {"name": name, "error": str(error)}
        except Exception as error:  # noqa: BLE001 one defect shall not hide the other studies
            return {"name": name, "error": f"a defect of caviar's: {type(error).__name__}"}
        return {key: told[key] for key in _KEPT if key in told}
