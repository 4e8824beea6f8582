"""The commands that a check of the playbook can send a person to, each fit to be pasted.

What a command can do depends on how the study stands: a driver at work takes up what is asked for;
a study that nobody drives must be run for it; one that was stopped, taken back first.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from caviar.report.evidence import Evidence
from caviar.space.domain import Choice, Domain, Value
from caviar.study.identity import differences
from caviar.study.spec import StudySpec
from caviar.study.wording import number

STUDY_FILE: Final = "STUDY.toml"
"""Where a study file belongs in a command: its name is not in the journal."""
ITS_FILE: Final = "its study file"
_BY_OPTION: Final = {
    "search.trials": "--trials",
    "search.max_epochs": "--max-epochs",
    "seed": "--seed",
}
"""What a run's options say without a study file."""


@dataclass(frozen=True)
class Next:
    """What to type next.

    Attributes:
        command: one line for a shell, or "" where nothing is to be typed.
        needs: what it takes for granted, in words, or "".
        waits: whether the study's driver must be done before.
    """

    command: str = ""
    needs: str = ""
    waits: bool = False


def show(evidence: Evidence, *options: str) -> Next:
    """To see how the study stands."""
    return Next(_caviar("show", evidence, *options))


def is_driven(evidence: Evidence) -> bool:
    """Whether a driver is at work on it."""
    return bool(evidence.account["status"] == "running")


def is_over(evidence: Evidence) -> bool:
    """Whether its search came to its end."""
    return bool(evidence.account["status"] == "finished")


def more(evidence: Evidence, trials: int) -> Next:
    """To come to so many more trials; nothing is typed while a driver still has some to start.

    A grid has no more than it has, so it takes a finer one; a budget is raised in the study file.
    """
    if is_driven(evidence) and _waiting(evidence):
        return Next()
    if not is_driven(evidence) and not is_over(evidence):
        return resume(evidence)
    if evidence.spec.search.searcher == "grid":
        return beside(evidence, "-finer", trials=len(evidence.trials) + trials)
    if evidence.spec.search.unbounded:
        command = shlex.join(["caviar", "run", STUDY_FILE, "--dir", str(evidence.directory)])
        return Next(command, f"{ITS_FILE} with a larger budget", waits=is_driven(evidence))
    return _taken(evidence, _caviar("add", evidence, "--trials", str(trials)))


def resume(evidence: Evidence, max_epochs: int | None = None) -> Next:
    """To go on with the study where it stands, to more epochs where that is asked."""
    words = ["caviar", "run", "--dir", str(evidence.directory)]
    words += ["--max-epochs", str(max_epochs)] if max_epochs is not None else []
    return Next(" && ".join([*_taken_back(evidence), shlex.join(words)]), waits=is_driven(evidence))


def beside(
    evidence: Evidence,
    suffix: str,
    needs: str = ITS_FILE,
    trials: int | None = None,
    max_epochs: int | None = None,
) -> Next:
    """To run a changed study in a directory of its own.

    Args:
        evidence: of the study.
        suffix: of that directory's name, as "-wider".
        needs: what its study file is, in words.
        trials: how many, or None for what the file says.
        max_epochs: how long, likewise.
    """
    words = ["caviar", "run", STUDY_FILE, "--dir", f"{evidence.directory}{suffix}"]
    options = {"--trials": trials, "--max-epochs": max_epochs}
    if _has_no_file(evidence.spec):
        if needs == ITS_FILE:
            words, needs = [one for one in words if one != STUDY_FILE], ""
            options = _by_options(evidence.spec, options)
        needs = needs.replace(ITS_FILE, "what caviar init writes")
    words += [word for name, n in options.items() if n is not None for word in (name, str(n))]
    return Next(shlex.join(words), needs, waits=is_driven(evidence))


def winner(evidence: Evidence) -> Next:
    """To retrain the best over several seeds."""
    return Next(_caviar("winner", evidence), waits=is_driven(evidence))


def narrow(evidence: Evidence, name: str, low: Value, high: Value) -> Next:
    """To draw new trials from `low` to `high` only, both in the domain.

    A search that is over draws none by itself, so half as many again are added. A grid was laid
    before it began.
    """
    domain = evidence.spec.space.domains[name]
    wish = "|".join(_between(domain, low, high)) if isinstance(domain, Choice) else ""
    wish = wish or f"{_exact(low)}..{_exact(high)}"
    if evidence.spec.search.searcher == "grid":
        return beside(evidence, "-narrow", f"{ITS_FILE} with {name} in {wish} only")
    asked = [_caviar("narrow", evidence, f"{name}={wish}")]
    if is_over(evidence):
        added = str(max(1, len(evidence.trials) // 2))
        asked += [_caviar("add", evidence, "--trials", added)]
    return _taken(evidence, *asked)


def _taken(evidence: Evidence, *asked: str) -> Next:
    """What is asked of a study, and its run where no driver is there to take it up."""
    then = [] if is_driven(evidence) else [resume(evidence).command]
    return Next(" && ".join([*asked, *then]))


def _taken_back(evidence: Evidence) -> list[str]:
    stopped = evidence.account["status"] == "stopped"
    return [_caviar("continue", evidence)] if stopped else []


def _waiting(evidence: Evidence) -> bool:
    return evidence.spec.search.unbounded or evidence.account["counts"]["waiting"] > 0


def _caviar(command: str, evidence: Evidence, *options: str) -> str:
    return shlex.join(["caviar", command, str(evidence.directory), *options])


def _between(domain: Domain, low: Value, high: Value) -> list[str]:
    assert isinstance(domain, Choice)
    first, last = domain.encode(low), domain.encode(high)
    return [number(one) for one in domain.choices if first <= domain.encode(one) <= last]


def _has_no_file(spec: StudySpec) -> bool:
    """Whether it is what runs without a study file, but for the options."""
    default = json.loads(StudySpec.default().to_json())
    found = differences(default, json.loads(spec.to_json()))
    return all(one.split(":", 1)[0] in _BY_OPTION for one in found)


def _by_options(spec: StudySpec, wished: Mapping[str, int | None]) -> dict[str, int | None]:
    """What was given to a study without a file, and what is wished instead of it."""
    plain = StudySpec.default(), spec
    given = ((one.search.trials, one.search.max_epochs, one.seed) for one in plain)
    names = _BY_OPTION.values()
    told = {n: now if now != by else None for n, by, now in zip(names, *given, strict=True)}
    return told | {name: value for name, value in wished.items() if value is not None}


def _exact(value: Value) -> str:
    """A value that reads back as itself."""
    return f"{value:.12g}" if isinstance(value, float) else str(value)
