"""What stands in for a missing value: by hand, and from the training rows only."""

from __future__ import annotations

import numpy as np
import pytest

from caviar.data.dataset import Examples, Source
from caviar.data.missing import fill, fill_values
from caviar.errors import StudyError

NAN = np.nan
X = np.array([[1, 1, 0], [1, NAN, NAN], [6, 1, 0], [NAN, 0, 1], [900, 0, 1], [900, 0, 1]], "f4")
TRAIN = np.arange(4)  # the last two rows belong to another part


def source(x: np.ndarray = X) -> Source:
    splits = {"train": Examples(x, np.zeros(len(x), np.int32))}
    names = ("age", "color", "color")
    return Source("t.csv", "file", ("a",), (3,), splits, names, (slice(1, 3),), "path")


@pytest.mark.parametrize(("how", "age"), [("mean", 8 / 3), ("median", 1), ("most_frequent", 1)])
def test_the_training_rows_decide(how: str, age: float) -> None:
    values = fill_values(source(), TRAIN, how)
    np.testing.assert_allclose(values, [age, 1, 0], rtol=1e-6)
    filled = fill(X, values)
    np.testing.assert_allclose(filled[3], [age, 0, 1], rtol=1e-6)
    np.testing.assert_array_equal(filled[1], [1, 1, 0])
    np.testing.assert_array_equal(filled[4:], X[4:])


def test_nothing_missing_copies_nothing() -> None:
    whole = np.ones((4, 3), np.float32)
    values = fill_values(source(whole), TRAIN, "mean")
    assert values is None
    assert fill(whole, values) is whole


def test_bytes_miss_nothing() -> None:
    assert fill_values(source(np.ones((4, 3), np.uint8)), TRAIN, "median") is None


@pytest.mark.parametrize(("column", "name"), [(0, "age"), (1, "color")])
def test_a_feature_without_a_value_in_train_is_named(column: int, name: str) -> None:
    x = X.copy()
    x[:4, [column] if column == 0 else [1, 2]] = NAN
    with pytest.raises(StudyError, match=f"data.path: 't.csv': column '{name}': must have a value"):
        fill_values(source(x), TRAIN, "mean")
