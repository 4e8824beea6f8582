"""Class weights: by hand, of mean 1 over the training part."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.utils.class_weight import compute_class_weight

from caviar.data.class_weights import class_weights
from caviar.errors import StudyError

NAMES = ("common", "rare", "rarest")
LABELS = np.repeat(np.arange(3, dtype=np.int32), [70, 20, 10])


def test_none_weighs_nothing() -> None:
    assert class_weights("none", LABELS, NAMES) is None


def test_balanced_is_scikit_learns() -> None:
    weights = class_weights("balanced", LABELS, NAMES)
    assert weights is not None
    theirs = compute_class_weight("balanced", classes=np.arange(3), y=LABELS)
    np.testing.assert_allclose(weights, theirs, rtol=1e-6)
    assert weights[LABELS].mean() == pytest.approx(1.0)


def test_given_weights_keep_their_ratios_and_the_others_are_1() -> None:
    weights = class_weights({"rarest": 11}, LABELS, NAMES)
    assert weights is not None
    np.testing.assert_allclose(weights, [0.5, 0.5, 5.5])
    assert weights.dtype == np.float32


def test_a_class_without_examples_gets_a_finite_weight() -> None:
    weights = class_weights("balanced", LABELS, (*NAMES, "absent"))
    assert weights is not None
    assert np.isfinite(weights).all()
    assert weights[LABELS].mean() == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"rae": 2}, "data.class_weights: no class 'rae'; the nearest of 3 is 'rare'"),
        ({"rare": 0}, r"data.class_weights.rare: must be a number > 0, got 0"),
        ({"rare": float("inf")}, "must be a number > 0, got inf"),
        ({"rare": "2"}, "must be a number > 0, got '2'"),
        ("even", 'must be "none", "balanced" or a table of weights by class, got \'even\''),
    ],
)
def test_other_weights_are_refused(asked: Any, message: str) -> None:
    with pytest.raises(StudyError, match=message):
        class_weights(asked, LABELS, NAMES)
