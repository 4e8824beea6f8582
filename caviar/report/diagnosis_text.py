"""A diagnosis for a terminal: the errors, what stands out, and what to try with lines to paste."""

from __future__ import annotations

from itertools import groupby

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from caviar.report.case import Step
from caviar.report.causes import NAMES
from caviar.report.diagnosis import Diagnosis
from caviar.report.patches import Knob, written
from caviar.study.wording import configuration, number, one_line

INDENT = 3
"""Columns by which what belongs to a numbered step is set in."""


def print_diagnosis(console: Console, told: Diagnosis) -> None:
    """All of it."""
    _line(console, f"study {told.study}: {told.about}")
    _line(console, f"  {configuration(told.hyperparameters)}")
    console.print(_errors(told))
    _line(console, told.verdict)
    for named in told.shapes:
        _line(console, named.line)
    for remark in told.remarks:
        _line(console, f"note: {remark}")
    if told.sizes is not None:
        _line(console, f"{_whose(told)}{told.sizes.line}")
    for cause, steps in groupby(told.recipe, lambda step: step.against):
        _line(console, f"what to try against {NAMES[cause]}, the first thing first:")
        for place, step in enumerate(steps, 1):
            _print_step(console, place, step)
    if any(step.patch for step in told.recipe):
        _line(
            console,
            "paste the lines over the same keys of a copy of the study file, and run it with a "
            "--dir of its own: what was changed is another study",
        )


def _errors(told: Diagnosis) -> Table:
    """The three errors, and what lies between them."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("error", "%", "above the one before"):
        table.add_column(column, justify="right" if column == "%" else "left")
    assumed = "" if told.target_given else " (assumed)"
    table.add_row(f"target{assumed}", _percent(told.target_error), "")
    table.add_row("train", _percent(told.train_error), f"avoidable bias {told.bias}")
    table.add_row("dev", _percent(told.dev_error), f"variance {told.variance}")
    return table


def _percent(share: float) -> str:
    return f"{100 * share:.2f}"


def _print_step(console: Console, place: int, step: Step) -> None:
    _line(console, f"{place}. {step.title}: {step.why}")
    for knob in step.knobs:
        _indented(console, _knob(knob))
    if step.refused:
        _indented(console, f"no lines to paste: {one_line(step.refused)}")
    # Lines that are to be pasted must not be broken.
    for line in filter(None, [one_line(step.command)]):
        console.print(f"{' ' * INDENT}{line}", markup=False, soft_wrap=True)
    for line in step.patch.splitlines():
        console.print(f"{' ' * 2 * INDENT}{line}".rstrip(), markup=False, soft_wrap=True)


def _whose(told: Diagnosis) -> str:
    """Whose sizes are told, where it is not the one that is diagnosed."""
    if told.sizes is None or told.sizes.trial == told.trial:
        return ""
    trial = told.sizes.trial
    return "of the baseline: " if trial is None else f"of trial {trial}: "


def _knob(knob: Knob) -> str:
    now = "not given" if knob.now is None else one_line(written(knob.now))
    if knob.trial is None or isinstance(knob.now, float | int | str | bool):
        return f"{knob.place}, now {now}"
    values = knob.trial if isinstance(knob.trial, tuple) else (knob.trial,)
    return f"{knob.place}, now {now}; it had {', '.join(map(number, values))}"


def _indented(console: Console, text: str) -> None:
    console.print(Padding(Text(text), (0, 0, 0, INDENT), expand=False))


def _line(console: Console, text: str) -> None:
    console.print(text, markup=False)
