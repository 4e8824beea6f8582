"""Taking a study up again: whether there is anything to do, and what it is extended by."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from caviar.errors import StudyError
from caviar.study import growth
from caviar.study.journal import Journal
from caviar.study.records import Change, ChangeKind
from caviar.study.spec import StudySpec
from caviar.study.spent import drivers
from caviar.tuning import retraining
from caviar.tuning.messages import AT_ONCE, Extra


def check_directory(
    spec: StudySpec, directory: Path, finals: Extra = Extra.NEVER
) -> tuple[str, str]:
    """Refuses a directory that holds another study or is being driven, and makes nothing.

    Args:
        spec: what the run was given.
        directory: the study directory, or where one will be.
        finals: when the best are to be retrained.

    Returns:
        Why there is nothing to do, and what the study is to be extended by, in words; each or "".

    Raises:
        StudyError: naming what differs, by what it would shrink, or who drives it.
    """
    there = next(path for path in (directory, *directory.parents) if path.exists())
    if not there.is_dir():
        raise StudyError(f"--dir {directory}: {there} is a file, not a directory")
    if not Journal.exists(directory):
        return "", ""
    with Journal.open(directory) as journal:
        begun = _same_study(journal, spec)
        journal.refuse_if_held()
        changes = journal.changes()
        more = growth.extension(begun, changes, spec)
        words = growth.told(more, growth.in_force(begun, changes))
        nothing = _why_nothing(journal, more)
        stop = growth.halt(changes)
        is_over = nothing and (stop is None or "budget" in stop.detail)
        if finals in AT_ONCE or (is_over and finals is not Extra.NEVER):
            due = retraining.due(journal, spec, finals) is not None
            if due or finals in AT_ONCE:
                nothing = "" if due else "there is nothing left to train beside the search"
        return nothing, words


def extend(journal: Journal, asked: StudySpec) -> StudySpec:
    """Journals what a run extends a study by; needs the lease.

    Returns:
        The study as it was begun, but for what a run brings: its resources, where its data are.

    Raises:
        StudyError: it would shrink the study.
    """
    begun = StudySpec.from_json(journal.spec_json)
    changes = journal.changes()
    more = growth.extension(begun, changes, asked)
    if more:
        decided = [Change(ChangeKind.EXTEND, more)]
        stop = growth.halt(changes)
        if stop is not None and _is_lifted(stop, more):
            decided.append(Change(ChangeKind.CONTINUE, {"why": "the budget grew"}))
        journal.decide(decided)
    return begun.model_copy(update={"resources": asked.resources, "data": asked.data})


def refuse_other_data(directory: Path, facts: Mapping[str, Any]) -> None:
    """Does nothing if a study may go on with this data set, or is not there yet.

    Args:
        directory: the study's.
        facts: what the journal keeps of the data, its `fingerprint` above all.

    Raises:
        StudyError: it was begun with another one.
    """
    if Journal.exists(directory):
        with Journal.open(directory) as journal:
            check_data(journal, facts)


def check_data(journal: Journal, facts: Mapping[str, Any]) -> None:
    """The same of an open journal."""
    known = journal.events("data_set_read")
    if known and known[0].detail["fingerprint"] != facts["fingerprint"]:
        then, now = known[0].detail["version"], facts["version"]
        versions = f"version {then} then, {now} now, and " if then != now else ""
        raise StudyError(
            f"data: {facts['name']} is not what the study in {journal.directory} was begun with: "
            f"{versions}other examples or another cut"
        )


def keep_settings(directory: Path, asked: StudySpec) -> str:
    """Journals what a run that has nothing else to do brings of `growth.SETTINGS`.

    Returns:
        It in words, as `goal.target_error: nothing -> 0.01`; "" if there is nothing new.

    Raises:
        StudyError: another driver holds the study, or the disk refuses.
    """
    with Journal.open(directory) as journal:
        now = growth.in_force(StudySpec.from_json(journal.spec_json), journal.changes())
    found = growth.changed_settings(now, asked)
    if found:
        with Journal.open(directory, write=True) as journal:
            journal.acquire_lease()
            try:
                journal.decide([Change(ChangeKind.EXTEND, found)])
            finally:
                journal.release_lease()
    return growth.told(found, now)


def _same_study(journal: Journal, asked: StudySpec) -> StudySpec:
    # Not the fingerprint kept then: a newer caviar may know more keys, with their defaults.
    begun = StudySpec.from_json(journal.spec_json)
    found = growth.differences_beyond(begun, asked)
    if not found:
        return begun
    place = f"--dir {journal.directory}"
    raise StudyError(f"{place}: holds another study ({'; '.join(found[:3])}); give another --dir")


def _why_nothing(journal: Journal, more: dict[str, Any]) -> str:
    asked = [request.change.kind for request in journal.requests(unanswered=True)]
    stop = growth.halt(journal.changes())
    if stop is not None:
        if ChangeKind.CONTINUE in asked or _is_lifted(stop, more):
            return ""
        if "budget" in stop.detail:
            return f"{stop.detail['why']}; to go on: a larger budget.{stop.detail['budget']}"
        return f"the study was stopped; to go on: caviar continue {journal.directory}"
    last = next(reversed(drivers(journal)), None)
    if growth.grows(more) or asked or last is None or not last.detail.get("finished"):
        return ""
    ending = last.detail.get("ending")
    return f"the study is complete: {ending}" if ending else "the study is complete"


def _is_lifted(stop: Change, more: dict[str, Any]) -> bool:
    """Whether a budget stopped the study, and this extension is of that one."""
    return "budget" in stop.detail and stop.detail["budget"] in more.get("budget", {})
