"""He keeps ten layers' activations and gradients at their size; the others do not."""

import pytest


@pytest.fixture(scope="module")
def initialisers(example):
    return example("initialisers")


@pytest.fixture(scope="module")
def plain(initialisers):
    return {name: initialisers.sizes(*of) for name, of in initialisers.KINDS.items()}


def test_he_keeps_the_size_through_ten_layers(plain) -> None:
    of = plain["he"]
    assert len(of.activations) == len(of.gradients) == 10
    assert 0.3 < of.activations[-1] / of.activations[0] < 3
    assert 0.2 < of.gradients[0] / of.gradients[-1] < 5


def test_too_small_vanishes_and_too_large_explodes(plain) -> None:
    small, large, he = plain["too small"], plain["too large"], plain["he"]
    # Half and twice the standard deviation: 2^10 in ten layers, 2^9 back through nine.
    assert small.activations[-1] == pytest.approx(he.activations[-1] / 2**10)
    assert large.activations[-1] == pytest.approx(he.activations[-1] * 2**10)
    assert small.gradients[0] == pytest.approx(he.gradients[0] / 2**9)
    assert large.gradients[0] == pytest.approx(he.gradients[0] * 2**9)


def test_xavier_is_too_small_for_relu(plain) -> None:
    # Half He's variance with equal fans: 2^-5 in ten layers.
    assert plain["xavier"].activations[-1] == pytest.approx(
        plain["he"].activations[-1] / 2**5, rel=1e-6
    )


def test_zeros_send_nothing(plain) -> None:
    assert set(plain["zeros"].activations) == {0.0}
    assert set(plain["zeros"].gradients[:-1]) == {0.0}


@pytest.mark.parametrize("name", ["too small", "xavier", "too large"])
def test_batch_norm_makes_the_scale_matter_little(initialisers, name: str) -> None:
    of = initialisers.sizes(*initialisers.KINDS[name], batch_norm=True)
    assert of.activations == pytest.approx([0.707] * 10, rel=0.1)


def test_it_prints(initialisers, capsys) -> None:
    initialisers.main()
    lines = capsys.readouterr().out.splitlines()
    assert sum(line.split()[0] == "xavier" for line in lines if line) == 4
    assert max(map(len, lines)) < 80
