"""Student's t against SciPy's."""

import pytest
from scipy.special import stdtrit

from caviar.search.student import student


@pytest.mark.parametrize("freedom", [*range(1, 31), 60, 99, 358, 1000])
@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.95, 0.999])
def test_it_is_scipys(freedom, confidence):
    expected = stdtrit(freedom, (1 + confidence) / 2)
    assert student(freedom, confidence) == pytest.approx(expected, rel=1e-9)
