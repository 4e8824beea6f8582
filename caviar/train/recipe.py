"""What a compiled epoch computes, whatever its numbers are: the structure behind a signature."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from caviar.errors import StudyError
from caviar.nn.network import Network, Shape
from caviar.study.records import Signature
from caviar.study.tables import Augmentation
from caviar.train.optimizers import OPTIMIZERS, Optimizer

AUGMENTATIONS: Final = tuple(Augmentation.model_fields)
"""Techniques that change the minibatch."""


@dataclass(frozen=True)
class Recipe:
    """The structure of a training step.

    Attributes:
        network: the forward pass, at its padded sizes.
        optimizer: the family.
        batch_size: examples in a step, shared by all lanes.
        techniques: those that some lane may use, by hyperparameter name; others cost nothing.
    """

    network: Network
    optimizer: Optimizer
    batch_size: int
    techniques: frozenset[str] = frozenset()

    @classmethod
    def of(cls, signature: Signature, features: int, classes: int) -> Recipe:
        """The recipe of a signature, for a data set of so many features and classes.

        Raises:
            StudyError: there is no such optimiser.
        """
        shape = Shape(features, signature.widths, classes, signature.batch_norm)
        network = Network(shape, signature.activation, signature.precision)
        optimizer = _optimizer(signature.optimizer)
        return cls(network, optimizer, signature.batch_size, frozenset(signature.techniques))

    @property
    def depth(self) -> int:
        """Hidden layers, padded ones included."""
        return len(self.network.shape.units)

    @property
    def numbers(self) -> tuple[str, ...]:
        """Hyperparameters that enter the step as one number a lane; the rate changes every step."""
        own = [name for name in self.optimizer.hyperparameters if name != "learning_rate"]
        norm = self.network.shape.batch_norm and self.depth > 0
        names = [*own, *(("batch_norm_momentum", "batch_norm_epsilon") if norm else ())]
        names += sorted(self.techniques - {"keep_prob"})
        if "keep_prob" in self.techniques:
            names += [f"keep_prob_{place + 1}" for place in range(self.depth)]
        return tuple(names)

    @property
    def augmentations(self) -> tuple[str, ...]:
        """The techniques that change the minibatch."""
        return tuple(name for name in AUGMENTATIONS if name in self.techniques)


def _optimizer(name: str) -> Optimizer:
    try:
        return OPTIMIZERS[name]
    except KeyError:
        known = ", ".join(OPTIMIZERS)
        raise StudyError(f"training.optimizer: must be one of {known}, got {name!r}") from None
