"""Sepals and petals of 150 irises of three species, from the copy scikit-learn ships: no network.

TensorFlow Datasets registers an `iris` of its own, which it downloads: this one is not registered.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import tensorflow_datasets as tfds
from etils import epath

from caviar.data.scikit_learn import table_examples, table_info

_FEATURES = 4
_CLASSES = ["setosa", "versicolor", "virginica"]


class Builder(tfds.core.GeneratorBasedBuilder, skip_registration=True):  # type: ignore[call-arg]
    """Iris, in the order and units scikit-learn keeps it."""

    # Told outright: TFDS would ask importlib.resources for it, which some editable installs defeat.
    pkg_dir_path = epath.Path(__file__).parent
    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "All 150 examples in one split, as scikit-learn ships them."}  # noqa: RUF012

    def _info(self) -> tfds.core.DatasetInfo:
        return table_info(self, _FEATURES, _CLASSES, "https://archive.ics.uci.edu/dataset/53")

    def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
        del dl_manager  # nothing is downloaded
        return {"train": self._generate_examples()}

    def _generate_examples(self) -> Iterator[tuple[int, dict[str, Any]]]:
        from sklearn.datasets import load_iris

        return table_examples(load_iris())
