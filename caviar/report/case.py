"""What the recipe knows of a case, and what a step of it is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from caviar.report.curves import Shape
from caviar.report.patches import Changes, Knob, current, held_at, knob, patch
from caviar.report.sizes import SizeVerdict
from caviar.study.hyperparameter import Held, extremes
from caviar.study.records import Value
from caviar.study.spec import StudySpec

Cause = Literal["bias", "variance"]

IMAGES: Final = ("digits", "mnist", "fashion_mnist", "kmnist", "emnist", "cifar10", "cifar100",
                 "svhn_cropped")  # fmt: skip
"""Well-known data sets of images."""
NO_IMAGES: Final = ("iris", "wine", "breast_cancer", "signals1d")
"""Data sets of our own that are none."""
WARPS: Final = ("shift", "flip", "rotation", "zoom")
"""Augmentations of images alone."""


@dataclass(frozen=True)
class Case:
    """A study and the trial of it that is diagnosed.

    Attributes:
        spec: the study as in force.
        hyperparameters: of the trial.
        shapes: what its curve shows.
        train_falls: whether its train loss still fell at the end; None if that cannot be told.
        epochs: that it was trained for; 0 if that is not known.
        best_rate: the learning rate of the study's best trial, if that is another; else None.
        data: of the event "data_set_read"; {} if nothing is known.
        edges: hyperparameters whose best trials lie against a bound: by name "lower" or "upper".
        sizes: what trainings of it on parts of the data told; None before there are any.
        measure_sizes: the command that trains it on parts of the data; "" where that is known
            already, or cannot be done.
        train_longer: the command that goes on in the same directory; "" where none does.
    """

    spec: StudySpec
    hyperparameters: Mapping[str, Value]
    shapes: frozenset[Shape] = frozenset()
    train_falls: bool | None = None
    epochs: int = 0
    best_rate: float | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    edges: Mapping[str, str] = field(default_factory=dict)
    sizes: SizeVerdict | None = None
    measure_sizes: str = ""
    train_longer: str = ""

    def current(self, place: str) -> Any:
        """What stands at a place, as in a study file."""
        return current(self.spec, place)

    def range_of(self, place: str) -> tuple[float, float]:
        """The least and the most that a number can be in this study, over all layers."""
        held: Held | tuple[Held, ...] = held_at(self.spec, place)
        ends = [extremes(one, grown=False) for one in (held if isinstance(held, tuple) else [held])]
        return min(low for low, _ in ends), max(high for _, high in ends)

    def value(self, place: str) -> float:
        """The trial's number at a place, the largest of its layers; else the study's most."""
        found = knob(self.spec, place, self.hyperparameters).trial
        numbers = found if isinstance(found, tuple) else () if found is None else (found,)
        return max((float(one) for one in numbers), default=self.range_of(place)[1])

    @property
    def steps_too_long(self) -> bool:
        """Whether the curve speaks of a learning rate that is too high."""
        return bool(self.shapes & {Shape.UNSTABLE, Shape.EXPLODED, Shape.STEP_VARIANCE})

    @property
    def images(self) -> bool | None:
        """Whether the examples are images; None if nothing tells."""
        asked, source = self.spec.data, self.spec.data.name.partition(":")[0]
        if "image_shape" in self.data:
            return self.data["image_shape"] is not None
        if any(self.range_of(f"augmentation.{key}")[1] > 0 for key in WARPS):
            return True
        if asked.path is not None and asked.path.endswith((".csv", ".parquet")):
            return False
        if asked.path is None and source in IMAGES + NO_IMAGES:
            return source in IMAGES
        return None


@dataclass(frozen=True)
class Step:
    """One thing to try.

    Attributes:
        against: the cause it works on.
        title: what to do, in some words.
        why: when it helps, and what speaks for or against it here.
        knobs: the keys of this study file that it turns.
        patch: lines of TOML to paste over the same keys; "" if there is nothing to paste.
        refused: why the obvious patch does not fit this study; else "".
        command: to type beside or instead of pasting; else "".
    """

    against: Cause
    title: str
    why: str
    knobs: tuple[Knob, ...]
    patch: str = ""
    refused: str = ""
    command: str = ""


def step(case: Case, against: Cause, title: str, why: str, *candidates: Changes) -> Step:
    """A step with the first of the changes that the study takes.

    Its knobs are the places that the first one names.
    """
    places = list(candidates[0])
    found = patch(case.spec, *candidates)
    knobs = tuple(knob(case.spec, place, case.hyperparameters) for place in places)
    return Step(against, title, why, knobs, found.toml, found.refused)


def advice(case: Case, against: Cause, title: str, why: str, *places: str) -> Step:
    """A step that no line of the study file can do."""
    knobs = tuple(knob(case.spec, place, case.hyperparameters) for place in places)
    return Step(against, title, why, knobs)


def span(low: float, high: float, *, log: bool = False, whole: bool = False) -> dict[str, Any]:
    """A range as in a study file, of numbers that are easy to read."""
    ends = [int(one) if whole else float(f"{one:.3g}") for one in (low, high)]
    return {"low": ends[0], "high": ends[1]} | ({"scale": "log"} if log else {})
