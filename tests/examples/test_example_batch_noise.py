"""Batch norm's noise falls as one over the square root of the batch."""

import math

import pytest


@pytest.fixture(scope="module")
def batch_noise(example):
    return example("batch_noise")


@pytest.mark.parametrize("batch", [8, 32, 128, 512])
def test_noise_is_what_theory_says(batch_noise, batch: int) -> None:
    found = batch_noise.noise(batch)
    assert found.mean == pytest.approx(1 / math.sqrt(batch), rel=0.05)
    assert found.variance == pytest.approx(math.sqrt(2 * (batch - 1)) / batch, rel=0.05)


def test_four_times_the_batch_halves_the_noise_of_an_example(batch_noise) -> None:
    small, large = batch_noise.noise(64), batch_noise.noise(256)
    assert small.unit / large.unit == pytest.approx(2.0, rel=0.1)


def test_it_prints(batch_noise, capsys) -> None:
    batch_noise.main()
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines if line[:5].strip().isdigit()] == [
        str(batch) for batch in batch_noise.BATCHES
    ] * 2
