"""Synthetic signals, ten classes, 4,000 train and 1,000 test examples: generated, no network.

The module registers `Builder` with TensorFlow Datasets as `signals1d` when imported.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from etils import epath

from caviar.data.scikit_learn import table_info
from caviar.data.signals1d.signals import POINTS, TEMPLATES, make_signals

_SEEDS = {"train": (1, 0), "test": (1, 1)}
"""One stream a split, so that neither depends on the other's size."""

_EXAMPLES = {"train": 4000, "test": 1000}


class Builder(tfds.core.GeneratorBasedBuilder):
    """Signals of forty points, after the recipe of MNIST-1D."""

    # Told outright: TFDS would ask importlib.resources for it, which some editable installs defeat.
    pkg_dir_path = epath.Path(__file__).parent
    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "4,000 train and 1,000 test examples."}  # noqa: RUF012

    def _info(self) -> tfds.core.DatasetInfo:
        classes = [str(number) for number in range(len(TEMPLATES))]
        return table_info(self, POINTS, classes, "https://arxiv.org/abs/2011.14439")

    def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
        del dl_manager  # nothing is downloaded
        return {split: self._generate_examples(split) for split in _EXAMPLES}

    def _generate_examples(self, split: str) -> Iterator[tuple[int, dict[str, Any]]]:
        signals, labels = make_signals(_EXAMPLES[split], np.random.default_rng(_SEEDS[split]))
        for index, (signal, label) in enumerate(zip(signals, labels, strict=True)):
            yield index, {"features": signal, "label": int(label)}
