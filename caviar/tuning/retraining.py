"""Retraining: the finals of a study, trained on its slices beside its own journal.

They have a study directory of their own (`caviar.study.finals`), so that what the search decides
never depends on them: it can be extended afterwards as if they had not been.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from caviar.errors import StudyError
from caviar.search.finalists import finals_for, sizes_for, trials_of
from caviar.search.listed import Listed
from caviar.search.strategy import Strategy
from caviar.study.finals import (
    SIZES,
    Candidate,
    Finals,
    event_of,
    finals_of,
    replicate_seed,
)
from caviar.study.growth import in_force
from caviar.study.journal import Journal
from caviar.study.records import Terms, Trial
from caviar.study.signature import signatures
from caviar.study.spec import StudySpec
from caviar.study.spent import drivers
from caviar.tuning.broker import Broker
from caviar.tuning.messages import Extra


@dataclass(frozen=True)
class Stage:
    """What a driver works at: the search, or the finals.

    Attributes:
        journal: open for writing, with the lease held.
        strategy: replayed.
        broker: of both.
        title: what the progress calls it.
        finals: whose trainings its trials are; None in the search.
    """

    journal: Journal
    strategy: Strategy
    broker: Broker
    title: str
    finals: Finals | None = field(default=None, hash=False)

    def name_of(self, index: int) -> str:
        """Whom a trial of it trains: in the finals their numbers are others than the search's."""
        if self.finals is None:
            return f"trial {index}"
        candidate = self.finals.candidate(index)
        return f"{candidate.name}, retraining {index % self.finals.seeds + 1}"


def due(journal: Journal, asked: StudySpec, extra: Extra = Extra.AFTER) -> Finals | None:
    """What a study still lacks of what is to be trained beside its search; None: nothing.

    Args:
        journal: the study's.
        asked: as the run was given; `[winner]` and `[baseline]` are this one's.
        extra: what is asked for.
    """
    spec = settings(journal, asked)
    if extra is Extra.SIZES:
        known = finals_of(journal, SIZES)
        best = _best(journal, spec)
        found = best and sizes_for(spec, *best, known)
    else:
        known = finals_of(journal)
        found = finals_for(spec, journal.entries(), known)
    if found is None or (found is known and is_complete(found, journal.directory)):
        return None
    return found


def _best(journal: Journal, spec: StudySpec) -> tuple[Candidate, int] | None:
    """Who is trained on parts of the data, and how long: the winner, or the search's best."""
    chosen, finals = journal.events("winner_chosen"), finals_of(journal)
    if chosen and finals is not None:
        name = chosen[-1].detail["name"]
        found = next((one for one in finals.candidates if one.name == name), None)
        if found is not None:
            return found, finals.epochs
    finals = finals_for(spec, journal.entries())
    return (finals.candidates[0], finals.epochs) if finals is not None else None


def settings(journal: Journal, asked: StudySpec) -> StudySpec:
    """The study in force, with the tables of `asked` that change nothing in its search."""
    spec = in_force(StudySpec.from_json(journal.spec_json), journal.changes())
    beside = {name: getattr(asked, name) for name in ("winner", "baseline", "resources")}
    return spec.model_copy(update=beside)


def is_complete(finals: Finals, directory: Path) -> bool:
    """Whether all retrainings came to their end."""
    folder = finals.folder(directory)
    if not Journal.exists(folder):
        return False
    with Journal.open(folder) as journal:
        last = next(reversed(drivers(journal)), None)
        return last is not None and bool(last.detail.get("finished"))


def begin(
    search: Journal,
    asked: StudySpec,
    finals: Finals,
    take_lease: Callable[[Journal], None],
    *,
    slices: int,
    facts: Mapping[str, Any],
) -> Stage:
    """Begins finals, or goes on with them.

    Args:
        search: the study's journal, with the lease held.
        asked: as the run was given.
        finals: what `due` returned.
        take_lease: takes a journal's lease, waiting a little for a driver that is just going.
        slices: how many share the work.
        facts: what the journal keeps of the driver.

    Raises:
        StudyError: the disk refuses.
    """
    if finals != finals_of(search, finals.kind):
        search.record(event_of(finals.kind), finals.to_json())
    folder = finals.folder(search.directory)
    if not Journal.exists(folder):
        Journal.create(folder, search.spec_json, search.fingerprint).close()
    journal = Journal.open(folder, write=True)
    try:
        take_lease(journal)
    except StudyError:
        journal.close()
        raise
    journal.record("driver_started", facts)
    spec = settings(search, asked)
    for signature, settled in search.settled().items():
        journal.settle(
            signature, settled.width, {"rule": "as in the search", "precision": settled.precision}
        )

    def terms_of(trial: Trial) -> Terms:
        share = finals.candidate(trial.index).share
        return Terms(replicate_seed(spec.seed, trial.draw or 0), share)

    strategy = Listed(
        trials_of(finals),
        signatures(spec),
        finals.epochs,
        metric=spec.metric,
        stack=spec.resources.stack,
        slices=slices,
        terms_of=terms_of,
    )
    best_by = spec.metric if spec.training.patience else None
    broker = Broker(journal, strategy, best_by=best_by, terms_of=terms_of)
    return Stage(journal, strategy, broker, finals.kind, finals)
