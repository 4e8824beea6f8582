"""How many lanes one call of the compiled epoch should take: measured, where measuring may pay.

On a CPU small networks gain from sharing a call (one dispatch of each operation for all lanes)
while large ones run best alone, their weights in cache; `benchmarks/compiled_epoch.py` prints both.
But another width is another compilation, on every slice, which on small data costs as much as a
thousand lane-epochs: so width 1 is kept unless what is left to train is worth several of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

TOGETHER = 8
"""The width tried against 1 on a CPU; 16 was no faster where 8 was."""
_BEST_GAIN = 0.5
"""Most of a lane-epoch's time that lanes together have been seen to save."""
_COMPILATIONS = 3
"""How many compilations the hoped-for saving must be worth: this slice's, others', and doubt."""
_CLEAR_GAIN = 0.8
"""Together must take at most this share of the time alone: partial calls carry dead lanes."""
_GPU_WEIGHTS = 4_000_000
"""On a GPU, weights in a call at most; more gain nothing from company."""


@dataclass(frozen=True)
class Timing:
    """What a width was measured at.

    Attributes:
        width: lanes in a call.
        first_call_s: tracing and compiling, in seconds.
        lane_epoch_s: an epoch's time over the width, in seconds, all lanes living.
    """

    width: int
    first_call_s: float
    lane_epoch_s: float


def worth_measuring(alone: Timing, expected_lane_epochs: int) -> bool:
    """Whether a larger width could save several compilations over what is left to train."""
    hoped = expected_lane_epochs * alone.lane_epoch_s * _BEST_GAIN
    return hoped > _COMPILATIONS * alone.first_call_s


def choose(alone: Timing, together: Timing | None) -> int:
    """The width to take, `together` being None if it was not worth measuring."""
    if together is None or together.lane_epoch_s > _CLEAR_GAIN * alone.lane_epoch_s:
        return alone.width
    return together.width


def on_gpu(weights: int) -> int:
    """A width for a GPU by the number of weights of one lane: a power of two, from 1 to 16."""
    width = 16
    while width > 1 and width * weights > _GPU_WEIGHTS:
        width //= 2
    return width


def evidence(rule: str, expected_lane_epochs: int, *timings: Timing) -> dict[str, Any]:
    """What was measured, for the journal."""
    return {
        "rule": rule,
        "expected_lane_epochs": expected_lane_epochs,
        "first_call_s": {str(t.width): round(t.first_call_s, 3) for t in timings},
        "lane_epoch_s": {str(t.width): round(t.lane_epoch_s, 6) for t in timings},
    }
