"""Starting drivers on the tests' cluster."""

import pytest
from drivers import drivers


@pytest.fixture
def start(cluster):
    """Begins a study's driver, as `drivers.start`; it is gone when the test is."""
    with drivers(cluster) as begin:
        yield begin
