"""The playbook checks: what a person who tunes looks at after each round, each in one line.

Each tells what it found, with figures, whether that is fine, and the command to type next. They
come from the journal alone, and from the winner's card where there is one. Bias and variance are
the diagnosis's (`caviar.report.diagnosis`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final

from caviar.report.checks_of_search import divergence, edges, points
from caviar.report.checks_of_training import batch_size, length
from caviar.report.checks_of_winner import lead
from caviar.report.evidence import Evidence
from caviar.report.verdicts import Check
from caviar.study.wording import one_line

if TYPE_CHECKING:
    from rich.console import Console

CHECKS: Final[tuple[Callable[[Evidence], Check], ...]] = (
    edges,
    points,
    divergence,
    length,
    batch_size,
    lead,
)
"""In the order in which they are read."""


def checks(evidence: Evidence) -> tuple[Check, ...]:
    """Every check of the playbook, whatever a study has come to."""
    return tuple(check(evidence) for check in CHECKS)


def print_checks(console: Console, found: Iterable[Check]) -> None:
    """Each check in a line; below it the next command, where there is something to do."""
    for check in found:
        line = f"{check.verdict:7}  {check.name}: {one_line(check.line)}"
        console.print(line, markup=False, soft_wrap=True)
        if check.verdict != "fine":
            console.print(f"         {one_line(check.command)}", markup=False, soft_wrap=True)
