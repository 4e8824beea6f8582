"""Finals: the few configurations that are retrained over several seeds, to find the winner.

They are trained in a folder of their own beside the search, `DIR/retraining-1` and so on, which is
a study directory with a journal and checkpoints like any other. There trial i is candidate
`i // seeds` in replicate `i % seeds + 1`; the replicate is also the trial's `draw`. All that is
random in a replicate follows from `replicate_seed`, but for the cut into train, dev and test.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from caviar.errors import StudyError
from caviar.study.database import DAMAGED
from caviar.study.reads import Reads
from caviar.study.records import Value

RETRAINING: Final = "retraining"
"""The best of a search and the baseline, over several seeds: who wins."""
SIZES: Final = "sizes"
"""One configuration on parts of the training data: whether more of them would pay."""
SHARES: Final = (0.125, 0.25, 0.5, 1.0)
"""Of the training part, for `SIZES`."""
BASELINE: Final = "baseline"
"""The name of the candidate that the others are compared with."""


@dataclass(frozen=True)
class Candidate:
    """A configuration that is retrained.

    Attributes:
        name: "trial 12", or "baseline".
        hyperparameters: in a person's units, the fixed ones included.
        trial: its index in the search; None of the baseline.
        score: its best metric in the search, or None.
        share: of the training part that it is trained on, in (0, 1].
    """

    name: str
    hyperparameters: Mapping[str, Value]
    trial: int | None = None
    score: float | None = None
    share: float = 1.0


@dataclass(frozen=True)
class Finals:
    """Who is retrained, how often and how long.

    Attributes:
        number: of the folder, from 1.
        epochs: of every training.
        seeds: replicates of each candidate.
        candidates: the best of the search first, the baseline last; or all parts of the data.
        kind: `RETRAINING` or `SIZES`.
    """

    number: int
    epochs: int
    seeds: int
    candidates: tuple[Candidate, ...]
    kind: str = RETRAINING

    def candidate(self, trial: int) -> Candidate:
        """Whose training a trial of the folder is."""
        return self.candidates[trial // self.seeds]

    def folder(self, directory: Path) -> Path:
        """Where they are trained."""
        return directory / f"{self.kind}-{self.number}"

    def to_json(self) -> dict[str, Any]:
        """Plain data for the journal."""
        return asdict(self)

    @classmethod
    def from_json(cls, detail: Mapping[str, Any]) -> Finals:
        """The inverse of `to_json`.

        Raises:
            KeyError, TypeError, ValueError: it is not; kind and number become a path.
        """
        candidates = tuple(Candidate(**each) for each in detail["candidates"])
        found = cls(**{**detail, "candidates": candidates})
        counts = (found.number, found.epochs, found.seeds, len(candidates))
        if found.kind not in {RETRAINING, SIZES} or not all(
            type(n) is int and n > 0 for n in counts
        ):
            raise ValueError("no finals")
        return found


def event_of(kind: str) -> str:
    """The journal's event that says who is trained; its detail is `Finals.to_json`."""
    return f"{kind}_begun"


def finals_of(journal: Reads, kind: str = RETRAINING) -> Finals | None:
    """The latest finals of a study, finished or not; None if there were none.

    Raises:
        StudyError: the journal's entry is damaged.
    """
    events = journal.events(event_of(kind))
    if not events:
        return None
    try:
        found = Finals.from_json(events[-1].detail)
    except (KeyError, TypeError, ValueError):
        found = None
    if found is None or found.kind != kind:
        raise StudyError(f"{journal.directory}: {DAMAGED}: the journal's event {event_of(kind)}")
    return found


def replicate_seed(seed: int, replicate: int) -> int:
    """The seed of a replicate, in [0, 2**32); another one for every study seed and replicate.

    Args:
        seed: the study's.
        replicate: from 1.
    """
    digest = hashlib.sha256(f"replicate {seed} {replicate}".encode()).digest()
    return int.from_bytes(digest[:4], "little")
