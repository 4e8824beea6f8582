"""The winner's trained networks, and what they are worth on dev and test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from caviar.data.dataset import Dataset, Part
from caviar.errors import StudyError
from caviar.search.intervals import t_interval, wilson
from caviar.winner import evaluation
from caviar.winner.choice import Choice, Run
from caviar.winner.evaluation import Probabilities, Score
from caviar.winner.network import Network
from caviar.winner.runs import Field

_AGREE: Final = 0.02
"""How far a checkpoint's dev accuracy may lie from the journal's: products in bfloat16 round."""


@dataclass(frozen=True)
class Trained:
    """The winner's runs that came to a good end, as networks.

    Attributes:
        field: where their checkpoints are.
        choice: who won.
        data: without the test part, which only `on_test` is given.
    """

    field: Field
    choice: Choice
    data: Dataset

    @property
    def runs(self) -> tuple[Run, ...]:
        """By replicate."""
        return self.choice.winner.complete

    @property
    def exported(self) -> Network:
        """The network of the run that is exported."""
        return self._networks[self._place]

    @cached_property
    def checkpoints(self) -> list[str]:
        """The SHA-256 of each run's checkpoint."""
        return [self.field.checkpoints[run.trial].sha256 for run in self.runs]

    def on_dev(self) -> dict[str, Any]:
        """The card's `dev`; the journal's figures are held against the checkpoints'.

        Raises:
            StudyError: a checkpoint is damaged, or not what the journal says of it.
        """
        part = self.data.dev
        for run, found in zip(self.runs, self._dev, strict=True):
            self._check(run, evaluation.score(found, part.y))
        return {"examples": len(part), **self._looked_at(self._dev, part)}

    def on_test(self, part: Part) -> dict[str, Any]:
        """What the runs are worth on the test set: the card's `test`, but for the reading."""
        several = [evaluation.predict(network, part) for network in self._networks]
        found = [evaluation.score(each, part.y) for each in several]
        accuracy = t_interval([score.accuracy for score in found], 0.0, 1.0)
        low, high = wilson(accuracy.mean, len(part))
        return {
            "accuracy": accuracy.to_json(),
            "sampling": {"low": low, "high": high},
            "runs": [
                {"replicate": run.replicate, "accuracy": score.accuracy, "loss": score.loss}
                for run, score in zip(self.runs, found, strict=True)
            ],
            **self._looked_at(several, part),
        }

    def save_dev(self, file: Path) -> None:
        """Writes what the exported network makes of the dev part, and where it is most wrong.

        Args:
            file: an `.npz` of `probabilities [n, classes]`, `labels [n]`, `worst [k]` (rows, the
                highest loss first) and `worst_x [k, *feature_shape]` as on disk.
        """
        part, found = self.data.dev, self._dev[self._place]
        rows = evaluation.worst(found, part.y)
        arrays: dict[str, NDArray[Any]] = {
            "probabilities": found,
            "labels": part.y.astype(np.int32),
            "worst": rows,
            "worst_x": part.x[rows].reshape(len(rows), *self.data.feature_shape),
        }
        np.savez(file, allow_pickle=False, **arrays)

    @cached_property
    def _networks(self) -> list[Network]:
        return [self._network(run) for run in self.runs]

    @cached_property
    def _dev(self) -> list[Probabilities]:
        return [evaluation.predict(network, self.data.dev) for network in self._networks]

    @property
    def _place(self) -> int:
        return self.runs.index(self.choice.exported)

    def _network(self, run: Run) -> Network:
        checkpoint = self.field.read(run)
        place = f"{self.field.folder}: trial {run.trial}"
        given = (self.data.mean, self.data.std)
        try:
            network = Network.from_checkpoint(checkpoint, self.data.feature_shape, given)
        except StudyError as error:
            raise StudyError(f"{place}: {error}") from None
        if network.classes != self.data.classes:
            raise StudyError(
                f"{place}: must have the data's {self.data.classes} classes, got {network.classes}"
            )
        return network

    def _check(self, run: Run, score: Score) -> None:
        told = run.end.dev_accuracy if run.end is not None else score.accuracy
        if abs(told - score.accuracy) > _AGREE + 2 / len(self.data.dev):
            raise StudyError(
                f"{self.field.folder}: trial {run.trial}: its checkpoint has a dev accuracy of "
                f"{score.accuracy:.4f}, the journal says {told:.4f}: one of them was changed"
            )

    def _looked_at(self, several: Sequence[Probabilities], part: Part) -> dict[str, Any]:
        """The exported network class by class, and the ensemble of all."""
        counts = evaluation.confusion(several[self._place], part.y, self.data.classes)
        together = evaluation.score(evaluation.ensemble(several), part.y)
        return {
            "confusion": counts.tolist(),
            "per_class": evaluation.per_class(counts, self.data.class_names),
            "ensemble": {"accuracy": together.accuracy, "loss": together.loss},
        }
