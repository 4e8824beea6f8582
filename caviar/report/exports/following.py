"""TensorBoard while a study runs: a reader that follows the journal and writes what is new.

The study waits for nothing here. A look that finds the journal as it was costs a few counts; one
that finds more reads it anew and appends what is not yet written.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from caviar.report.exports.material import Life, Material, material
from caviar.report.exports.missing import needs
from caviar.report.exports.placing import cleared, plain_errors
from caviar.report.exports.tensorboard import Run, write_experiment
from caviar.study.journal import Journal
from caviar.study.records import TrialState

EVERY_S: Final = 2.0
"""Seconds between two looks at the journal."""
REST: Final = 9
"""Looks that take long are followed by so many times as long a rest: a tenth of a core at most."""

_UNDER_WAY: Final = (TrialState.WAITING, TrialState.RUNNING, TrialState.PAUSED)
"""States that a trial may leave again."""
_OVER: Final = ("finished", "stopped")
"""Of a study. One that was interrupted may go on."""


class Follower:
    """Event files that grow with a study.

    Attributes:
        is_over: whether the study was at its end at the last look.
    """

    def __init__(self, directory: Path, place: Path, *, driven: bool = False) -> None:
        """Writes nothing yet.

        Args:
            directory: the study's.
            place: a folder without event files.
            driven: a study that is at its end is about to go on: only the last look ends it.
        """
        self.is_over = False
        self._driven = driven
        self._directory = directory
        self._place = place
        self._seen: tuple[int, ...] = ()
        self._written: dict[int, int] = {}
        self._ended: set[int] = set()

    @property
    def trials(self) -> int:
        """How many have a file."""
        return len(self._written)

    def look(self, *, last: bool = False) -> int:
        """Writes what came since the look before.

        Args:
            last: none will come after it.

        Returns:
            How many measurements were new.

        Raises:
            StudyError: the folder holds no study, or the disk said no.
        """
        with Journal.open(self._directory) as journal:
            seen = (journal.measured_epochs, len(journal.trials()), len(journal.events()))
        if (seen == self._seen and not last) or not seen[1]:
            return 0
        found = material(self._directory)
        over = found.evidence.account["status"] in _OVER
        self.is_over = over and (last or not self._driven)
        with plain_errors(self._place):
            new = self._write(found)
        self._seen = seen
        return new

    def _write(self, found: Material) -> int:
        if not self._seen:
            write_experiment(self._place, found.evidence.spec, found.lives[0].times[0])
        return sum(self._append(life) for life in found.lives)

    def _append(self, life: Life) -> int:
        """Adds to a trial's file what it lacks, if anything."""
        index, epochs = life.trial.index, len(life.curve)
        written = self._written.get(index)
        ends = index not in self._ended and (self.is_over or life.state not in _UNDER_WAY)
        if written == epochs and not ends:
            return 0
        first = written or 0
        with Run(self._place, life) as run:
            run.add(zip(life.curve[first:], life.times[1 + first :], strict=True))
            if ends:
                run.end(life)
                self._ended.add(index)
        self._written[index] = epochs
        return epochs - first


def follow(
    directory: Path,
    place: Path,
    *,
    force: bool = False,
    driven: bool = False,
    every_s: float = EVERY_S,
    sleep: Callable[[float], bool | None] = time.sleep,
) -> int:
    """Writes TensorBoard's files until the study is at its end, or is left.

    Args:
        directory: the study's; it may have no trials yet.
        place: the folder to write.
        force: begin anew where an earlier export wrote.
        driven: as of `Follower`; it then follows until it is left.
        every_s: seconds between two looks.
        sleep: waits so long; says True when one more look is to be the last.

    Returns:
        How many trials were written.

    Raises:
        StudyError: as `caviar.report.exports.tensorboard.write`.
    """
    with needs("tensorboard"):
        import tensorboard.plugins.hparams.metadata  # noqa: F401 - says whether it is there
    Journal.open(directory).close()  # before anything is cleared
    cleared(place, force=force)
    follower = Follower(directory, place, driven=driven)
    left: bool | None = False
    while True:
        began = time.monotonic()
        follower.look(last=bool(left))
        if follower.is_over or left:
            return follower.trials
        left = sleep(max(every_s, REST * (time.monotonic() - began)))
