"""What the benchmarks of training train: made-up problems, and data sets kept in a folder.

NumPy only, so that a parent process that measures its children need not wake TensorFlow.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from caviar.data.dataset import Dataset, Part

Examples = tuple[NDArray[np.generic], NDArray[np.int32]]
"""Features `[n, features]` and class numbers `[n]`."""


@dataclass(frozen=True)
class Problem:
    """Sizes of a benchmark: a network, its data and its minibatch."""

    name: str
    features: int
    units: tuple[int, ...]
    classes: int
    examples: int
    batch_size: int

    def data(self) -> tuple[Examples, Examples]:
        """Made-up training and dev parts; a quarter as many dev examples, at most 2,000."""
        rng = np.random.default_rng(0)
        dev = self.dev_examples
        x = rng.normal(size=(self.examples + dev, self.features)).astype(np.float32)
        y = rng.integers(0, self.classes, len(x)).astype(np.int32)
        return (x[:-dev], y[:-dev]), (x[-dev:], y[-dev:])

    def dataset(self) -> Dataset:
        """The same parts as caviar takes them, standardised already."""
        train, dev = self.data()
        return Dataset(
            name=self.name,
            version="1.0.0",
            class_names=tuple(map(str, range(self.classes))),
            feature_shape=(self.features,),
            train=Part(*train),
            dev=Part(*dev),
            test=None,
            mean=np.zeros(self.features, np.float32),
            std=np.ones(self.features, np.float32),
            fingerprint="",
        )

    @property
    def dev_examples(self) -> int:
        """Evaluated after every epoch."""
        return min(self.examples // 4, 2_000)

    @property
    def steps(self) -> int:
        """Minibatches in an epoch; the last partial one is dropped."""
        return self.examples // self.batch_size

    @property
    def flops(self) -> int:
        """Of an epoch's matrix products: training's forward and two gradients, dev's forward."""
        products = [2 * a * b for a, b in pairwise(self.layers)]
        trained = self.steps * self.batch_size * (3 * sum(products) - products[0])
        return trained + self.dev_examples * sum(products)

    @property
    def layers(self) -> tuple[int, ...]:
        """Features, units of each hidden layer, classes."""
        return self.features, *self.units, self.classes

    @property
    def sizes(self) -> str:
        """As `784-256-128-10`."""
        return "-".join(map(str, self.layers))


def read_fashion_mnist(data_dir: Path | None) -> Dataset:
    """Fashion-MNIST cut as a study of seed 0 cuts it, 48,000 and 12,000; the test part left out."""
    from caviar.data.load import load_dataset
    from caviar.data.request import Request

    return load_dataset(Request(name="fashion_mnist", data_dir=data_dir), 0).without_test()


def keep(data: Dataset, folder: Path) -> None:
    """Writes a data set's training and dev part into a folder, for child processes to map."""
    arrays = {"train_x": data.train.x, "train_y": data.train.y, "mean": data.mean}
    arrays |= {"dev_x": data.dev.x, "dev_y": data.dev.y, "std": data.std}
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
    facts = {"name": data.name, "classes": data.class_names, "shape": data.feature_shape}
    (folder / "facts.json").write_text(json.dumps(facts))


def kept(folder: Path) -> Dataset:
    """A data set out of its folder, mapped into memory as slices map Ray's object store."""
    facts = json.loads((folder / "facts.json").read_text())
    got = {path.stem: np.load(path, mmap_mode="r") for path in folder.glob("*.npy")}
    return Dataset(
        name=facts["name"],
        version="1.0.0",
        class_names=tuple(facts["classes"]),
        feature_shape=tuple(facts["shape"]),
        train=Part(got["train_x"], got["train_y"]),
        dev=Part(got["dev_x"], got["dev_y"]),
        test=None,
        mean=np.array(got["mean"]),
        std=np.array(got["std"]),
        fingerprint="",
    )
