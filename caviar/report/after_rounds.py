"""The playbook's checks while a search runs: after each of its rounds, what is newly to be done.

A check speaks once a run, and only where there is something to act on: what changes from round to
round is `caviar diagnose`'s and the report's, and all that stands at the end is told there.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from caviar.errors import StudyError
from caviar.report.checks import checks
from caviar.report.evidence import evidence
from caviar.study.journal import Journal
from caviar.study.wording import one_line

EVERY_S: Final = 5.0
"""How often the journal is asked for a new round, in seconds."""


class AfterRounds:
    """Follows a study's rounds; tells each thing to be done once."""

    def __init__(
        self,
        directory: Path,
        say: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Has seen no round.

        Args:
            directory: the study's; it need not be there yet.
            say: is told a line at a time.
            clock: seconds.
        """
        self._directory = directory
        self._say = say
        self._clock = clock
        self._next = 0.0
        self._rounds = 0
        self._told: set[str] = set()

    def look(self) -> None:
        """Tells what a new round brought, if there is one; quick where there is none."""
        if self._clock() < self._next:
            return
        self._next = self._clock() + EVERY_S
        try:
            if self._is_new_round():
                self._tell()
        except StudyError:
            return  # the study says itself what is wrong with it

    def _is_new_round(self) -> bool:
        if not Journal.exists(self._directory):
            return False
        with Journal.open(self._directory) as journal:
            before, self._rounds = self._rounds, len(journal.rounds())
        return self._rounds > before

    def _tell(self) -> None:
        for check in checks(evidence(self._directory)):
            if check.verdict == "act" and check.name not in self._told:
                self._told.add(check.name)
                self._say(one_line(f"round {self._rounds}: {check.name}: {check.line}"))
                # A line of its own, to be taken whole.
                if check.command:
                    self._say(f"  {one_line(check.command)}")
