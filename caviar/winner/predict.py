"""A winner at work: what it says of new examples, without TensorFlow.

It computes from the exported run's checkpoint, which `export` put beside the models.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from caviar.errors import StudyError
from caviar.winner.about import CHECKPOINT, FILE, About
from caviar.winner.examples import read_examples
from caviar.winner.network import Network
from caviar.winner.weights import Array

FOLDER: Final = "winner"
"""Where a study's winner is, in its directory."""


@dataclass(frozen=True, eq=False)
class Predictions:
    """What a model says of some examples.

    Attributes:
        classes: their names.
        probabilities: float32 `[n, classes]`.
        remark: what a person should know of the examples; empty if all is well.
    """

    classes: tuple[str, ...]
    probabilities: Array
    remark: str = ""

    @property
    def names(self) -> list[str]:
        """The likeliest class of each example, the first of equal ones."""
        return [self.classes[place] for place in self.probabilities.argmax(axis=1)]

    def likeliest(self, row: int, most: int) -> list[tuple[str, float]]:
        """An example's classes and their probabilities, the likeliest first, at most so many."""
        found = self.probabilities[row]
        order = np.argsort(-found, kind="stable")[:most]
        return [(self.classes[place], float(found[place])) for place in order]

    def to_json(self) -> dict[str, Any]:
        """Plain data; probabilities in the fewest digits that tell float32 numbers apart."""
        examples = [
            {"class": name, "probabilities": [float(str(p)) for p in row]}
            for name, row in zip(self.names, self.probabilities, strict=True)
        ]
        return {"classes": list(self.classes), "examples": examples}


@dataclass(frozen=True, eq=False)
class Winner:
    """A study's winner, ready to predict.

    Attributes:
        network: the exported one.
        about: what it takes and what its answers mean.
    """

    network: Network
    about: About

    @classmethod
    def load(cls, directory: Path) -> Winner:
        """The winner of a study.

        Args:
            directory: the study's, or a copy of its folder `winner`.

        Raises:
            StudyError: there is none, or it is damaged.
        """
        folder = directory / FOLDER
        if not folder.is_dir() and (directory / FILE).is_file():
            folder = directory
        if not directory.is_dir():
            raise StudyError(f"{directory}: there is no such directory")
        if not folder.is_dir():
            raise StudyError(
                f"{directory}: has no winner yet; `caviar winner {directory}` finds one"
            )
        about = About.load(folder / FILE)
        network = Network.load(folder / CHECKPOINT, about.shape)
        if network.classes != len(about.classes):
            raise StudyError(f"{folder}: {FILE} must name {network.classes} classes")
        return cls(network, about)

    def of_file(self, path: Path) -> Predictions:
        """What it says of the examples in a file; see `caviar.winner.examples`.

        Raises:
            StudyError: the file cannot be read, or its examples are others.
        """
        given = read_examples(path, self.about)
        found = self.network.probabilities(given.x)
        for row in np.flatnonzero(~np.isfinite(found).all(axis=1))[:1]:
            raise StudyError(f"{path}: example {row}: must be numbers the model can bear")
        return Predictions(self.about.classes, found, given.remark)
