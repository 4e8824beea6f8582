"""The tape example arrives at 5 and says rightly what the tape watches."""

from functools import partial

import pytest


@pytest.fixture(scope="module")
def tape(example):
    return example("tape")


def test_adam_finds_five_in_a_thousand_steps(tape) -> None:
    assert tape.minimise(tape.cost) == pytest.approx(5.0, abs=1e-4)


def test_the_coefficients_may_be_data(tape) -> None:
    of = partial(tape.cost_given, tape.COEFFICIENTS)
    assert tape.minimise(of) == pytest.approx(5.0, abs=1e-4)
    other = partial(tape.cost_given, tape.np.array([2.0, -8.0, 1.0], dtype="float32"))
    assert tape.minimise(other) == pytest.approx(2.0, abs=1e-4)


def test_adam_is_not_there_after_one_step(tape) -> None:
    # Adam's first step is as long as the learning rate, whatever the gradient.
    assert tape.minimise(tape.cost, steps=1) == pytest.approx(0.1, abs=1e-6)


def test_the_tape_watches_variables_and_what_it_is_told(tape) -> None:
    assert tape.gradients_at(3.0) == {
        "variable": -4.0,
        "variable, not trainable": None,
        "constant": None,
        "constant, watched": -4.0,
    }


def test_only_a_variable_is_assigned(tape) -> None:
    assert tape.can_be_assigned(tape.tf.Variable(0.0))
    assert not tape.can_be_assigned(tape.tf.constant(0.0))


def test_it_prints(tape, capsys) -> None:
    tape.main()
    out = capsys.readouterr().out
    assert out.count("w = 5.0000") == 2
    assert "None: not watched" in out
