"""Data for training tests."""

import pytest
import small_problem


@pytest.fixture(scope="session")
def parts():
    """A training part of 100 (six batches of 16 and a rest) and a dev part of 37."""
    return small_problem.parts()
