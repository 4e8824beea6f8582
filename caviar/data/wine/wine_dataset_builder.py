"""Chemistry of 178 wines of three cultivars, from the copy scikit-learn ships: no network.

The module registers `Builder` with TensorFlow Datasets as `wine` when imported.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import tensorflow_datasets as tfds
from etils import epath

from caviar.data.scikit_learn import table_examples, table_info

_FEATURES = 13
_CLASSES = ["cultivar_1", "cultivar_2", "cultivar_3"]


class Builder(tfds.core.GeneratorBasedBuilder):
    """Wine, in the order and units scikit-learn keeps it."""

    # Told outright: TFDS would ask importlib.resources for it, which some editable installs defeat.
    pkg_dir_path = epath.Path(__file__).parent
    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "All 178 examples in one split, as scikit-learn ships them."}  # noqa: RUF012

    def _info(self) -> tfds.core.DatasetInfo:
        return table_info(self, _FEATURES, _CLASSES, "https://archive.ics.uci.edu/dataset/109")

    def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
        del dl_manager  # nothing is downloaded
        return {"train": self._generate_examples()}

    def _generate_examples(self) -> Iterator[tuple[int, dict[str, Any]]]:
        from sklearn.datasets import load_wine

        return table_examples(load_wine())
