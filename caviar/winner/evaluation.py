"""What a network's probabilities are worth on a part of the data: figures, class by class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from caviar.data.dataset import Part

WORST: Final = 24
"""Examples with the highest loss that are kept for a person to look at."""

_ROWS: Final = 16_384
"""Examples a network is given at a time."""

Probabilities = NDArray[np.float32]


class Predictor(Protocol):
    """Whatever predicts; `caviar.winner.network.Network` does."""

    def probabilities(self, x: NDArray[Any]) -> Probabilities:
        """Float32 `[n, classes]` of examples `[n, ...]` as they lie on disk."""
        ...


@dataclass(frozen=True, slots=True)
class Score:
    """How good predictions are.

    Attributes:
        accuracy: share classified rightly, in [0, 1].
        loss: mean cross-entropy, in nats.
    """

    accuracy: float
    loss: float


def predict(network: Predictor, part: Part) -> Probabilities:
    """Float32 `[n, classes]` of all examples of a part."""
    starts = range(0, len(part), _ROWS)
    return np.concatenate([network.probabilities(part.x[s : s + _ROWS]) for s in starts])


def score(probabilities: Probabilities, labels: NDArray[np.int32]) -> Score:
    """Accuracy and loss; what is not finite is classified wrongly.

    Args:
        probabilities: `[n, classes]`.
        labels: `[n]`.
    """
    right = _classes(probabilities) == labels
    return Score(float(right.mean()), float(losses(probabilities, labels).mean()))


def losses(probabilities: Probabilities, labels: NDArray[np.int32]) -> NDArray[np.float64]:
    """Cross-entropy of each example in nats, `[n]`.

    A float32 probability reaches 0 where the loss it was made from was about 100; it is taken for
    the smallest there is, so that one example cannot make a mean infinite.
    """
    own = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    least = float(np.finfo(np.float32).tiny)
    return -np.log(np.clip(np.nan_to_num(own, nan=least), least, 1.0))


def confusion(
    probabilities: Probabilities, labels: NDArray[np.int32], classes: int
) -> NDArray[np.int64]:
    """Counts `[classes, classes]`: a row is the true class, a column what was predicted."""
    counts = np.zeros((classes, classes), np.int64)
    np.add.at(counts, (labels, np.maximum(_classes(probabilities), 0)), 1)
    return counts


def per_class(counts: NDArray[np.int64], names: Sequence[str]) -> list[dict[str, Any]]:
    """Class by class from a confusion matrix.

    Returns:
        `class`, `examples`, `recall` (None without examples) and `precision` (None where the
        class was never predicted).
    """
    right, true, said = np.diag(counts), counts.sum(axis=1), counts.sum(axis=0)
    return [
        {
            "class": name,
            "examples": int(true[place]),
            "recall": _share(right[place], true[place]),
            "precision": _share(right[place], said[place]),
        }
        for place, name in enumerate(names)
    ]


def ensemble(several: Sequence[Probabilities]) -> Probabilities:
    """The mean of several networks' probabilities, `[n, classes]`."""
    return np.stack(several).mean(axis=0, dtype=np.float64).astype(np.float32)


def worst(
    probabilities: Probabilities, labels: NDArray[np.int32], most: int = WORST
) -> NDArray[np.int64]:
    """Rows of the examples with the highest loss, the highest first, `[k]`."""
    return np.argsort(-losses(probabilities, labels), kind="stable")[:most].astype(np.int64)


def _classes(probabilities: Probabilities) -> NDArray[np.int64]:
    """The likeliest class of each row, `[n]`; -1 where a row is not finite."""
    sound = np.isfinite(probabilities).all(axis=1)
    return np.where(sound, probabilities.argmax(axis=1), -1)


def _share(part: np.int64, of: np.int64) -> float | None:
    return float(part / of) if of else None
