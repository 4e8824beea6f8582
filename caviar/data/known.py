"""Sizes of well-known data sets, so that a study can be sized up without reading any.

From the catalogue of TensorFlow Datasets (https://www.tensorflow.org/datasets/catalog).
"""

from __future__ import annotations

from typing import Final

_SIZES: Final = {
    "digits": (64, 10),
    "mnist": (784, 10),
    "fashion_mnist": (784, 10),
    "kmnist": (784, 10),
    "emnist": (784, 62),
    "cifar10": (3072, 10),
    "cifar100": (3072, 100),
    "svhn_cropped": (3072, 10),
    "iris": (4, 3),
    "wine": (13, 3),
    "breast_cancer": (30, 2),
    "signals1d": (40, 10),
}


def known_sizes(name: str) -> tuple[int, int] | None:
    """Features and classes of `name[:version]`, or None for one not listed or configured."""
    return _SIZES.get(name.partition(":")[0])
