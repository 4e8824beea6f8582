"""How a study grows after it was begun: more trials, days, longer training, another budget.

Beside what grows, a run may bring other `SETTINGS`: they change no trial of the search.

The space never changes with it: a hyperparameter that follows `max_epochs`, as a cosine's
`decay_epochs` does by default, keeps the value it had when the study was begun.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from caviar.errors import StudyError
from caviar.space.levels import sizes
from caviar.study.identity import differences, identity
from caviar.study.records import Change, ChangeKind
from caviar.study.run_tables import UNBOUNDED, Budget, Goal, Winner
from caviar.study.spec import StudySpec
from caviar.study.table import Table

GROWABLE: Final = {"trials": "search", "max_epochs": "search", "days": "panda"}
"""Keys that may grow, with their tables; those of `[budget]` may all change."""
SETTINGS: Final = ("winner", "baseline", "goal")
"""Tables of which the last run's study file counts, whatever was said before."""
BY_PERSON: Final = "stopped by a person"
"""Why a study, or a trial, ended that somebody stopped."""
_BOUNDS: Final = ("trial_epochs", "hours", "slice_hours")
"""Keys of `[budget]` that may be set, raised or lifted, but not lowered."""


def in_force(spec: StudySpec, changes: Iterable[Change]) -> StudySpec:
    """The study as it stands: with what was added to it, how it was extended, the last settings.

    Args:
        spec: as it was begun.
        changes: the journal's, in order.
    """
    now, budget = {key: _value(spec, key) for key in GROWABLE}, spec.budget
    settings: dict[str, Any] = {}
    for change in changes:
        now["trials"] += added(change)
        if change.kind == ChangeKind.EXTEND:
            now |= {key: change.detail[key] for key in GROWABLE if key in change.detail}
            budget = budget.model_copy(update=dict(change.detail.get("budget", {})))
            settings |= {name: change.detail[name] for name in SETTINGS if name in change.detail}
    return _settled(spec, settings).grown(budget, **now)


def to_replay(spec: StudySpec, changes: Iterable[Change]) -> StudySpec:
    """The same for a strategy that is going to be told of added trials when it replays."""
    known = tuple(changes)
    grown = in_force(spec, known)
    return grown.grown(grown.budget, trials=grown.search.trials - sum(map(added, known)))


def added(change: Change) -> int:
    """How many more trials there are to be by a change that strategies are told of."""
    if change.kind == ChangeKind.ADD_TRIALS:
        return int(change.detail["trials"])
    return int(change.kind == ChangeKind.ADD_POINT)


def halt(changes: Iterable[Change]) -> Change | None:
    """The change of kind STOP that nobody has taken back, if there is one."""
    stands: Change | None = None
    for change in changes:
        if change.kind in {ChangeKind.STOP, ChangeKind.CONTINUE}:
            stands = change if change.kind == ChangeKind.STOP else None
    return stands


def why_halted(stop: Change) -> str:
    """Why a change of kind STOP ended the study, in words."""
    return str(stop.detail.get("why") or BY_PERSON)


def extension(spec: StudySpec, changes: Iterable[Change], asked: StudySpec) -> dict[str, Any]:
    """What a run asks for beyond what is in force: the detail of an EXTEND; {} if nothing.

    What the study was begun with, or extended to, may be said again at any time: it asks for
    nothing. Of `SETTINGS` whatever is said last is in force.

    Args:
        spec: as the study was begun.
        changes: the journal's, in order.
        asked: what the run was given.

    Raises:
        StudyError: it asks for less than what is in force, or for more than a grid has.
    """
    known = tuple(changes)
    now = in_force(spec, known)
    said = [change.detail for change in known if change.kind == ChangeKind.EXTEND]
    detail: dict[str, Any] = {}
    for key in GROWABLE:
        wish, stands = _value(asked, key), _value(now, key)
        if wish in [stands, _value(spec, key), *(one.get(key) for one in said)]:
            continue
        if wish < stands:
            raise _smaller(f"{GROWABLE[key]}.{key}", _count(stands), wish)
        detail[key] = wish
    if "trials" in detail:
        _check_grid(now, detail["trials"])
    budgets = [spec.budget.model_dump(), *(one.get("budget", {}) for one in said)]
    budget = _budget(budgets, now.budget, asked.budget)
    detail |= {"budget": budget} if budget else {}
    return detail | changed_settings(now, asked)


def changed_settings(now: StudySpec, asked: StudySpec) -> dict[str, Any]:
    """Those of `SETTINGS` that a run brings anew, as an EXTEND's detail; {} if none."""
    stands, wish = (_settings(spec) for spec in (now, asked))
    return {name: wish[name] for name in SETTINGS if wish[name] != stands[name]}


def grows(detail: Mapping[str, Any]) -> bool:
    """Whether an EXTEND's detail asks for more than other settings."""
    return not detail.keys() <= {*SETTINGS}


def told(detail: Mapping[str, Any], now: StudySpec) -> str:
    """An extension in words, as `search.trials: 64 -> 200`.

    Args:
        detail: of an EXTEND.
        now: the study before it.
    """
    words = [
        f"{GROWABLE[key]}.{key}: {_count(_value(now, key))} -> {_count(detail[key])}"
        for key in GROWABLE
        if key in detail
    ]
    words += [
        f"budget.{key}: {_shown(getattr(now.budget, key))} -> {_shown(value)}"
        for key, value in detail.get("budget", {}).items()
    ]
    stand = _settings(now)
    changed = [name for name in SETTINGS if name in detail]
    tables = ({name: of[name] for name in changed if of[name]} for of in (stand, detail))
    return "; ".join([*words, *differences(*tables)])


def differences_beyond(begun: StudySpec, asked: StudySpec) -> list[str]:
    """What makes two specifications different studies, however far one of them grew.

    A searcher that is not named is the one the study was begun with: the default has been
    another, and one day may be again.

    Returns:
        As `seed: 0 -> 5`; [] if nothing does.
    """
    if "searcher" not in asked.search.model_fields_set:
        kept = {"searcher": begun.search.searcher}
        asked = asked.model_copy(update={"search": asked.search.model_copy(update=kept)})
    plain = (identity(spec.model_dump(mode="json")) for spec in (begun, asked))
    return differences(*map(_ungrown, plain))


def _ungrown(plain: Mapping[str, Any]) -> dict[str, Any]:
    plain = {name: table for name, table in plain.items() if name != "budget"}
    for name in set(GROWABLE.values()):
        kept = plain[name].items()
        plain[name] = {key: value for key, value in kept if GROWABLE.get(key) != name}
    return plain


def _settings(spec: StudySpec) -> dict[str, Any]:
    """`SETTINGS` in plain form."""
    return spec.model_dump(mode="json", include={*SETTINGS})


def _settled(spec: StudySpec, settings: Mapping[str, Any]) -> StudySpec:
    """With these settings instead of those it has."""
    kinds: dict[str, type[Table]] = {"winner": Winner, "goal": Goal}
    made = {
        name: kinds[name].model_validate(table) if name in kinds else dict(table)
        for name, table in settings.items()
    }
    return spec.model_copy(update=made) if made else spec


def _check_grid(now: StudySpec, wish: int) -> None:
    """Refuses more trials than there are points in the grid that a study was begun with."""
    if now.search.searcher != "grid":
        return
    points = math.prod(sizes(now.space.axes, now.begun_trials))
    if wish > max(points + len(now.search.points), now.search.trials):
        rule = f"the grid keeps the {points} points it was begun with, got {wish}"
        raise StudyError(f"search.trials: {rule}; points of your own: caviar add DIR --point")


def _value(spec: StudySpec, key: str) -> int:
    """What a study has for one of `GROWABLE`."""
    return int(getattr(getattr(spec, GROWABLE[key]), key))


def _budget(said: Sequence[Mapping[str, Any]], now: Budget, asked: Budget) -> dict[str, Any]:
    """What a run changes of the budget; `said` has what it was begun with and extended to."""
    changed: dict[str, Any] = {}
    for key, wish in asked.model_dump().items():
        stands = getattr(now, key)
        if wish == stands or wish in [one[key] for one in said if key in one]:
            continue
        if key in _BOUNDS and None not in {wish, stands} and wish < stands:
            raise _smaller(f"budget.{key}", stands, wish)
        changed[key] = wish
    return changed


def _count(count: int) -> str:
    """A number of trials; also of epochs and days, which are never so many."""
    return "as many as the budget allows" if count >= UNBOUNDED else str(count)


def _smaller(key: str, stands: object, wish: object) -> StudyError:
    return StudyError(f"{key}: a study that was begun only grows: must be >= {stands}, got {wish}")


def _shown(value: object) -> str:
    return "none" if value is None else f"{value:g}"
