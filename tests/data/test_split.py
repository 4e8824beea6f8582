"""The cut: stratified, seeded, disjoint, and refused where it cannot be made."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from caviar.data import split
from caviar.errors import StudyError

NAMES = tuple("abcdefghij")


def cut(labels: np.ndarray, shares: tuple[float, ...], seed: int = 0) -> list[np.ndarray]:
    return split.stratified_split(labels, shares, split.generator(seed), NAMES)


@settings(max_examples=60, deadline=None)
@given(
    totals=st.lists(st.integers(3, 60), min_size=2, max_size=10),
    test=st.sampled_from([0.0, 0.01, 0.2, 0.5]),
    dev=st.sampled_from([0.01, 0.2, 0.3]),
    seed=st.integers(0, 2**40),
)
def test_every_example_has_one_part_and_every_class_is_in_each(
    totals: list[int], test: float, dev: float, seed: int
) -> None:
    labels = np.random.default_rng(1).permutation(np.repeat(np.arange(len(totals)), totals))
    parts = cut(labels, (1.0 - dev - test, dev, test), seed)
    np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.arange(len(labels)))
    for rows, share in zip(parts[1:], (dev, test), strict=True):
        counts = np.bincount(labels[rows], minlength=len(totals))
        if share == 0.0:
            assert len(rows) == 0
            continue
        assert counts.min() >= 1
        assert np.all(np.abs(counts - np.array(totals) * share) <= 1.0)
    assert np.bincount(labels[parts[0]], minlength=len(totals)).min() >= 1


def test_the_cut_is_a_function_of_the_seed_alone() -> None:
    labels = np.arange(300) % 10
    again = cut(labels, (0.6, 0.2, 0.2), seed=7)
    for one, other in zip(cut(labels, (0.6, 0.2, 0.2), seed=7), again, strict=True):
        np.testing.assert_array_equal(one, other)
    assert not np.array_equal(cut(labels, (0.6, 0.2, 0.2), seed=8)[1], again[1])


def test_shares_are_met_as_closely_as_whole_examples_allow() -> None:
    labels = np.arange(1797) % 10
    sizes = [len(part) for part in cut(labels, (0.6, 0.2, 0.2))]
    assert sizes == [1079, 359, 359]


@pytest.mark.parametrize(
    ("examples", "expected"),
    [(1_797, (0.6, 0.2, 0.2)), (99_999, (0.6, 0.2, 0.2)), (100_000, (0.98, 0.01, 0.01))],
)
def test_default_fractions(examples: int, expected: tuple[float, float, float]) -> None:
    assert split.default_fractions(examples) == expected


def test_a_class_too_small_to_be_cut_is_named() -> None:
    labels = np.array([0] * 20 + [1] * 2)
    with pytest.raises(StudyError, match=r"class 'b' must have .* each of 3 parts, got 2"):
        cut(labels, (0.6, 0.2, 0.2))


@pytest.mark.parametrize(
    "fractions",
    [(0.5, 0.5), (0.6, 0.2, 0.1), (1.2, -0.1, -0.1), (1.0, 0.0, 0.0), (float("nan"), 0.5, 0.5)],
)
def test_fractions_that_cannot_be_cut_by_are_refused(fractions: tuple[float, ...]) -> None:
    with pytest.raises(StudyError, match=r"data.fractions: .* got \["):
        split.check_fractions(fractions)


def test_a_negative_seed_is_refused() -> None:
    with pytest.raises(StudyError, match="seed: must be >= 0, got -1"):
        split.generator(-1)
