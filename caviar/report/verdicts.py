"""What a check of the playbook comes to, and the words that checks share."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

from caviar.report.commands import STUDY_FILE, Next
from caviar.space.domain import Domain, Value

Verdict = Literal["fine", "look", "act", "unknown", "inapplicable"]
"""Leave it; think about it; do something; too little is known yet; the study has no such thing."""


@dataclass(frozen=True)
class Check:
    """One line of the playbook.

    Attributes:
        name: of the check, as "divergence".
        verdict: see `Verdict`.
        line: what was found, in plain words with figures.
        command: what to type next, or "" where nothing is.
    """

    name: str
    verdict: Verdict
    line: str
    command: str = ""

    def to_json(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return asdict(self)


NOTHING: Final = Next()


def checked(name: str, verdict: Verdict, line: str, then: Next = NOTHING) -> Check:
    """A check with what its command takes for granted told in its line."""
    if verdict in {"fine", "inapplicable"}:
        return Check(name, verdict, line)
    if then.waits:
        line = f"{line}; when this run is over"
    if then.needs:
        line = f"{line} ({STUDY_FILE} below: {then.needs})"
    return Check(name, verdict, line, then.command)


def home_of(domain: Domain) -> tuple[Value, Value]:
    """The bounds that a person gave, which a search may have left."""
    home = getattr(domain, "home", None)
    return domain.bounds if home is None else home


def plural(count: int, noun: str) -> str:
    """As `1 trial` or `3 trials`."""
    return f"{count} {noun}{'s' * (count != 1)}"
