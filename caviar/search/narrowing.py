"""What a person asks of a running search: a narrower box, points to try, and why not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from caviar.errors import StudyError
from caviar.search.box import Box
from caviar.search.drawing import Drawing, Space
from caviar.space.condition import is_one_of
from caviar.space.domain import Choice, Domain, Value
from caviar.study.records import Change, ChangeKind
from caviar.study.wording import configuration, number

DRAWS: Final = 10_000
"""Points drawn before a box is said to hold no feasible one."""


def narrowed(box: Box, space: Space, change: Change) -> Box:
    """The box with the interval, or the choices, that a change of kind NARROW names.

    What an axis was narrowed to before is forgotten: the later word stands.

    Args:
        box: that is drawn from now.
        space: whose domains the change is in the units of.
        change: `name`, and `low` and `high` or `choices`.

    Raises:
        StudyError: the hyperparameter is not searched, or a value is outside its domain.
    """
    name = str(change.detail["name"])
    if name not in space.domains:
        raise StudyError(f"{name}: must be searched to be narrowed")
    axis, domain = list(space.domains).index(name), space.domains[name]
    try:
        choices = change.detail.get("choices")
        if choices is not None:
            return _to_choices(box, axis, domain, choices)
        low, high = change.detail["low"], change.detail["high"]
        return box.narrowed(axis, *domain.span(low, high))
    except StudyError as error:
        raise StudyError(f"{name}: {error}") from None


def _whole_cells(domain: Domain, choices: Sequence[Value]) -> tuple[int, ...]:
    """The cells of some of a `Choice`'s choices, ascending.

    Raises:
        StudyError: one of them is none of the choices.
    """
    assert isinstance(domain, Choice)
    count = len(domain.choices)
    return tuple(sorted({int(domain.encode(choice) * count) for choice in choices}))


def check_feasible(box: Box, space: Space) -> None:
    """Refuses a box in which nothing could be tried.

    Raises:
        StudyError: no point of so many drawn fulfils the constraints.
    """
    random = np.random.default_rng(0)
    for _ in range(DRAWS):
        if space.feasible(space.decode(box.place(random.random(box.dimensions)))):
            return
    raise StudyError(f"search.where: must hold somewhere, but of {DRAWS:,} points it never did")


def why_not(change: Change, drawing: Drawing) -> str | None:
    """Why a drawing cannot take a change of kind ADD_POINT or NARROW, in one line, or None."""
    try:
        if change.kind == ChangeKind.NARROW:
            check_feasible(narrowed(drawing.box, drawing.space, change), drawing.space)
            return None
        return _why_no_point(change.detail["hyperparameters"], drawing)
    except StudyError as error:
        return str(error)


def _why_no_point(given: Mapping[str, Value], drawing: Drawing) -> str | None:
    if drawing.awaits(given):
        return f"{configuration(given)}: it waits to be tried already"
    twin = drawing.tried(given)
    return None if twin is None else f"{configuration(given)}: it is trial {twin} already"


def leaves(change: Change, hyperparameters: Mapping[str, Value]) -> bool:
    """Whether a trial may have these after a change of kind NARROW; what is inactive may."""
    detail = change.detail
    if detail["name"] not in hyperparameters:
        return True
    value = hyperparameters[detail["name"]]
    if "choices" in detail:
        return is_one_of(value, detail["choices"])
    assert not isinstance(value, str)
    return bool(detail["low"] <= value <= detail["high"])


def told(change: Change) -> str:
    """What is left, in words, as `learning_rate 0.0001 to 0.01`."""
    name, detail = change.detail["name"], change.detail
    if "choices" in detail:
        return f"{name} {' or '.join(map(number, detail['choices']))}"
    return f"{name} {number(detail['low'])} to {number(detail['high'])}"


def _to_choices(box: Box, axis: int, domain: Domain, choices: Sequence[Value]) -> Box:
    if not isinstance(domain, Choice):
        raise StudyError("must be narrowed by a range low..high, since it has no choices")
    cells = _whole_cells(domain, choices)
    first, last = cells[0], cells[-1]
    if domain.ordered and len(cells) == last - first + 1:
        return box.narrowed(axis, *domain.span(domain.choices[first], domain.choices[last]))
    return box.narrowed(axis, cells=cells, count=len(domain.choices))
