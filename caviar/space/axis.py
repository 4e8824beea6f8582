"""What a searcher may know of a coordinate of the unit cube: not its name, unit or scale."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final


@final
@dataclass(frozen=True, slots=True)
class Axis:
    """What a searcher may know of a coordinate.

    Attributes:
        cells: how many values it decodes to, in stretches of [0, 1] of the axis's own widths (equal
            ones without order); None for a continuum.
        ordered: whether neighbouring values are alike.
    """

    cells: int | None = None
    ordered: bool = True
