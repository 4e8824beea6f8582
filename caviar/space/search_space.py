"""The search space: named domains <-> points of the unit cube, with fixed values beside them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from caviar.errors import StudyError
from caviar.space.domain import Domain, Value


@dataclass(frozen=True)
class SearchSpace:
    """What a study searches and what it holds still.

    Attributes:
        domains: the searched hyperparameters by name; their order is that of the coordinates.
        fixed: values that every trial shares, by name; none of them in `domains`.
    """

    domains: Mapping[str, Domain]
    fixed: Mapping[str, Value] = field(default_factory=dict)

    def __post_init__(self) -> None:
        both = self.domains.keys() & self.fixed.keys()
        if both:
            raise StudyError(f"a hyperparameter is searched or fixed, not both, got {min(both)!r}")
        # Copies, so that whoever made the mappings cannot change the space under a search.
        object.__setattr__(self, "domains", dict(self.domains))
        object.__setattr__(self, "fixed", dict(self.fixed))

    @property
    def names(self) -> tuple[str, ...]:
        """The searched hyperparameters, in the order of the coordinates."""
        return tuple(self.domains)

    @property
    def dimensions(self) -> int:
        """Coordinates of a point: d of the unit cube [0, 1]^d."""
        return len(self.domains)

    def decode(self, point: Iterable[float]) -> dict[str, Value]:
        """A point `[d]` of the unit cube as hyperparameters: searched ones first, then fixed.

        Raises:
            ValueError: if the point is not of this space or leaves the unit cube.
        """
        coordinates = [float(u) for u in point]
        if len(coordinates) != self.dimensions:
            raise ValueError(f"a point must have {self.dimensions} values, got {len(coordinates)}")
        pairs = zip(self.domains.items(), coordinates, strict=True)
        return {name: domain.decode(u) for (name, domain), u in pairs} | dict(self.fixed)

    def encode(self, hyperparameters: Mapping[str, Value]) -> tuple[float, ...]:
        """The point `[d]` of these hyperparameters; names that are not searched are ignored.

        Raises:
            StudyError: if a searched one is missing or outside its domain.
        """
        return tuple(
            self._encode_one(name, domain, hyperparameters) for name, domain in self.domains.items()
        )

    def _encode_one(self, name: str, domain: Domain, given: Mapping[str, Value]) -> float:
        if name not in given:
            raise StudyError(f"{name}: must be given, since the study searches it")
        try:
            return domain.encode(given[name])
        except StudyError as error:
            raise StudyError(f"{name}: {error}") from None
