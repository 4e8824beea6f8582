"""What slices have in hand, what waits for its next try, and how either comes to the other."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Final

from caviar.study.facts import Outcome
from caviar.study.journal import Journal
from caviar.study.records import Assignment, Signature

NODES_LOST: Final = 5
"""Nodes that may be lost in a row under an assignment, without an epoch reported between, before it
is suspected: training that takes more memory than a machine has takes the machine with it."""
OWN_TRIES: Final = 3
"""Tries that a trial gets with no neighbour in its assignment before it is given up."""


@dataclass
class Open:
    """An assignment not yet at its end, in a slice's hands or waiting for its next try.

    Attributes:
        number: in the journal.
        assignment: what was asked.
        remaining: its trials still to be trained, in lane order.
        faults: tries that failed or were lost; interruptions are nobody's fault.
    """

    number: int
    assignment: Assignment
    remaining: tuple[int, ...]
    faults: int = 0


class Holdings:
    """The assignments that are not at their end.

    What failed with neighbours is tried again alone, trial by trial, so that one bad trial condemns
    no other; a trial that failed `OWN_TRIES` times alone is given up.
    """

    def __init__(self, journal: Journal, give_up: Callable[[int, str], None]) -> None:
        """Takes up what the journal has open; no slice holds any of it.

        Args:
            journal: open for writing, with the lease held.
            give_up: called with a trial and the error of its last try.
        """
        self._journal = journal
        self._give_up = give_up
        self._held: dict[str, tuple[Open, int]] = {}
        self._recalled: set[str] = set()
        self._put_back: set[int] = set()
        self._nodes_lost: Counter[int] = Counter()
        # An earlier driver's slices are gone with it; nobody is to blame.
        journal.end_running_attempts(Outcome.INTERRUPTED)
        self._waiting: deque[Open] = deque(
            Open(found.id, found.assignment, found.unfinished, found.faults)
            for found in journal.open_assignments()
        )

    @property
    def held(self) -> Mapping[str, Assignment]:
        """What each busy slice is at work on."""
        return {name: found.assignment for name, (found, _) in self._held.items()}

    @property
    def busy(self) -> int:
        """How many slices are at work."""
        return len(self._held)

    @property
    def waiting(self) -> bool:
        """Whether something waits for its next try."""
        return bool(self._waiting)

    def next(self, warm: Collection[Signature]) -> Open | None:
        """What waits, first what a slice has compiled; it waits no longer."""
        ready = [found for found in self._waiting if found.number not in self._put_back]
        if not ready:
            return None
        known = [found for found in ready if found.assignment.signature in warm]
        found = known[0] if known else ready[0]
        self._waiting.remove(found)
        return found

    def put_back(self, found: Open) -> None:
        """It cannot be claimed now: its checkpoints are in a storage that does not answer."""
        self._waiting.append(found)
        self._put_back.add(found.number)

    def try_again(self) -> None:
        """What was put back may be claimed again."""
        self._put_back.clear()

    def hold(self, slice_name: str, found: Open, attempt: int) -> None:
        """A slice has claimed it."""
        self._held[slice_name] = (found, attempt)

    def holds(self, slice_name: str, assignment: int, attempt: int) -> bool:
        """Whether a slice is at just this."""
        found = self._held.get(slice_name)
        return found is not None and (found[0].number, found[1]) == (assignment, attempt)

    def of(self, slice_name: str) -> tuple[Open, int] | None:
        """What a slice is at, with its attempt; None: nothing, or it was called back from it."""
        return None if slice_name in self._recalled else self._held.get(slice_name)

    def done(self, number: int, attempt: int) -> None:
        """The end of an attempt was reported."""
        for name, (found, current) in list(self._held.items()):
            if (found.number, current) == (number, attempt):
                self._forget(name)

    def set_aside(self, slice_name: str) -> str | None:
        """A slice is gone, and why is not known yet: what it held waits for the verdict, `lose`.

        The slice may meanwhile come back and claim something else.

        Returns:
            The name by which it is held now; None if the slice held nothing.
        """
        if slice_name not in self._held:
            return None
        found, attempt = self._forget(slice_name)
        name = f"{slice_name} (lost, {found.number}.{attempt})"
        self._held[name] = (found, attempt)
        return name

    def recall(self, trial: int | None = None) -> None:
        """Slices are to come back from what they hold, all or those that train `trial`."""
        for name, (found, _) in self._held.items():
            if trial is None or trial in found.remaining:
                self._recalled.add(name)
        if trial is not None:
            left = (self._as_it_stands(found) for found in self._waiting)
            self._waiting = deque(found for found in left if found is not None)

    def recall_from(self, slice_name: str) -> None:
        """One slice is to come back from what it holds, if it holds anything."""
        if slice_name in self._held:
            self._recalled.add(slice_name)

    def is_recalled(self, slice_name: str) -> bool:
        """Whether a slice is to come back from what it holds."""
        return slice_name in self._recalled

    def come_back(self, slice_name: str) -> None:
        """A slice asks for work: what it held is lost, unless it was called back from it."""
        if slice_name in self._recalled and slice_name in self._held:
            found, attempt = self._held.pop(slice_name)
            self._journal.end_attempt(found.number, attempt, Outcome.INTERRUPTED)
            rest = self._as_it_stands(found)
            self._waiting += [rest] if rest is not None else []
        self._recalled.discard(slice_name)
        self.lose(slice_name, "its slice came back without it", Outcome.LOST)

    def lose(self, slice_name: str, error: str, outcome: Outcome) -> None:
        """What a slice held is to be tried again: by trials of their own if it had several.

        An interruption, as by a lost node, is nobody's fault: the same is tried again as it was.
        """
        if slice_name not in self._held:
            return
        found, attempt = self._forget(slice_name)
        if outcome is Outcome.INTERRUPTED and self._is_suspect(found, attempt):
            outcome = Outcome.LOST
        with self._journal.transaction():
            self._journal.end_attempt(found.number, attempt, outcome, error)
            rest = self._as_it_stands(found)
            if outcome is not Outcome.INTERRUPTED:
                self._retry(rest, error)
            elif rest is not None:
                self._waiting.append(rest)

    def _forget(self, name: str) -> tuple[Open, int]:
        self._recalled.discard(name)
        return self._held.pop(name)

    def _is_suspect(self, found: Open, attempt: int) -> bool:
        """Whether too many nodes were lost under it; those that saw it go on do not count."""
        for known in self._journal.open_assignments():
            if known.id == found.number:
                lost = next(each for each in known.attempts if each.attempt == attempt)
                if lost.trained_epochs:
                    self._nodes_lost[found.number] = 0
                    return False
        self._nodes_lost[found.number] += 1
        return self._nodes_lost[found.number] >= NODES_LOST

    def _as_it_stands(self, found: Open) -> Open | None:
        """The same, less what was reported; None if nothing is left to do."""
        for known in self._journal.open_assignments():
            if known.id == found.number and known.unfinished:
                return Open(known.id, known.assignment, known.unfinished, known.faults)
        return None

    def _retry(self, found: Open | None, error: str) -> None:
        if found is None:
            return
        if len(found.remaining) > 1:
            parts = self._journal.split(found.number, [(trial,) for trial in found.remaining])
            self._waiting += [
                Open(number, replace(found.assignment, trials=(trial,)), (trial,))
                for number, trial in zip(parts, found.remaining, strict=True)
            ]
        elif found.faults >= OWN_TRIES:
            (trial,) = found.remaining
            self._give_up(trial, error)
        else:
            self._waiting.append(found)
