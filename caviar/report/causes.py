"""What a dev error is made of, in a verdict: bias, variance, both, or nothing that is sure.

One rule: what stands out of its own noise is named and worked on, the larger first; what does not
may be luck, and is called so. So the verdict never contradicts the figures beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from caviar.report.case import Cause
from caviar.report.points import Parts, Points

NAMES: Final[dict[Cause, str]] = {"bias": "avoidable bias", "variance": "variance"}
_MEANS: Final[dict[Cause, str]] = {
    "bias": "the network does not fit its training part as well as it should",
    "variance": "what it learned of the training part does not carry over",
}


@dataclass(frozen=True)
class Finding:
    """What is to be worked on.

    Attributes:
        larger: the cause that stands out and is the larger; "neither" where none stands out, both
            are alike, or the other seems larger but may be luck.
        causes: those that stand out, the first to be worked on first.
        sentence: the same in words.
    """

    larger: Literal["bias", "variance", "neither"]
    causes: tuple[Cause, ...]
    sentence: str


def finding_of(parts: Parts) -> Finding:
    """Which parts stand out, and which of them is the larger."""
    found: dict[Cause, Points] = {"bias": parts.bias, "variance": parts.variance}
    sure = {cause for cause, points in found.items() if points.stands_out}
    second, first = sorted(found, key=lambda one: (round(found[one].value, 1), one in sure))
    if not sure:
        return Finding("neither", (), _nothing(parts))
    if len(sure) == 2 and not parts.lead.is_sure:
        both = f"{_figures(parts.bias)} and {_figures(parts.variance)}"
        alike = f"avoidable bias and variance both stand out and are about as large, {both}"
        return Finding("neither", ("bias", "variance"), f"{alike}: begin with bias")
    if first not in sure:
        only = f"only {NAMES[second]} is sure, {found[second]}; {NAMES[first]} seems larger"
        told = f"{only}, {_figures(found[first])}, but may be luck: {_MEANS[second]}"
        return Finding("neither", (second,), f"{told}{_yet(parts)}")
    causes = (first, second) if second in sure else (first,)
    return Finding(first, causes, f"{_leading(parts, found, first, second)}{_yet(parts)}")


def _leading(parts: Parts, found: dict[Cause, Points], first: Cause, second: Cause) -> str:
    """The larger beside the other, which may stand out too, be luck, or be none."""
    how = "is the larger" if parts.lead.is_sure else "stands out"
    other = found[second]
    beside = ""
    if other.stands_out:
        beside = f"; {NAMES[second]}, {_figures(other)}, stands out too"
    elif round(other.value, 1) > 0:
        beside = f"; {NAMES[second]}, {_figures(other)}, may be luck"
    return f"{NAMES[first]} {how}, {found[first]}{beside}: {_MEANS[first]}"


def _yet(parts: Parts) -> str:
    """That there may be little to gain, where dev error is as good as the target."""
    if parts.whole.stands_out:
        below = parts.variance.stands_out and parts.bias.is_sure and parts.bias.value < 0
        return "; train error is below the target already" if below else ""
    if parts.whole.is_sure:
        return "; yet dev error is below the target already"
    return f"; yet in all, {parts.whole}, dev error may be as good as the target"


def _nothing(parts: Parts) -> str:
    both = f"avoidable bias {parts.bias}, variance {parts.variance}"
    if parts.whole.stands_out:
        above = f"dev error is {parts.whole} above the target"
        return f"neither stands out: {both}; {above}, but which of them makes it cannot be told"
    if parts.whole.is_sure:
        return f"neither stands out, dev error is below the target: {both}"
    more = "only more dev examples, or more seeds, would tell"
    return f"neither stands out, all of it may be luck: {both}; {more}"


def _figures(points: Points) -> str:
    return str(points).removesuffix(" points")
