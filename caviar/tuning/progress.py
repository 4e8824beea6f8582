"""What a person sees while a study runs: a live table on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from caviar.study.ladders import numbers
from caviar.study.metric_words import percent
from caviar.study.wording import configuration, duration, states
from caviar.tuning.forecast import left_words
from caviar.tuning.job_words import stage_words, strangers, trial_epochs
from caviar.tuning.status import Status

LINE_EVERY_S = 5.0
"""Seconds between two plain lines."""


class View(Protocol):
    """Shows what goes on; every method may be called from another thread."""

    def say(self, line: str) -> None:
        """One plain line."""
        ...

    def update(self, status: Status) -> None:
        """How the study stands now."""
        ...


def summary_line(status: Status, left: str = "") -> str:
    """How the study stands in one line; `left` says how long it still takes."""
    parts = [
        _stage(status) + (states(status.counts) or "no trials yet") + _strangers(status),
        f"{trial_epochs(status.trial_epochs, status.stage)}, {status.rate:.1f}/s",
        left,
        _best(status),
    ]
    return "; ".join(part for part in parts if part)


def _stage(status: Status) -> str:
    return stage_words(status.stage, paused=status.paused)


def _best(status: Status) -> str:
    best = status.best
    if best is None:
        return ""
    judged = f"train loss {best.train_loss:.4f}, " if status.metric == "train_loss" else ""
    return (
        f"best {judged}dev accuracy {percent(best.dev_accuracy)}, loss {best.dev_loss:.4f} "
        f"({status.best_name or f'trial {best.trial}'}, epoch {best.epoch})"
    )


def _strangers(status: Status) -> str:
    """Says that slices are still to come: TensorFlow takes seconds, a cluster may be full."""
    waiting = 0 if status.finished else status.planned - status.arrived
    told = strangers(status.planned, waiting, status.starting, status.room)
    return f"; {told}" if told else ""


class PlainView:
    """Lines for logs, files and Ray jobs."""

    def __init__(
        self, write: Callable[[str], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Writes with `write`; `clock` in seconds."""
        self._write = write
        self._clock = clock
        self._next = 0.0
        self._last = ""

    def say(self, line: str) -> None:
        """One plain line."""
        self._write(line)

    def update(self, status: Status) -> None:
        """A line now and then, and a last one when it is finished."""
        line = summary_line(status, left_words(status.eta_s))
        if line == self._last or (self._clock() < self._next and not status.finished):
            return
        self._next = self._clock() + LINE_EVERY_S
        self._last = line
        self._write(line)


class LiveView(AbstractContextManager["LiveView"]):
    """A table on a terminal that is drawn anew in place; entered while the study runs."""

    def __init__(self, console: Console) -> None:
        """Draws on `console`."""
        self._console = console
        self._live = Live(console=console, refresh_per_second=4, transient=True)

    def __enter__(self) -> Self:
        """Begins to draw."""
        self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Takes the table away."""
        self._live.stop()

    def say(self, line: str) -> None:
        """One plain line above the table."""
        self._console.print(line, markup=False, highlight=False)

    def update(self, status: Status) -> None:
        """Draws the table anew."""
        self._live.update(picture(status, left_words(status.eta_s)))


def picture(status: Status, left: str = "") -> RenderableType:
    """The live table: states, rungs, slices, the best so far; `left` is the forecast."""
    head = Text(f"{_stage(status)}{states(status.counts) or 'no trials yet'}{_strangers(status)}")
    pace = Text(
        f"{trial_epochs(status.trial_epochs, status.stage)}, {status.rate:.1f} a second, "
        f"{duration(status.elapsed_s)} so far{', ' * bool(left)}{left}"
    )
    rows: list[RenderableType] = [head, pace, _rungs(status), _slices(status)]
    if status.best is not None:
        rows += [Text(_best(status), style="bold")]
        rows += [Text("  " + configuration(status.best_hyperparameters))]
    return Group(*rows)


def _rungs(status: Status) -> Table:
    table = Table(box=None, pad_edge=False)
    brackets = numbers([epoch for epoch, _, _ in status.rungs])
    several = brackets[-1:] > (1,)
    for heading in ("bracket",) * several + ("rung", "reached", "promoted"):
        table.add_column(heading, justify="right")
    for bracket, (epoch, reached, promoted) in zip(brackets, status.rungs, strict=True):
        name = f"{epoch} epochs" if epoch != 1 else "1 epoch"
        table.add_row(*(str(bracket),) * several, name, str(reached), str(promoted))
    return table


def _slices(status: Status) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    for name, work in sorted(status.slices.items())[:16]:
        table.add_row(Text(name), Text(work))
    return table
