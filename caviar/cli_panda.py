"""Commands for those who take a panda over: nudge and rollback."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from caviar.cli_target import Target, Url, ask
from caviar.errors import StudyError

if TYPE_CHECKING:
    from pathlib import Path

    from caviar.study.records import Change, Value

One = Annotated[
    int | None, typer.Option("--panda", help="Only this panda, from 0; default: each of them.")
]


def register(app: typer.Typer) -> None:
    """Adds the commands to the command line."""
    app.command("nudge")(nudge)
    app.command("rollback")(rollback)


def nudge(
    target: Target,
    wishes: Annotated[
        list[str], typer.Argument(metavar="NAME=VALUE", help="As learning_rate=0.003; several.")
    ],
    panda: One = None,
    dashboard: Url = None,
) -> None:
    """Set hyperparameters of a panda; its next day begins with them."""
    from caviar.study.records import Change, ChangeKind

    def asked(directory: Path) -> list[Change]:
        _check_raised(directory, "nudge")
        found = dict(_read(wish) for wish in wishes)
        return [Change(ChangeKind.NUDGE, {"hyperparameters": found, **_of(panda)})]

    ask(target, dashboard, ["nudge", *wishes, *_words(panda)], asked)


def rollback(
    target: Target,
    day: Annotated[int, typer.Option("--day", help="The day to go back to; 0: begin anew.")],
    panda: One = None,
    dashboard: Url = None,
) -> None:
    """Take a panda back to the end of an earlier day; its next day goes on from there."""
    from caviar.study.records import Change, ChangeKind

    def asked(directory: Path) -> list[Change]:
        _check_raised(directory, "rollback")
        return [Change(ChangeKind.ROLLBACK, {"day": day, **_of(panda)})]

    ask(target, dashboard, ["rollback", f"--day={day}", *_words(panda)], asked)


def _of(panda: int | None) -> dict[str, int]:
    return {} if panda is None else {"panda": panda}


def _words(panda: int | None) -> list[str]:
    return [] if panda is None else [f"--panda={panda}"]


def _check_raised(directory: Path, command: str) -> None:
    """Refuses a study without pandas at once, whoever drives it.

    Raises:
        StudyError: it is one.
    """
    from caviar.tuning.asking import spec_of

    if spec_of(directory).search.strategy == "caviar":
        raise StudyError(f"{command}: is for a panda, and this study's strategy is caviar")


def _read(wish: str) -> tuple[str, Value]:
    """A hyperparameter's name and its value, of the kind that its key has.

    Raises:
        StudyError: naming the rule.
    """
    from caviar.study.flat import HYPERPARAMETERS, key_of, rule_of

    name, _, text = (part.strip() for part in wish.partition("="))
    if not (name and text):
        raise StudyError(f"nudge: must be as learning_rate=0.003, got {wish!r}")
    if key_of(name) not in HYPERPARAMETERS:
        return name, text
    try:
        return name, (int if rule_of(name).whole else float)(text)
    except ValueError:
        return name, text
