"""What a searcher is: it suggests points of the unit cube and observes results."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from caviar.search.box import Box
from caviar.study.records import Round, Trial


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A point to try.

    Attributes:
        point: `[d]` in the unit cube.
        origin: where it comes from, in a word (`Trial.origin`).
        why: what belongs to that, in words (`Trial.why`).
        round: a round that begins with it, if one does.
    """

    point: NDArray[np.float64]
    origin: str = ""
    why: str = ""
    round: Round | None = None


class Searcher(Protocol):
    """Suggests points of [0, 1]^d. It knows nothing of scales, units or names.

    What it suggests is a function of its seed, of what it was told by `note` and `observe`, and of
    the arguments of `suggest`, which changes nothing: a searcher that is told the same in the same
    order suggests the same, and asked twice it answers twice alike.
    """

    @property
    def ahead(self) -> int:
        """How many trials may be drawn now before they can start.

        A cover does not care; one that learns loses by every trial drawn before it had to be.
        """
        ...

    def suggest(self, draw: int, box: Box) -> Suggestion | None:
        """A point to try, or None if there are no more.

        Args:
            draw: rises from 0 with every suggestion; some are never asked for. A suggestion that
                is infeasible or was tried already is thrown away and the next one asked for.
            box: what the point must lie in; it may change between draws.
        """
        ...

    def note(self, entry: Trial | Round) -> None:
        """A trial was taken up, whoever suggested it, or a round was begun; in commit order."""
        ...

    def observe(self, trial: Trial, epoch: int, score: float) -> None:
        """Takes a result of `trial` after `epoch` epochs: `score`.

        Told where trials are compared, at rungs, and where one diverges, was stopped or failed; a
        lower score is better, inf is diverged or failed.
        """
        ...
