"""How far the finals of a study are, and who won: for `caviar show`."""

from __future__ import annotations

import contextlib
from typing import Any

from rich.console import Console
from rich.text import Text

from caviar.errors import StudyError
from caviar.report.evidence import read_card
from caviar.study import card_file
from caviar.study.finals import Finals, finals_of
from caviar.study.journal import Journal
from caviar.study.wording import configuration, one_line


def winning(journal: Journal) -> dict[str, Any]:
    """What came after the search.

    Returns:
        `retraining`: None before the finals, else their `number`, `epochs`, `seeds`, the names of
        the `candidates`, how many `trainings` there are and how many of them `ended`; and
        `winner`: the card, or None.

    Raises:
        StudyError: the card is damaged, or tells of a reading that the journal does not.
    """
    card, finals = read_card(journal.directory), finals_of(journal)
    card_file.check_readings(card_file.readings(card), journal, journal.directory)
    return {
        "retraining": _progress(journal, finals) if finals is not None else None,
        "winner": card,
    }


def print_winning(console: Console, told: dict[str, Any]) -> None:
    """The winner's sentences; before there is one, how far the finals are."""
    retraining, card = told["retraining"], told["winner"]
    if retraining is not None:
        _line(console, _progress_line(retraining))
    if card is not None and _is_of(card, retraining):
        _line(console, f"winner: {card['winner']['name']}")
        _line(console, f"  {configuration(card['winner']['hyperparameters'])}")
        for sentence in card["sentences"]:
            _line(console, sentence)


def _progress(journal: Journal, finals: Finals) -> dict[str, Any]:
    ended = 0
    folder = finals.folder(journal.directory)
    # A damaged one, or none, hides nothing of the search.
    with contextlib.suppress(StudyError), Journal.open(folder) as child:
        for summary in child.summary():
            last = summary.last
            over = last is not None and (last.diverged or last.stopped)
            ended += over or bool(summary.why) or summary.epochs >= finals.epochs
    return {
        "number": finals.number,
        "epochs": finals.epochs,
        "seeds": finals.seeds,
        "candidates": [candidate.name for candidate in finals.candidates],
        "trainings": len(finals.candidates) * finals.seeds,
        "ended": ended,
    }


def _progress_line(told: dict[str, Any]) -> str:
    names = ", ".join(map(one_line, told["candidates"]))
    return (
        f"retrained over {told['seeds']} seeds: {names}; {told['ended']} of {told['trainings']} "
        f"trainings of {told['epochs']} epochs ended"
    )


def _is_of(card: dict[str, Any], retraining: dict[str, Any] | None) -> bool:
    """Whether the card is of the latest finals."""
    return retraining is None or card.get("source", {}).get("retraining") == retraining["number"]


def _line(console: Console, line: str) -> None:
    console.print(Text(one_line(line)), soft_wrap=True)
