"""Knobs of a study file, and patches to it: lines of TOML that a person pastes over the same keys.

Nothing is offered that would not be read: a patch is laid over the whole study first.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from caviar.errors import StudyError
from caviar.study.hyperparameter import Conditional, to_plain
from caviar.study.records import Value
from caviar.study.spec import StudySpec

Changes = Mapping[str, Any]
"""By place, as `network.units`, what is to stand there, as a study file has it."""


@dataclass(frozen=True)
class Knob:
    """A key of the study file.

    Attributes:
        place: as `network.units`.
        now: what stands there, or the default: a value, a list, or a table of what is searched.
        trial: the value of the trial that is diagnosed, a list where layers differ; None where it
            has none.
    """

    place: str
    now: Any
    trial: Value | tuple[Value, ...] | None = None


@dataclass(frozen=True)
class Patch:
    """What to paste, or why nothing is offered.

    Attributes:
        toml: the lines; "" if there are none.
        refused: why the obvious change does not fit the study, in one line; else "".
    """

    toml: str = ""
    refused: str = ""


def knob(spec: StudySpec, place: str, hyperparameters: Mapping[str, Value]) -> Knob:
    """How a key stands, and what a trial made of it."""
    key = place.rpartition(".")[2]
    layers = [value for name, value in hyperparameters.items() if _is_layer_of(name, key)]
    trial = tuple(layers) if layers else hyperparameters.get(key)
    return Knob(place, current(spec, place), trial)


def current(spec: StudySpec, place: str) -> Any:
    """What stands at a place, as in a study file."""
    held = held_at(spec, place)
    if isinstance(held, tuple) and hasattr(held, "_asdict"):
        return held._asdict()
    return to_plain(held)


def held_at(spec: StudySpec, place: str) -> Any:
    """What a key of a study holds."""
    table, _, key = place.partition(".")
    return getattr(getattr(spec, table), key)


def patch(spec: StudySpec, *candidates: Changes) -> Patch:
    """The first of some changes that the study would take.

    Args:
        spec: the study as it is.
        candidates: the best first; what would change nothing is passed over. Conditions (`when`)
            of what is replaced are kept.
    """
    refused = ""
    for changes in candidates:
        whole = _with_depth(spec, changes)
        kept = {place: _with_when(spec, place, plain) for place, plain in whole.items()}
        try:
            changed = patched(spec, kept) != spec
        except StudyError as error:
            refused = refused or str(error)
            continue
        if changed:
            return Patch(toml(kept))
    return Patch(refused=refused)


def patched(spec: StudySpec, changes: Changes) -> StudySpec:
    """The study with changes laid over it.

    Raises:
        StudyError: if it would not be read.
    """
    raw = spec.model_dump(mode="json")
    for place, plain in changes.items():
        table, _, key = place.partition(".")
        raw[table] = raw[table] | {key: plain}
    return StudySpec.from_json(json.dumps(raw), "with this patch")


def toml(changes: Changes) -> str:
    """Changes as the lines of a study file, table by table."""
    tables: dict[str, list[str]] = {}
    for place, plain in changes.items():
        table, _, key = place.partition(".")
        tables.setdefault(table, []).append(f"{key} = {written(plain)}")
    return "\n\n".join("\n".join([f"[{name}]", *lines]) for name, lines in tables.items())


def written(plain: Any) -> str:
    """A value as TOML on one line."""
    if isinstance(plain, Mapping):
        return "{ " + ", ".join(f"{key} = {written(one)}" for key, one in plain.items()) + " }"
    if isinstance(plain, Sequence) and not isinstance(plain, str):
        return "[" + ", ".join(map(written, plain)) + "]"
    if isinstance(plain, bool):
        return str(plain).lower()
    return json.dumps(plain) if isinstance(plain, str) else repr(plain)


def _with_depth(spec: StudySpec, changes: Changes) -> Changes:
    """The changes, and how many layers there are where a list that told so is replaced."""
    place, depth = "network.units", "network.layers"
    listed = isinstance(held_at(spec, place), tuple)
    if depth in changes or not listed or isinstance(changes.get(place, []), list):
        return changes
    return {depth: current(spec, depth), **changes}


def _with_when(spec: StudySpec, place: str, plain: Any) -> Any:
    held = held_at(spec, place)
    if not isinstance(held, Conditional) or (isinstance(plain, Mapping) and "when" in plain):
        return plain
    table = plain if isinstance(plain, Mapping) else {"value": plain}
    return {**table, "when": to_plain(held)["when"]}


def _is_layer_of(name: str, key: str) -> bool:
    return name.startswith(f"{key}_") and name.removeprefix(f"{key}_").isdigit()
