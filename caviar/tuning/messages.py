"""What the broker and the slices say to each other, beside records' `Claim`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, Literal

from caviar.study.records import Claim


class Extra(Enum):
    """What is trained beside the search: when the best of a study are retrained."""

    NEVER = "never"
    AFTER = "after"
    """Once the search is over."""
    NOW = "now"
    """At once, as the search stands."""
    SIZES = "sizes"
    """At once, and not they: the best one on parts of the data."""


AT_ONCE: Final = frozenset({Extra.NOW, Extra.SIZES})
"""What does not wait for the search to be over."""

NAMESPACE: Final = "caviar"
"""Of Ray, in which every broker is found by its name."""


def broker_name(study: str) -> str:
    """The broker's name in the namespace."""
    return f"caviar:{study}"


def slice_name(study: str, number: int) -> str:
    """What a slice is called in the dashboard, the journal and the progress."""
    return f"{study}:slice-{number}"


@dataclass(frozen=True, slots=True)
class Welcome:
    """What a slice needs to know once.

    Attributes:
        data: a reference to the `Dataset` in Ray's object store, without its test part.
        seed: the study's seed.
        diverged_above: a mean training loss above this many times ln C is divergence.
        checkpoint_s: seconds after which a long assignment reports at the latest.
        metric: the measurement by which trials are compared, and stopped early.
        lower_is_better: of the metric.
        patience: epochs without a better metric that end a trial; 0: none ever does.
        schedule_per: "epoch" or "step": how often the learning rate follows its schedule.
        feed: "resident", "stream" or "auto": where the training examples are.
        first_claim: the number of the first claim of this process of the slice; they rise by one.
    """

    data: Any
    seed: int
    diverged_above: float
    checkpoint_s: float
    metric: str = "dev_accuracy"
    lower_is_better: bool = False
    patience: int = 0
    schedule_per: Literal["epoch", "step"] = "epoch"
    feed: Literal["auto", "resident", "stream"] = "auto"
    first_claim: int = 0


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do now; ask again.

    Attributes:
        seconds: after how long.
    """

    seconds: float = 0.05


@dataclass(frozen=True, slots=True)
class Finished:
    """Nothing to do any more: the study is done, or its driver stops.

    Attributes:
        why: in a few words.
    """

    why: str


@dataclass(frozen=True, slots=True)
class Move:
    """Go from this node, which will soon be gone: the slice starts again where there is room.

    Attributes:
        why: in a few words.
    """

    why: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What the broker says to a report.

    Attributes:
        go_on: False when the slice no longer holds the assignment, or the driver stops.
        order: what to do next, where the report was an assignment's end; committed with it.
    """

    go_on: bool
    order: Claim | Wait | Finished | None = None
