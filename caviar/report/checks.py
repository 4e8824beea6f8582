"""The playbook checks: what a person who tunes looks at after each round, each in one line.

Each tells what it found, with figures, whether that is fine, and the command to type next. They
come from the journal alone, and from the winner's card where there is one. Bias and variance are
the diagnosis's (`caviar.report.diagnosis`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
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
_MUTE: Final = {"unknown": "not known yet", "inapplicable": "does not apply"}
"""Verdicts of which nothing follows, but for a command."""


def checks(evidence: Evidence) -> tuple[Check, ...]:
    """Every check of the playbook, whatever a study has come to."""
    return tuple(check(evidence) for check in CHECKS)


def checks_for_keeping(evidence: Evidence) -> tuple[Check, ...]:
    """The same with commands for the folder that the study's directory lies in.

    A page is read elsewhere than it was written, and mailed: neither where its writer stood nor
    where his home is belongs in it.
    """
    return checks(replace(evidence, directory=Path(evidence.directory.resolve().name or ".")))


def print_checks(console: Console, found: Iterable[Check]) -> None:
    """Each check in a line, its next command below it; those without either in a line together."""
    known = tuple(found)
    for check in known:
        if not _is_mute(check):
            _print(console, f"{check.verdict:7}  {check.name}: {one_line(check.line)}")
            if check.command:
                _print(console, f"         {one_line(check.command)}")
    for verdict, words in _MUTE.items():
        _print_together(console, words, [c for c in known if _is_mute(c) and c.verdict == verdict])


def _is_mute(check: Check) -> bool:
    return check.verdict in _MUTE and not check.command


def _print_together(console: Console, words: str, found: Iterable[Check]) -> None:
    """Their names by reason, as `does not apply: edges, points (pandas are ...)`."""
    names: dict[str, list[str]] = defaultdict(list)
    for check in found:
        names[one_line(check.line)].append(check.name)
    if names:
        told = (f"{', '.join(those)} ({why})" for why, those in names.items())
        _print(console, f"{words}: {'; '.join(told)}")


def _print(console: Console, line: str) -> None:
    console.print(line, markup=False, soft_wrap=True)
