"""Cutting a source into a data set, and what is refused."""

from __future__ import annotations

import errno
from pathlib import Path

import numpy as np
import pytest

from caviar.data.dataset import Dataset, Examples, Source
from caviar.data.load import cut_source, load_dataset
from caviar.data.request import Request
from caviar.data.split import Fractions, generator
from caviar.errors import StudyError


def examples(rows: int, seed: int = 0, classes: int = 2) -> Examples:
    x = np.random.default_rng(seed).normal(size=(rows, 4)).astype(np.float32)
    return Examples(x, (np.arange(rows) % classes).astype(np.int32))


def source(**splits: Examples) -> Source:
    return Source("made", "1.0.0", ("no", "yes"), (2, 2), splits)


def made(seed: int = 0, fractions: Fractions | None = None, **splits: Examples) -> Dataset:
    return cut_source(source(**splits), generator(seed), Request(fractions=fractions))


def sizes(data: Dataset) -> tuple[int, int, int | None]:
    return len(data.train), len(data.dev), None if data.test is None else len(data.test)


def test_one_split_is_cut_in_three() -> None:
    data = made(train=examples(100))
    assert sizes(data) == (60, 20, 20)
    assert (data.features, data.classes, data.feature_shape) == (4, 2, (2, 2))
    np.testing.assert_allclose(data.standardised(data.train).mean(axis=0), 0.0, atol=1e-6)
    assert data.test is not None
    raw = np.concatenate([part.x for part in (data.train, data.dev, data.test)])
    assert sorted(map(bytes, raw)) == sorted(map(bytes, examples(100).x))


def test_what_the_data_set_brings_stays_and_what_it_lacks_is_cut() -> None:
    brought = examples(30, seed=5)
    data = made(train=examples(100), test=brought)
    assert sizes(data) == (80, 20, 30)
    assert data.test is not None
    np.testing.assert_array_equal(data.test.x, brought.x)
    assert sizes(made(train=examples(100), validation=examples(10))) == (80, 10, 20)
    assert sizes(made(train=examples(100), validation=brought, test=brought)) == (100, 30, 30)


def test_no_test_part_is_dev_only() -> None:
    assert sizes(made(fractions=(0.8, 0.2, 0.0), train=examples(100))) == (80, 20, None)
    assert made(train=examples(100)).without_test().test is None


def test_the_fingerprint_tells_the_data_and_the_cut() -> None:
    first = made(train=examples(100)).fingerprint
    assert made(train=examples(100)).fingerprint == first
    assert len(first) == 64
    assert made(seed=1, train=examples(100)).fingerprint != first
    assert made(train=examples(100, seed=1)).fingerprint != first
    assert made(fractions=(0.5, 0.3, 0.2), train=examples(100)).fingerprint != first


def test_labels_out_of_range_are_named_with_their_row() -> None:
    bad = examples(100)
    bad.y[17] = 2
    with pytest.raises(
        StudyError, match=r"split 'train': labels must be in \[0, 2\), got 2 in row 17"
    ):
        made(train=bad)


def test_one_class_only_is_refused() -> None:
    with pytest.raises(StudyError, match="at least two classes, got only 'no'"):
        made(train=Examples(examples(10).x, np.zeros(10, np.int32)))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_values_that_are_not_finite_are_named_with_their_place(value: float) -> None:
    bad = examples(20)
    bad.x[9_000 % 20, 3] = value
    with pytest.raises(StudyError, match=f"finite, got {value} in row 0, feature 3"):
        made(train=bad)


def test_an_empty_split_is_refused() -> None:
    with pytest.raises(StudyError, match="split 'test': must have examples, got 0"):
        made(train=examples(20), test=examples(0))


def test_a_path_that_the_system_refuses_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(
        StudyError, match=r"^data\.path: .*\.\.\.' cannot be read: File name too long"
    ):
        load_dataset(Request(path=tmp_path / ("a" * 5000)), 0)


def test_a_folder_without_permission_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(self))

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(StudyError, match="cannot be read: Permission denied"):
        load_dataset(Request(path=tmp_path), 0)


def test_own_data_sets_have_no_configurations() -> None:
    with pytest.raises(StudyError, match="'digits' has no configurations, got 'digits/small'"):
        load_dataset("digits/small", 0)
