"""How a study stands, for the log of its Ray job: lines for a person, and one for programs.

Read again by `caviar status`, which has no caviar at the other end but this log.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

from caviar.study.ladders import numbers
from caviar.study.metric_words import metric_name, metric_value
from caviar.study.wording import configuration, duration, one_line, states

PREFIX: Final = "caviar-status "
"""What the line for programs begins with; the rest of it is JSON."""
LONGEST: Final = 4096
"""Bytes of that line."""
MOST_SLICES: Final = 16
"""Slices told one by one."""

_SHORTENED: Final = ("slices", "hyperparameters", "rungs", "winner", "trouble", "ending")


def status_line(told: Mapping[str, Any]) -> str:
    """The line for programs: ASCII, at most `LONGEST` bytes; what is too long is left out."""
    return PREFIX + shortened(told, LONGEST - len(PREFIX))


def shortened(told: Mapping[str, Any], longest: int) -> str:
    """Plain data as JSON of at most so many bytes; what is too long is left out."""
    plain = _finite(told)
    for key in ("", *_SHORTENED):
        plain = _without(plain, key)
        text = json.dumps(plain, separators=(",", ":"), allow_nan=False)
        if len(text) <= longest:
            break
    return text


def _without(plain: dict[str, Any], key: str) -> dict[str, Any]:
    """The same with a part emptied, or a text cut."""
    if key == "hyperparameters" and plain.get("best"):
        return plain | {"best": plain["best"] | {key: {}}}
    value = plain.get(key)
    return (
        plain | {key: value[:300] if isinstance(value, str) else type(value)()} if value else plain
    )


def _finite(value: Any) -> Any:
    """The same with None for numbers that JSON has no word for."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _finite(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(part) for part in value]
    return value


def standing_lines(
    told: Mapping[str, Any], left: str = "", searched: Collection[str] = ()
) -> list[str]:
    """How the study stands, for a person.

    Args:
        told: `Status.to_json()`, or what of it came through a log.
        left: how long it still takes, in words.
        searched: the hyperparameters to name of the best trial; () all.
    """
    counts = states(told.get("counts") or {}) or "no trials yet"
    stage = stage_words(told.get("stage") or "", paused=bool(told.get("paused")))
    missing = to_come(told)
    starting = f"; {missing}" if missing else ""
    pace = [
        trial_epochs(told.get("trial_epochs", 0), told.get("stage")),
        f"{told.get('trial_epochs_per_s') or 0:.1f} a second",
        f"{duration(told.get('elapsed_s') or 0)} so far",
        left,
    ]
    lines = [f"{stage}{counts}{starting}", ", ".join(filter(None, pace))]
    lines += _rungs(told.get("rungs") or [])
    lines += _best(told, searched)
    if told.get("winner"):
        lines.append(f"winner: {told['winner']}")
    slices = sorted((told.get("slices") or {}).items())
    lines += [f"{name}  {work}" for name, work in slices[:MOST_SLICES]]
    if len(slices) > MOST_SLICES:
        lines.append(f"and {len(slices) - MOST_SLICES} more slices at work")
    return [one_line(line) for line in lines]


def stage_words(stage: str, *, paused: bool) -> str:
    """What stands before the states of the trials: `retraining: `, `paused by a person: `."""
    return f"{stage}: " * bool(stage) + "paused by a person: " * paused


def trial_epochs(count: int, stage: str | None) -> str:
    """Trial-epochs; those of the finals are not the study's."""
    return f"{count} trial-epochs" + (f" of {stage}" if stage else "")


def to_come(told: Mapping[str, Any]) -> str:
    """Slices that are not there yet, in words, of what `standing_lines` takes."""
    planned = told.get("planned") or 0
    missing = 0 if told.get("finished") else planned - (told.get("arrived") or 0)
    starting = told.get("starting")
    return strangers(planned, missing, missing if starting is None else starting, told.get("room"))


def strangers(planned: int, missing: int, starting: int, room: str | None = "") -> str:
    """Slices that are not there: TensorFlow takes seconds, a cluster may be full.

    Args:
        planned: slices that there are to be.
        missing: how many of them are not ready.
        starting: how many of those have a place; the others wait for one.
        room: why there is none, in words, if it is known.
    """
    starting = max(0, min(starting, missing))
    why = f": {room}" if room else ""
    told = [(starting, "starting"), (missing - starting, "waiting for a place" + why)]
    words = [(count, word) for count, word in told if count > 0]
    if not words:
        return ""
    (count, word), *rest = words
    more = "".join(f", {count} {word}" for count, word in rest)
    return f"{count} of {planned} slices {word}{more}"


def _best(told: Mapping[str, Any], searched: Collection[str]) -> list[str]:
    best = told.get("best")
    if not best:
        return []
    metrics = dict.fromkeys(["dev_accuracy", "dev_loss", told.get("metric") or "dev_accuracy"])
    scores = ", ".join(f"{metric_name(key)} {metric_value(key, best.get(key))}" for key in metrics)
    name = told.get("best_name") or f"trial {best.get('trial')}"
    values = best.get("hyperparameters") or {}
    named = {key: values[key] for key in values if not searched or key in searched}
    return [
        f"best: {name} at epoch {best.get('epoch')}, {scores}",
        *([f"  {configuration(named)}"] if named else []),
    ]


def _rungs(rungs: Sequence[Sequence[int]]) -> list[str]:
    if not rungs:
        return []
    brackets = numbers([epoch for epoch, _, _ in rungs])
    several = brackets[-1:] > (1,)
    rows: list[tuple[object, ...]] = [
        ("bracket",) * several + ("rung (epochs)", "reached", "promoted")
    ]
    for bracket, row in zip(brackets, rungs, strict=True):
        rows.append((*(bracket,) * several, *row))
    return table(rows)


def table(rows: Iterable[Sequence[object]], *, left: bool = False) -> list[str]:
    """Rows as lines, their columns flush right (or left) and two spaces apart."""
    cells = [[str(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    just = str.ljust if left else str.rjust
    return ["  ".join(map(just, row, widths)).rstrip() for row in cells]
