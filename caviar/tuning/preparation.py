"""The data set, prepared once, by the driver."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from caviar.data.dataset import Dataset
from caviar.data.load import load_dataset
from caviar.data.request import Request
from caviar.errors import StudyError
from caviar.study.hyperparameter import extremes
from caviar.study.spec import StudySpec

IMAGE_ONLY = ("shift", "flip", "rotation", "zoom")
"""Augmentations that need height and width."""


@dataclass(frozen=True)
class Prepared:
    """A data set, cut and ready.

    Attributes:
        training: what reaches the slices; the test part stays behind, sealed.
        whole: the same with its test part, which nobody reads before there is a winner.
        facts: what the journal keeps of the data, as JSON: `name`, `version`, `fingerprint`,
            `class_names`, `features`, `image_shape` or None, and the sizes of the parts.
        line: the same for a person.
        warnings: what a person should know of the data, one line each.
    """

    training: Dataset
    whole: Dataset
    facts: Mapping[str, Any]
    line: str
    warnings: tuple[str, ...] = ()


def prepare(spec: StudySpec) -> Prepared:
    """Reads the study's data set and cuts it.

    Raises:
        StudyError: the data set is unknown or unfit, smaller than a batch, or not what the study's
            augmentation is for.
    """
    data = load_dataset(request_of(spec), spec.seed)
    _check_batches(spec, len(data.train))
    _check_augmentation(spec, data)
    return Prepared(data.without_test(), data, _facts(data), _line(data), data.warnings)


def request_of(spec: StudySpec) -> Request:
    """The study file's table `[data]` in the words of the room that reads data."""
    named = {field.name for field in fields(Request)}
    return Request(**{key: value for key, value in spec.data if key in named})


def _check_batches(spec: StudySpec, examples: int) -> None:
    """Refuses a batch that the training part cannot fill once."""
    _, given = extremes(spec.training.batch_size, grown=False)
    _, largest = extremes(spec.training.batch_size)
    if largest > examples:
        grown = "" if given == largest else f" that expand lets {given:g} grow to"
        raise StudyError(
            f"training.batch_size: must be at most the {examples} examples of the training part, "
            f"got {largest:.0f}{grown}"
        )


def _check_augmentation(spec: StudySpec, data: Dataset) -> None:
    """Refuses to shift, flip, rotate or zoom what is no image; noise can be added to anything."""
    if data.image_shape is not None:
        return
    for key in IMAGE_ONLY:
        if key in spec.techniques:
            raise StudyError(
                f"augmentation.{key}: must be 0 on data that are no images [height, width] or "
                f"[height, width, channels], got examples of shape {list(data.feature_shape)}"
            )


def _facts(data: Dataset) -> dict[str, Any]:
    return {
        "name": data.name,
        "version": data.version,
        "fingerprint": data.fingerprint,
        "class_names": list(data.class_names),
        "features": data.features,
        "image_shape": list(data.image_shape) if data.image_shape is not None else None,
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
