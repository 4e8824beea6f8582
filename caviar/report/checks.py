"""The playbook checks: what a person who tunes looks at after each round, each in one line.

Each tells what it found, with figures, whether that is fine, and the command to type next. They
come from the journal alone, and from the winner's card where there is one. Bias and variance are
the diagnosis's (`caviar.report.diagnosis`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from caviar.report.checks_of_search import divergence, edges, points
from caviar.report.checks_of_training import batch_size, length
from caviar.report.checks_of_winner import lead
from caviar.report.evidence import Evidence
from caviar.report.verdicts import Check

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
