"""What the journal's tests share: small records, and a study directory that is at work."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from caviar.study.journal import Journal
from caviar.study.records import Assignment, Measurement, Signature, Trial

SPEC = '{"data":{},"name":"digits","network":{},"search":{},"training":{}}'
SIGNATURE = Signature((112, 112), 64, "adam")


def trial(index: int) -> Trial:
    return Trial(index, (0.1 + 0.2, index / 1000), {"learning_rate": 1e-3, "units": 64 + index})


def trials(*indices: int) -> list[Trial]:
    return [trial(i) for i in indices]


def rung(*lanes: int, first: int = 0, last: int = 3) -> Assignment:
    return Assignment(lanes, first, last, SIGNATURE)


def measured(index: int, epoch: int, dev_accuracy: float = 0.5, **more: Any) -> Measurement:
    return Measurement(index, epoch, 1 / epoch, 0.5, 2 / epoch, dev_accuracy, 0.01, **more)


def curve(lanes: Iterable[int], epochs: Iterable[int]) -> list[Measurement]:
    stops = tuple(epochs)
    return [measured(index, epoch) for index in lanes for epoch in stops]


def bytes_of(index: int, epoch: int) -> bytes:
    return f"weights of trial {index} after {epoch} epochs".encode() * 20


def saved(lanes: Iterable[int], epoch: int) -> dict[int, tuple[int, bytes]]:
    return {index: (epoch, bytes_of(index, epoch)) for index in lanes}


def new_study(directory: Path) -> Journal:
    journal = Journal.create(directory, SPEC, "abc")
    journal.acquire_lease()
    return journal


def files(directory: Path) -> list[str]:
    return sorted(path.name for path in (directory / "checkpoints").iterdir())
