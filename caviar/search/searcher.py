"""What a searcher is: it suggests points of the unit cube and observes results."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Searcher(Protocol):
    """Suggests points of [0, 1]^d. It knows nothing of scales, units or names."""

    def suggest(self, index: int) -> NDArray[np.float64]:
        """The point `[d]` of trial `index`; asked once an index, in order."""
        ...

    def observe(self, point: NDArray[np.float64], epoch: int, score: float) -> None:
        """Takes a result: at `point`, after `epoch` epochs, `score`.

        Told where trials are compared, at rungs, and where one diverges; a lower score is better,
        inf is diverged.
        """
        ...
