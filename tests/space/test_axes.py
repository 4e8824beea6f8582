"""What a searcher may know of each coordinate."""

import pytest

from caviar.space.axis import Axis
from caviar.space.domain import Choice, Domain, Float, Integer
from caviar.space.scale import LOG
from caviar.space.search_space import SearchSpace

AXES: tuple[tuple[Domain, Axis], ...] = (
    (Float(0.0, 1.0), Axis(None, ordered=True)),
    (Float(0.1, 0.5, step=0.1), Axis(5, ordered=True)),
    (Integer(3, 9), Axis(7, ordered=True)),
    (Integer(16, 128, 16, LOG), Axis(8, ordered=True)),
    (Choice(("a", "b", "c")), Axis(3, ordered=False)),
    (Choice((16, 32), ordered=True), Axis(2, ordered=True)),
)


@pytest.mark.parametrize(("domain", "axis"), AXES)
def test_a_domain_tells_its_axis(domain: Domain, axis: Axis) -> None:
    assert domain.axis == axis


@pytest.mark.parametrize(("domain", "axis"), AXES[1:])
def test_as_many_values_as_cells(domain: Domain, axis: Axis) -> None:
    found = {domain.decode(i / 10_000) for i in range(10_001)}
    assert len(found) == axis.cells


def test_a_space_has_its_axes_in_the_order_of_the_coordinates() -> None:
    domains: dict[str, Domain] = {str(i): domain for i, (domain, _) in enumerate(AXES)}
    assert SearchSpace(domains, {"fixed": 1}).axes == tuple(axis for _, axis in AXES)
    assert SearchSpace({}).axes == ()
