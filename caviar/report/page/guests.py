"""What other rooms find out, asked for without fear: a study that is too young gives a sentence."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from caviar.errors import StudyError
from caviar.report.evidence import Evidence

_ROOM: Final = "caviar.report."


@dataclass(frozen=True)
class Guest:
    """What was found out, or why nothing was.

    Attributes:
        told: plain data; empty if there is none.
        why_not: in a sentence, or "".
    """

    told: Mapping[str, Any] = field(default_factory=dict)
    why_not: str = ""


def guest(module: str, function: str, given: Evidence | Path) -> Guest:
    """Calls `caviar.report.MODULE.FUNCTION(given)` and takes its `to_json()`.

    One room's trouble must not cost a person the page, so whatever goes wrong is told in its place.
    """
    try:
        found = _find(module, function)(given)
    except StudyError as error:
        return Guest(why_not=str(error))
    except ImportError as error:
        return Guest(why_not=f"This part is not there: {error}.")
    except Exception as error:  # noqa: BLE001 - see above
        return Guest(why_not=f"This part failed: {type(error).__name__}: {error}")
    told = _plain(found)
    if told is None:
        return Guest()
    return Guest(told if isinstance(told, Mapping) else {"rows": told})


def _plain(found: Any) -> Any:
    if isinstance(found, list | tuple):
        return [_plain(one) for one in found]
    return found.to_json() if hasattr(found, "to_json") else found


def _find(module: str, function: str) -> Callable[[Evidence | Path], Any]:
    room = importlib.import_module(_ROOM + module)
    found = getattr(room, function, None)
    if found is None:
        raise ImportError(f"{module} has no {function}")
    return found
