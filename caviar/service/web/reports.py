"""The whole report of a study, made when somebody asks and kept until there is news."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from pathlib import Path
from typing import Final

from caviar.service.web.watched import WatchedStudy

KEPT: Final = 4
"""Reports at a time: each is some megabytes."""


class Reports:
    """Reports by study directory, the latest asked for."""

    def __init__(self) -> None:
        """Holds none yet."""
        self._kept: OrderedDict[Path, tuple[str, str]] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, study: WatchedStudy) -> tuple[str, str]:
        """A word for the state that it is of, and the report.

        Raises:
            StudyError: the study is damaged.
        """
        from caviar.report.evidence import evidence
        from caviar.report.page.document import document

        with self._lock:  # it takes seconds: two who ask share one, and a core is enough
            state = hashlib.sha256(repr(study.files()).encode()).hexdigest()[:16]
            found = self._kept.pop(study.directory, None)
            if found is None or found[0] != state:
                found = state, document(evidence(study.directory))
            self._kept[study.directory] = found
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
            return found
