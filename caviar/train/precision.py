"""Which precision `precision = "auto"` comes to: what is measured faster at equal accuracy.

bfloat16 products pay on GPUs with tensor cores and on CPUs with bfloat16 units, and only where
products are most of the work; `benchmarks/bfloat16.py` prints by how much. Another precision is
another compilation on every slice, so float32 stays unless what is left to train is worth it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from caviar.train.width import Timing

_BEST_GAIN = 0.4
"""Most of a lane-epoch's time that bfloat16 products have been seen to save."""
_COMPILATIONS = 3
"""How many compilations the hoped-for saving must be worth: this slice's, others', and doubt."""
_CLEAR_GAIN = 0.9
"""bfloat16 must take at most this share of float32's time."""
_EQUAL_LOSS = 0.02
"""Share by which the dev losses of a few epochs may differ."""


class Tried(NamedTuple):
    """A few epochs of made-up trials at one precision.

    Attributes:
        timing: how long they took.
        dev_loss: of the first trial after the last of them, in nats.
    """

    timing: Timing
    dev_loss: float


def worth_trying(exact: Timing, expected_lane_epochs: int) -> bool:
    """Whether bfloat16 could save several compilations over what is left to train."""
    hoped = expected_lane_epochs * exact.lane_epoch_s * _BEST_GAIN
    return hoped > _COMPILATIONS * exact.first_call_s


def choose_precision(exact: Tried, rounded: Tried) -> str:
    """float32, or bfloat16 where it is clearly faster and the dev loss is the same."""
    faster = rounded.timing.lane_epoch_s <= _CLEAR_GAIN * exact.timing.lane_epoch_s
    gap = abs(rounded.dev_loss - exact.dev_loss)
    return "bfloat16" if faster and gap <= _EQUAL_LOSS * abs(exact.dev_loss) else "float32"


def evidence(exact: Tried, rounded: Tried | None) -> dict[str, Any]:
    """What was measured, for the journal; the precision it came to included."""
    if rounded is None:
        return {"precision": "float32", "precision_rule": "too little left to measure"}
    return {
        "precision": choose_precision(exact, rounded),
        "precision_rule": "measured",
        "precision_lane_epoch_s": {
            "float32": round(exact.timing.lane_epoch_s, 6),
            "bfloat16": round(rounded.timing.lane_epoch_s, 6),
        },
        "precision_dev_loss": {
            "float32": round(exact.dev_loss, 6),
            "bfloat16": round(rounded.dev_loss, 6),
        },
    }
