"""What the builders of scikit-learn's own tables share: one split, one vector of features.

It is imported by builders only, since it imports TensorFlow Datasets.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow_datasets as tfds


def table_info(
    builder: Any, features: int, class_names: list[str], homepage: str
) -> tfds.core.DatasetInfo:
    """The description of a table of measurements, `features` float32 `[features]` and `label`.

    Args:
        builder: whose README, tags and citation go in.
        features: measurements of one example.
        class_names: in the order of scikit-learn's class numbers.
        homepage: of the data.
    """
    return builder.dataset_info_from_configs(
        features=tfds.features.FeaturesDict(
            {
                "features": tfds.features.Tensor(shape=(features,), dtype=np.float32),
                "label": tfds.features.ClassLabel(names=class_names),
            }
        ),
        supervised_keys=("features", "label"),
        homepage=homepage,
    )


def table_examples(bunch: Any) -> Iterator[tuple[int, dict[str, Any]]]:
    """The rows of what a `sklearn.datasets.load_...` gives, in its order."""
    for index, (row, label) in enumerate(zip(bunch.data, bunch.target, strict=True)):
        yield index, {"features": row.astype(np.float32), "label": int(label)}
