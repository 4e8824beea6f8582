"""What a check of the playbook comes to, and the commands that it can send a person to."""

from __future__ import annotations

import json
import shlex
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

from caviar.report.evidence import Evidence
from caviar.space.domain import Choice, Domain, Value
from caviar.study.identity import differences
from caviar.study.spec import StudySpec
from caviar.study.wording import number

Verdict = Literal["fine", "look", "act", "unknown"]
"""Leave it; think about it; do something; nobody can tell yet."""

STUDY_FILE: Final = "STUDY.toml"
"""Where the study file belongs in a command: its name is not in the journal."""
_BY_OPTION: Final = ("seed", "search.trials", "search.max_epochs")
"""What a run's options say without a study file."""


@dataclass(frozen=True)
class Check:
    """One line of the playbook.

    Attributes:
        name: of the check, as "divergence".
        verdict: see `Verdict`.
        line: what was found, in plain words with figures.
        command: what to type next.
    """

    name: str
    verdict: Verdict
    line: str
    command: str

    def to_json(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return asdict(self)


def show(evidence: Evidence, *options: str) -> str:
    """The command that shows how the study stands."""
    return shlex.join(["caviar", "show", str(evidence.directory), *options])


def add(evidence: Evidence, trials: int) -> str:
    """The command that adds so many trials."""
    return shlex.join(["caviar", "add", str(evidence.directory), "--trials", str(trials)])


def more(evidence: Evidence, trials: int) -> str:
    """The command by which a study comes to so many more trials.

    A grid has no more than it has, so it takes a finer one; a budget is raised in the study file.
    """
    if evidence.spec.search.searcher == "grid":
        return run(evidence, "-finer")
    return run(evidence) if evidence.spec.search.unbounded else add(evidence, trials)


def winner(evidence: Evidence) -> str:
    """The command that retrains the best over several seeds."""
    return shlex.join(["caviar", "winner", str(evidence.directory)])


def run(evidence: Evidence, suffix: str = "", max_epochs: int | None = None) -> str:
    """The command that goes on with the study, or runs a changed one beside it.

    Args:
        evidence: of the study.
        suffix: of the changed study's directory, as "-wider"; without one the study goes on.
        max_epochs: another length, or None.
    """
    words = ["caviar", "run", STUDY_FILE, "--dir", f"{evidence.directory}{suffix}"]
    as_it_is = not suffix or max_epochs is not None
    if as_it_is and _has_no_file(evidence.spec):
        words.remove(STUDY_FILE)
    words += ["--max-epochs", str(max_epochs)] if max_epochs is not None else []
    return shlex.join(words)


def narrow(evidence: Evidence, name: str, low: Value, high: Value) -> str:
    """The command that draws new trials from `low` to `high` only, both in the domain."""
    domain = evidence.spec.space.domains[name]
    wish = "|".join(_between(domain, low, high)) if isinstance(domain, Choice) else ""
    wish = wish or f"{_exact(low)}..{_exact(high)}"
    return shlex.join(["caviar", "narrow", str(evidence.directory), f"{name}={wish}"])


def home_of(domain: Domain) -> tuple[Value, Value]:
    """The bounds that a person gave, which a search may have left."""
    home = getattr(domain, "home", None)
    return domain.bounds if home is None else home


def metric(value: float) -> str:
    """A metric's value."""
    return f"{value:.4f}" if abs(value) < 1e5 else f"{value:.4g}"


def small(value: float) -> str:
    """A difference of a metric: two digits."""
    return f"{value:.2g}"


def spaced(name: str) -> str:
    """A metric's name in a sentence."""
    return name.replace("_", " ")


def plural(count: int, noun: str) -> str:
    """As `1 trial` or `3 trials`."""
    return f"{count} {noun}{'s' * (count != 1)}"


def _between(domain: Choice, low: Value, high: Value) -> list[str]:
    first, last = domain.encode(low), domain.encode(high)
    return [number(one) for one in domain.choices if first <= domain.encode(one) <= last]


def _exact(value: Value) -> str:
    """A value that reads back as itself."""
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def _has_no_file(spec: StudySpec) -> bool:
    """Whether it is what runs without a study file, but for the options."""
    default = json.loads(StudySpec.default().to_json())
    found = differences(default, json.loads(spec.to_json()))
    return all(one.split(":", 1)[0] in _BY_OPTION for one in found)
