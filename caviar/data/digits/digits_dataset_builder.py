"""Handwritten digits, 1,797 images of 8 x 8, from the copy scikit-learn ships: no network needed.

The module registers `Builder` with TensorFlow Datasets under the name `digits` when imported.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from etils import epath

_SIDE = 8
_CLASSES = 10


class Builder(tfds.core.GeneratorBasedBuilder):
    """Optical Recognition of Handwritten Digits, in the order and scale scikit-learn keeps them."""

    # Told outright: TFDS would ask importlib.resources for it, which some editable installs defeat.
    pkg_dir_path = epath.Path(__file__).parent
    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "All 1,797 images in one split, as scikit-learn ships them."}  # noqa: RUF012

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Tensor(shape=(_SIDE, _SIDE), dtype=np.uint8),
                    "label": tfds.features.ClassLabel(num_classes=_CLASSES),
                }
            ),
            supervised_keys=("image", "label"),
            homepage="https://archive.ics.uci.edu/dataset/80",
        )

    def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
        del dl_manager  # nothing is downloaded
        return {"train": self._generate_examples()}

    def _generate_examples(self) -> Iterator[tuple[int, dict[str, Any]]]:
        from sklearn.datasets import load_digits

        digits = load_digits()
        for index, (image, label) in enumerate(zip(digits.images, digits.target, strict=True)):
            yield index, {"image": image.astype(np.uint8), "label": int(label)}
