"""The data set, prepared once, by the driver."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from caviar.data.dataset import Dataset
from caviar.data.load import load_dataset
from caviar.errors import StudyError
from caviar.study.hyperparameter import extremes
from caviar.study.spec import StudySpec
from caviar.tuning.worker import TrainingData


@dataclass(frozen=True)
class Prepared:
    """A data set, cut and ready.

    Attributes:
        training: what reaches the slices; the test part stays behind, sealed.
        facts: what the journal keeps of the data, as JSON: `name`, `version`, `fingerprint`,
            `class_names`, `features` and the sizes of the parts.
        line: the same for a person.
    """

    training: TrainingData
    facts: Mapping[str, Any]
    line: str


def prepare(spec: StudySpec) -> Prepared:
    """Reads the study's data set and cuts it.

    Raises:
        StudyError: the data set is unknown or unfit, or smaller than a batch.
    """
    folder = spec.data.data_dir
    data = load_dataset(
        spec.data.name,
        spec.seed,
        data_dir=Path(folder) if folder else None,
        fractions=spec.data.fractions,
    )
    _check_batches(spec, len(data.train))
    train, dev = (data.train.x, data.train.y), (data.dev.x, data.dev.y)
    return Prepared(TrainingData(train, dev, data.classes), _facts(data), _line(data))


def _check_batches(spec: StudySpec, examples: int) -> None:
    """Refuses a batch that the training part cannot fill once."""
    largest = int(extremes(spec.training.batch_size)[1])
    if largest > examples:
        raise StudyError(
            f"training.batch_size: must be at most the {examples} examples of the training part, "
            f"got {largest}"
        )


def _facts(data: Dataset) -> dict[str, Any]:
    return {
        "name": data.name,
        "version": data.version,
        "fingerprint": data.fingerprint,
        "class_names": list(data.class_names),
        "features": data.features,
        "train": len(data.train),
        "dev": len(data.dev),
        "test": len(data.test) if data.test else 0,
    }


def _line(data: Dataset) -> str:
    test = f"{len(data.test):,} test (sealed)" if data.test else "no test part: dev only"
    return (
        f"data set {data.name} {data.version}: {len(data.train):,} train, {len(data.dev):,} dev, "
        f"{test}; {data.features} features, {data.classes} classes"
    )
