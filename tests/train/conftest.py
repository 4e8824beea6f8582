"""Data for training tests, and training without compiling."""

import pytest
import small_problem


@pytest.fixture(scope="session")
def parts():
    """A training part of 100 (six batches of 16 and a rest) and a dev part of 37."""
    return small_problem.parts()


@pytest.fixture
def eagerly():
    """Runs the compiled calls as plain TensorFlow: the same numbers but for rounding.

    A compilation takes longer than hundreds of steps; what is no matter of bits needs none.
    """
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)
