"""A study opened for its driver: its journal under the lease, its strategy replayed."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from caviar.errors import LeaseError
from caviar.search.choosing import strategy_of
from caviar.study.growth import in_force, to_replay
from caviar.study.journal import Journal
from caviar.study.lease import LeaseHolder
from caviar.study.spec import StudySpec
from caviar.tuning import retraining
from caviar.tuning.backing import Backing, use_storage
from caviar.tuning.broker import Broker
from caviar.tuning.messages import Extra
from caviar.tuning.retraining import Stage
from caviar.tuning.stages import Stages
from caviar.tuning.taking_up import check_data, extend

_TAKEOVER_S: Final = 15.0
"""How long to wait for a driver that is just going."""


@dataclass(frozen=True)
class Brought:
    """What a driver brings to the study it takes up.

    Attributes:
        directory: the study's.
        asked: the study, as this run was given it.
        slices: how many are to come.
        driver: the driver's process number, for the lease.
        facts: what the journal keeps of the data, its `fingerprint` above all.
        finals: when the best are retrained.
        backing: the storage that checkpoints are carried to, if there is one.
    """

    directory: Path
    asked: StudySpec
    slices: int
    driver: int
    facts: Mapping[str, Any]
    finals: Extra = Extra.NEVER
    backing: Backing | None = None

    def take_lease(self, journal: Journal) -> None:
        """Makes the driver the journal's; see `_take_lease`."""
        least = self.backing.token if self.backing else 1
        _take_lease(journal, LeaseHolder.here(self.driver), least)

    @property
    def about(self) -> dict[str, Any]:
        """What the journals keep of the driver."""
        return {"pid": self.driver, "slices": self.slices, "versions": _versions()}


def open_study(
    brought: Brought, sharing: Callable[[], int], say: Callable[[str], None]
) -> tuple[StudySpec, Stages]:
    """Takes a study up, making it if it is new.

    Args:
        brought: by the driver.
        sharing: how many slices share the work.
        say: takes what a person should know, now or later.

    Returns:
        The study in force, and what is to be worked at.

    Raises:
        StudyError: another driver holds it, its data set changed, or the disk refuses.
    """
    journal, resumed = _journal_of(brought)
    brought.take_lease(journal)
    check_data(journal, brought.facts)
    if not journal.events("data_set_read"):
        journal.record("data_set_read", brought.facts)
    journal.record("driver_resumed" if resumed else "driver_started", brought.about)
    _back(journal, brought.backing, "", say)
    spec = extend(journal, brought.asked)
    search = _search(journal, spec, brought.slices)
    begin = partial(_finals, journal, brought, sharing, say)
    return spec, Stages(search, brought.finals, begin, sharing())


def _journal_of(brought: Brought) -> tuple[Journal, bool]:
    """It, and whether it was there before."""
    if Journal.exists(brought.directory):
        return Journal.open(brought.directory, write=True), True
    asked = brought.asked
    return Journal.create(brought.directory, asked.to_json(), asked.fingerprint), False


def _search(journal: Journal, spec: StudySpec, slices: int) -> Stage:
    changes = journal.changes()
    strategy = strategy_of(to_replay(spec, changes), slices=slices)
    best_by = spec.metric if spec.training.patience else None
    budget = in_force(spec, changes).budget
    return Stage(journal, strategy, Broker(journal, strategy, best_by=best_by, budget=budget), "")


def _finals(
    search: Journal, brought: Brought, sharing: Callable[[], int], say: Callable[[str], None]
) -> Stage | None:
    """What is due beside the search; None: nothing."""
    asked = brought.asked
    due = retraining.due(search, asked, brought.finals)
    if due is None:
        return None
    take, about = brought.take_lease, brought.about
    stage = retraining.begin(search, asked, due, take, slices=sharing(), facts=about)
    _back(stage.journal, brought.backing, stage.journal.directory.name, say)
    return stage


def _back(journal: Journal, backing: Backing | None, part: str, say: Callable[[str], None]) -> None:
    if backing is not None:
        for line in use_storage(journal, backing, part):
            say(line)


def _take_lease(journal: Journal, holder: LeaseHolder, least: int = 1) -> None:
    """Takes the lease, waiting a little for a driver that was told to go."""
    deadline = time.monotonic() + _TAKEOVER_S
    while True:
        try:
            journal.acquire_lease(holder, least)
        except LeaseError:
            current = journal.lease()
            going = current is not None and current.holder.alive() is None
            if not going or time.monotonic() > deadline:
                raise
            time.sleep(0.5)
        else:
            return


def _versions() -> dict[str, str]:
    names = ("caviar", "ray", "tensorflow", "numpy")
    return {name: version(name) for name in names}
