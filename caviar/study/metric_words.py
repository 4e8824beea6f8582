"""One way to write a metric, wherever a person reads it: accuracies in percent, losses in nats.

A difference of accuracies is told in points (hundredths), since "percent" of it could mean two
things.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

UNKNOWN: Final = "unknown"
_SMALL: Final = 1e-3
_LARGE: Final = 1e5


def percent(share: float | None) -> str:
    """A share as a person reads it, as `97.21 %`."""
    return UNKNOWN if share is None else f"{100 * share:.2f} %"


def is_share(metric: str) -> bool:
    """Whether the metric is a share in [0, 1], written in percent."""
    return metric.endswith("accuracy")


def metric_value(metric: str, value: float | None) -> str:
    """A value of the metric: an accuracy in percent, a loss in nats."""
    if value is None:
        return UNKNOWN
    if is_share(metric):
        return percent(value)
    return f"{value:.4f}" if _SMALL <= abs(value) < _LARGE else f"{value:.4g}"


def metric_name(metric: str) -> str:
    """What a person calls a metric."""
    return metric.replace("_", " ")


def span(metric: str, interval: Mapping[str, float | None]) -> str:
    """An interval's ends, as `96.80 % to 97.60 %`; "" if it has none."""
    low, high = interval.get("low"), interval.get("high")
    if low is None or high is None:
        return ""
    return f"{metric_value(metric, low)} to {metric_value(metric, high)}"


def difference(metric: str, found: float) -> str:
    """A difference of the metric: of accuracies as `1.33 points`, of losses as `0.012 nats`."""
    return f"{_plain(metric, found)} {_unit(metric)}"


def difference_span(metric: str, low: float, high: float) -> str:
    """The ends of a difference's interval, as `0.40 to 2.26 points`."""
    return f"{_plain(metric, low)} to {difference(metric, high)}"


def _unit(metric: str) -> str:
    return "points" if is_share(metric) else "nats"


def _plain(metric: str, found: float) -> str:
    if not math.isfinite(found):
        return str(found)
    return f"{100 * found:.2f}" if is_share(metric) else f"{found:.4g}"
