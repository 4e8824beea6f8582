"""What may be asked of a study over HTTP: the commands' words, their checks and their refusals."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from caviar.errors import StudyError
from caviar.study.records import Change, ChangeKind
from caviar.study.requests import read_narrow, read_point
from caviar.study.wording import show
from caviar.tuning.asking import ask, spec_of

MOST_TRIALS: Final = 1_000_000
"""As many as a study may have, and so as many as may be added."""
MOST_PARTS: Final = 100
"""Points or ranges of one request."""

_Text = Annotated[str, Field(max_length=1000)]
_Texts = Annotated[list[_Text], Field(max_length=MOST_PARTS)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Add(_Strict):
    """More trials: so many of the search's, or your own, as `caviar add`."""

    kind: Literal["add"]
    trials: Annotated[int | None, Field(ge=1, le=MOST_TRIALS)] = None
    points: _Texts = []


class Stop(_Strict):
    """Ends the study, or one of its trials, as `caviar stop`."""

    kind: Literal["stop"]
    trial: Annotated[int | None, Field(ge=0)] = None


class Pause(_Strict):
    """Starts nothing new, as `caviar pause`."""

    kind: Literal["pause"]


class Continue(_Strict):
    """Goes on with a study that was paused or stopped, as `caviar continue`."""

    kind: Literal["continue"]


class Narrow(_Strict):
    """Draws new trials from a part of the space only, as `caviar narrow`."""

    kind: Literal["narrow"]
    to: Annotated[_Texts, Field(min_length=1)]


KINDS: Final[dict[str, type[BaseModel]]] = {
    "add": Add, "stop": Stop, "pause": Pause, "continue": Continue, "narrow": Narrow,
}  # fmt: skip
"""By the word that they are asked for with."""

Wish = Annotated[Add | Stop | Pause | Continue | Narrow, Field(discriminator="kind")]

EXAMPLES: Final = {
    "more trials": {"value": {"kind": "add", "trials": 20}},
    "a trial of your own": {
        "value": {"kind": "add", "points": ["learning_rate=0.01,batch_size=64"]}
    },
    "end the study": {"value": {"kind": "stop"}},
    "end one trial": {"value": {"kind": "stop", "trial": 7}},
    "hold it": {"value": {"kind": "pause"}},
    "go on": {"value": {"kind": "continue"}},
    "a part of the space": {
        "value": {"kind": "narrow", "to": ["learning_rate=1e-3..1e-2", "batch_size=32|64"]}
    },
}
"""For the OpenAPI document."""


def changes_of(directory: Path, wish: Wish) -> list[Change]:
    """The changes that a wish amounts to, checked against the study's space.

    Raises:
        StudyError: naming place, rule and value.
    """
    if isinstance(wish, Add):
        return _additions(directory, wish)
    if isinstance(wish, Narrow):
        spec = spec_of(directory)
        return [read_narrow(text, spec) for text in wish.to]
    if isinstance(wish, Stop) and wish.trial is not None:
        return [Change(ChangeKind.STOP_TRIAL, {"trial": wish.trial})]
    kinds = {"stop": ChangeKind.STOP, "pause": ChangeKind.PAUSE, "continue": ChangeKind.CONTINUE}
    return [Change(kinds[wish.kind])]


def words_of(wish: Wish) -> list[str]:
    """The command that a wish amounts to, as typed after `caviar`, without the directory.

    Raises:
        StudyError: nothing is asked for, or something that the command would take for an option.
    """
    if isinstance(wish, Add):
        if wish.trials is None and not wish.points:
            raise StudyError("add: give trials or points")
        more = [] if wish.trials is None else ["--trials", str(wish.trials)]
        return ["add", *(f"--point={text}" for text in wish.points), *more]
    if isinstance(wish, Narrow):
        for text in wish.to:
            if not text[:1].isalpha():
                told = "must be NAME=LOW..HIGH or NAME=CHOICE|CHOICE"
                raise StudyError(f"narrow: {told}, got {show(text)}")
        return ["narrow", *wish.to]
    if isinstance(wish, Stop) and wish.trial is not None:
        return ["stop", "--trial", str(wish.trial)]
    return [wish.kind]


def _additions(directory: Path, wish: Add) -> list[Change]:
    if wish.trials is None and not wish.points:
        raise StudyError("add: give trials or points")
    spec = spec_of(directory)
    points = [read_point(text, spec, "points") for text in wish.points]
    changes = [Change(ChangeKind.ADD_POINT, {"hyperparameters": found}) for found in points]
    more = [] if wish.trials is None else [Change(ChangeKind.ADD_TRIALS, {"trials": wish.trials})]
    return [*changes, *more]


def make(directory: Path, wish: Wish) -> list[dict[str, Any]]:
    """Asks for one change after the other; of each whether a driver has made it, and a line.

    Raises:
        StudyError: why one cannot be made; those before it are asked for, and the line says so.
    """
    done: list[dict[str, Any]] = []
    for change in changes_of(directory, wish):
        try:
            came = ask(directory, change)
        except StudyError as error:
            before = "".join(f"{one['line']}; then " for one in done)
            raise StudyError(f"{before}{error}") from None
        done.append({"taken": came.taken, "line": came.line})
    return done
