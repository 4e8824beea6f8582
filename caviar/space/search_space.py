"""The search space: named domains <-> points of the unit cube, with fixed values beside them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from caviar.errors import StudyError
from caviar.space.axis import Axis
from caviar.space.condition import Condition, Following, in_order
from caviar.space.domain import Domain, Value
from caviar.space.expression import Expression
from caviar.space.home import home_span
from caviar.space.terms import Kind, kind_of

INACTIVE: Final = 0.5
"""The coordinate of a hyperparameter that is inactive; any other would decode alike."""


@dataclass(frozen=True)
class SearchSpace:
    """What a study searches and what it holds still.

    Attributes:
        domains: the searched hyperparameters by name; their order is that of the coordinates.
        fixed: values that every trial shares, by name, or that follow another's value; none of
            them in `domains`.
        conditions: by name, where one of `domains` or `fixed` is active; without, everywhere.
        constraints: what a trial must fulfil to be tried; points that do not are in the cube and
            decode as all others, but are `feasible` to nobody.
    """

    domains: Mapping[str, Domain]
    fixed: Mapping[str, Value | Following] = field(default_factory=dict)
    conditions: Mapping[str, Condition] = field(default_factory=dict)
    constraints: tuple[Expression, ...] = ()
    _order: tuple[str, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        both = self.domains.keys() & self.fixed.keys()
        if both:
            raise StudyError(f"a hyperparameter is searched or fixed, not both, got {min(both)!r}")
        # Copies, so that whoever made the mappings cannot change the space under a search.
        for name in ("domains", "fixed", "conditions"):
            object.__setattr__(self, name, dict(getattr(self, name)))
        object.__setattr__(self, "_order", self._find_order())
        self._check_constraints()

    def _check_constraints(self) -> None:
        kinds = {name: self._kind(name) for name in self._order}
        for constraint in self.constraints:
            for name in constraint.names:
                if name not in kinds:
                    raise StudyError(f"{constraint}: unknown hyperparameter {name!r}")
            constraint.check(kinds)

    def _kind(self, name: str) -> Kind:
        """What the values of a hyperparameter are."""
        if name in self.domains:
            return kind_of(self.domains[name].bounds[0])
        fixed = self.fixed[name]
        return kind_of(fixed.values[0][1] if isinstance(fixed, Following) else fixed)

    def _find_order(self) -> tuple[str, ...]:
        """All names, each behind those its condition or its value depends on."""
        known = {**self.domains, **self.fixed}
        for name, condition in self.conditions.items():
            for unknown in {name, *condition.others} - known.keys():
                raise StudyError(f"{name}: a condition must be about the space, got {unknown!r}")
        return in_order({name: self._needs(name) for name in known})

    def _needs(self, name: str) -> tuple[str, ...]:
        condition, value = self.conditions.get(name), self.fixed.get(name)
        others = condition.others if condition else ()
        return (*others, value.other) if isinstance(value, Following) else others

    @property
    def names(self) -> tuple[str, ...]:
        """The searched hyperparameters, in the order of the coordinates."""
        return tuple(self.domains)

    @property
    def dimensions(self) -> int:
        """Coordinates of a point: d of the unit cube [0, 1]^d."""
        return len(self.domains)

    @property
    def axes(self) -> tuple[Axis, ...]:
        """`[d]`: what each coordinate is like."""
        return tuple(domain.axis for domain in self.domains.values())

    @property
    def home(self) -> tuple[tuple[float, float], ...]:
        """`[d]` pairs low, high in the unit cube: a person's bounds, where they may grow."""
        return tuple(home_span(domain) for domain in self.domains.values())

    def decode(self, point: Iterable[float]) -> dict[str, Value]:
        """A point `[d]` of the unit cube as hyperparameters: searched ones first, then fixed.

        Those whose condition does not hold are left out.

        Raises:
            ValueError: if the point is not of this space or leaves the unit cube.
        """
        coordinates = [float(u) for u in point]
        if len(coordinates) != self.dimensions:
            raise ValueError(f"a point must have {self.dimensions} values, got {len(coordinates)}")
        pairs = zip(self.domains.items(), coordinates, strict=True)
        active = self._active({name: domain.decode(u) for (name, domain), u in pairs})
        return {name: active[name] for name in (*self.domains, *self.fixed) if name in active}

    def encode(self, hyperparameters: Mapping[str, Value]) -> tuple[float, ...]:
        """The point `[d]` of these hyperparameters; names that are not searched are ignored.

        An inactive one, given or not, has the coordinate `INACTIVE`.

        Raises:
            StudyError: if a searched and active one is missing or outside its domain.
        """
        active = self._active(hyperparameters)
        return tuple(
            self._encode_one(name, active) if name in active else INACTIVE for name in self.domains
        )

    def feasible(self, hyperparameters: Mapping[str, Value]) -> bool:
        """Whether a trial with these, as `decode` gives them, fulfils all constraints."""
        return all(constraint.holds(hyperparameters) for constraint in self.constraints)

    def feasible_point(self, point: Iterable[float]) -> bool:
        """Whether the point `[d]` decodes to what is feasible; cheap without constraints."""
        return not self.constraints or self.feasible(self.decode(point))

    def _active(self, searched: Mapping[str, Value]) -> dict[str, Value]:
        """The active hyperparameters; `searched` has the values of the searched ones."""
        active: dict[str, Value] = {}
        for name in self._order:
            condition = self.conditions.get(name)
            if condition is None or condition.holds(active):
                value = self._value(name, searched, active)
                if value is not None:
                    active[name] = value
        return active

    def _value(
        self, name: str, searched: Mapping[str, Value], active: Mapping[str, Value]
    ) -> Value | None:
        if name in self.domains:
            if name not in searched:
                raise StudyError(f"{name}: must be given, since the study searches it")
            return searched[name]
        fixed = self.fixed[name]
        return fixed.value(active) if isinstance(fixed, Following) else fixed

    def _encode_one(self, name: str, active: Mapping[str, Value]) -> float:
        try:
            return self.domains[name].encode(active[name])
        except StudyError as error:
            raise StudyError(f"{name}: {error}") from None
