"""A study's account: how it stands, as plain data for JSON, tables and pandas.

It comes from the journal alone, so it can be asked for while a driver runs, on any copy.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Any

from caviar.errors import StudyError
from caviar.report.diary import (
    choice_of,
    days_of,
    diary,
    is_raised,
    standing_of_days,
    wanted_days,
)
from caviar.report.edges import edges
from caviar.report.rounds import origins, rounds
from caviar.report.watching import findings
from caviar.search.bests import usable
from caviar.search.change_words import told
from caviar.search.standing import Standing, standing_of
from caviar.search.successive_halving import merit_of
from caviar.study.expenses import expenses
from caviar.study.facts import TrialSummary
from caviar.study.growth import halt, in_force, why_halted
from caviar.study.journal import Journal
from caviar.study.records import (
    ChangeKind,
    Entry,
    Measurement,
    Trial,
    TrialState,
    Value,
    Watch,
)
from caviar.study.spec import StudySpec
from caviar.study.spent import STOP, drivers, elapsed_s


def account(journal: Journal, now: float | None = None) -> dict[str, Any]:
    """How the study stands; numbers that are not finite are None, as JSON wants it.

    Args:
        journal: open, for reading or writing.
        now: seconds since 1970; by default the clock's.

    Returns:
        `study`, `metric`, `searcher` ("" of pandas), `status` (`new`, `running`, `interrupted`,
        `stopped` or `finished`), `ending` (why it ended or waits before its work is done, or ""),
        `counts` by state, `trial_epochs` (of the search), `elapsed_s` (of all its drivers), `cost`
        (see `caviar.study.expenses`), `noise` (differences of the metric that are luck), `best`
        (of `bests_of`, or None), `rungs`, `origins` of its trials, `rounds`
        of its search (see `caviar.report.rounds`), `edges` (see `caviar.report.edges`), `asked`
        (changes that no driver has taken yet, in words), `choice` (of the strategy "auto", in
        words), `diary` (see `caviar.report.diary`) and `trials`, each with its `best_epoch`.
    """
    with journal.snapshot():  # a driver may be at work on it
        return _account(journal, time.time() if now is None else now)


def _account(journal: Journal, now: float) -> dict[str, Any]:
    changes = journal.changes()
    spec = in_force(StudySpec.from_json(journal.spec_json), changes)
    lease = journal.lease()
    driven = lease is not None and lease.held(now)
    summaries = journal.summary()
    running = [trial.trial for trial in summaries if trial.running] if driven else []
    entries = tuple(journal.entries())
    raised = is_raised(spec, changes)
    days = days_of(spec, entries if raised else ())
    standing = standing_of_days(days, running)
    if not raised:
        standing = standing_of(
            entries,
            spec.rungs(),
            spec.metric,
            running,
            reduction_factor=spec.search.reduction_factor,
            brackets=spec.search.brackets,
            noise=spec.search.noise,
        )
    wanted = wanted_days(spec, days, changes) if raised else spec.search.trials
    choice = choice_of(changes)
    stop = None if driven else halt(changes)
    status = "stopped" if stop is not None else _status(journal, driven)
    ending = why_halted(stop) if stop is not None else _ending(journal, driven)
    if (status == "finished" and not ending) or (not raised and spec.search.unbounded):
        wanted = 0  # the space, or the budget, may allow fewer: none is waiting
    bests = bests_of(standing, spec.metric)
    best = min(filter(None, bests), key=partial(merit_of, metric=spec.metric), default=None)
    return {
        "study": spec.name,
        "metric": spec.metric,
        "searcher": "" if raised else spec.search.searcher,
        "status": status,
        "ending": ending,
        "counts": _counts(standing, wanted),
        "trial_epochs": journal.measured_epochs,
        "elapsed_s": round(elapsed_s(journal, now if driven else None), 3),
        "cost": expenses(journal, now if driven else None),
        "noise": standing.noise,
        "best": _best(best, summaries),
        "rungs": [
            {
                "bracket": rung.bracket,
                "epoch": rung.epoch,
                "reached": rung.reached,
                "promoted": rung.promoted,
            }
            for rung in standing.rungs
        ],
        "origins": origins(spec, entries),
        "rounds": rounds(spec, entries),
        "edges": [] if raised else edges(spec, entries),
        "asked": [told(request.change) for request in journal.requests(unanswered=True)],
        "choice": str(choice.detail["why"]) if choice is not None else "",
        "diary": diary(days, running),
        "trials": [
            _row(*row)
            for row in zip(_trials(entries), summaries, standing.states, bests, strict=True)
        ],
    }


def bests_of(standing: Standing, metric: str) -> tuple[Measurement | None, ...]:
    """Of each trial its best, as `caviar.search.bests` defines it.

    Args:
        standing: of the study.
        metric: by which its trials are compared.
    """
    return usable(standing.bests, standing.states, metric)


def course(journal: Journal, trial: int) -> dict[str, Any]:
    """A trial's way: its `curve`, epoch by epoch, and in plain sentences what it shows.

    Raises:
        StudyError: the study has no such trial.
    """
    trials = journal.trials()
    if not 0 <= trial < len(trials):
        there = f"trials 0 to {len(trials) - 1}" if trials else "no trials yet"
        raise StudyError(f"--trial {trial}: the study has {there}")
    return _course(journal, trial, trials[trial].hyperparameters)


def courses(journal: Journal, rows: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """The ways of several trials; `rows` of them as in an account."""
    return (_course(journal, row["trial"], row["hyperparameters"]) for row in rows)


def _course(journal: Journal, trial: int, values: Mapping[str, Value]) -> dict[str, Any]:
    found = journal.measurements(trial)
    activation = str(values.get("activation", "relu"))
    return {"curve": [_epoch(each) for each in found], "findings": findings(found, activation)}


def _epoch(found: Measurement) -> dict[str, Any]:
    return {
        "epoch": found.epoch,
        "train_loss": _finite(found.train_loss),
        "train_accuracy": _finite(found.train_accuracy),
        "dev_loss": _finite(found.dev_loss),
        "dev_accuracy": _finite(found.dev_accuracy),
        "watch": _watch(found.watch),
    }


def _watch(watch: Watch | None) -> dict[str, list[float | None]] | None:
    if watch is None:
        return None
    return {
        "gradient_norm": [*map(_finite, watch.gradient_norm)],
        "weight_norm": [*map(_finite, watch.weight_norm)],
        # Units of a layer without sound weights neither work nor idle.
        "idle": [
            _finite(share) if math.isfinite(norm) else None
            for share, norm in zip(watch.idle, watch.weight_norm, strict=False)
        ],
    }


def _counts(standing: Standing, wanted: int) -> dict[str, int]:
    states = Counter(standing.states)
    states[TrialState.WAITING] += max(0, wanted - len(standing.states))
    return {str(state): states[state] for state in TrialState}


def _best(best: Measurement | None, summaries: tuple[TrialSummary, ...]) -> dict[str, Any] | None:
    if best is None:
        return None
    hyperparameters: Mapping[str, Value] = summaries[best.trial].hyperparameters
    return {
        "trial": best.trial,
        "epoch": best.epoch,
        "dev_accuracy": _finite(best.dev_accuracy),
        "dev_loss": _finite(best.dev_loss),
        "train_loss": _finite(best.train_loss),
        "hyperparameters": dict(hyperparameters),
    }


def _row(
    trial: Trial, summary: TrialSummary, state: TrialState, best: Measurement | None
) -> dict[str, Any]:
    last = summary.last
    return {
        "trial": summary.trial,
        "origin": trial.origin,
        "state": str(state),
        "epochs": summary.epochs,
        "best_epoch": best.epoch if best is not None else None,
        "dev_accuracy": _finite(last.dev_accuracy) if last else None,
        "dev_loss": _finite(last.dev_loss) if last else None,
        "train_loss": _finite(last.train_loss) if last else None,
        "reason": summary.why,
        "hyperparameters": dict(summary.hyperparameters),
    }


def _trials(entries: Iterable[Entry]) -> list[Trial]:
    return [entry for entry in entries if isinstance(entry, Trial)]


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _ending(journal: Journal, driven: bool) -> str:
    """Why it ended, or waits, before its work is done; or ""."""
    if not driven:
        events = drivers(journal)
        return str(events[-1].detail.get("ending") or "") if events else ""
    waits = [c.kind for c in journal.changes() if c.kind in (ChangeKind.PAUSE, ChangeKind.CONTINUE)]
    return "paused" if waits and waits[-1] == ChangeKind.PAUSE else ""


def _status(journal: Journal, driven: bool) -> str:
    if driven:
        return "running"
    events = drivers(journal)
    if not events:
        return "new"
    last = events[-1]
    stopped = last.kind == STOP
    return "finished" if stopped and last.detail["finished"] else "interrupted"
