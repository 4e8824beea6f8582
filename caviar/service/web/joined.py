"""How a job's study stands, in the shape of every other status, of what its driver told of it.

Its page is made of the journal, seconds apart; its status comes with every look at the broker. So
the page is told with what the status knows better.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from caviar.tuning.job_words import to_come

EVERY_S: Final = 2.0
"""Between two looks of a driver at its broker, or so."""

_EMPTY: Final[Mapping[str, Any]] = {
    "counts": {}, "rungs": [], "trial_epochs": 0, "trial_epochs_per_s": 0.0, "elapsed_s": 0.0,
    "metric": "dev_accuracy", "best": None, "slices": {}, "stage": "", "asked": [], "choice": "",
    "rounds": 0, "trials": 0, "retraining": None, "winner": None, "leaders": [], "curves": {},
    "searched": [],
    "every_s": EVERY_S,
}  # fmt: skip
_FRESH: Final = ("counts", "rungs", "trial_epochs", "best")
"""What the status of the search knows better than its page; in the finals it tells of those."""


def joined(name: str, told: Mapping[str, Any], page: Mapping[str, Any] | None) -> dict[str, Any]:
    """The status of a study.

    Args:
        name: that it goes by here.
        told: of `caviar.service.telling.told_of`.
        page: of `caviar.service.board_files.PAGE`, or None.
    """
    job = told["job"]
    running = job["state"] == "running"
    known = {key: page[key] for key in _EMPTY if page.get(key) is not None} if page else {}
    found = {**_EMPTY, **known}
    if page is None:
        found |= _alone(told) | {"searched": job["searched"]}
    elif running:
        found |= _fresh(told, page)
    about = {
        "name": name,
        "study": told["study"],
        "directory": job["directory"],
        "at": max(told.get("at") or 0.0, page["at"] if page else 0.0) or job["began_at"] or 0.0,
        "status": _state(job["state"], page),
        "ending": _ending(told, page),
        "planned": told.get("planned") or 0,
        "to_come": to_come(told) if running and told.get("arrived") is not None else "",
        "note": told["note"],
        "job": dict(job),
        "can": _can(job["state"], page),
    }
    found |= about | {"finished": about["status"] == "finished"}
    return found if running else found | {"slices": {}, "stage": ""}


def _alone(told: Mapping[str, Any]) -> dict[str, Any]:
    """What the status line tells where there is no page."""
    keys = (*_FRESH, "trial_epochs_per_s", "elapsed_s", "metric", "slices", "stage")
    known = {key: told[key] for key in keys if told.get(key) is not None}
    if told.get("best_name") and known.get("best"):
        known["best"] = known["best"] | {"name": told["best_name"]}
    return known | {"trials": _drawn(known.get("counts") or {})}


def _fresh(told: Mapping[str, Any], page: Mapping[str, Any]) -> dict[str, Any]:
    """What the status knows better than the page."""
    found = {"slices": told.get("slices") or {}, "stage": told.get("stage") or page["stage"]}
    later = (told.get("at") or 0.0) - page["at"]
    if later <= 0:
        return found
    elapsed = found["elapsed_s"] = round(page["elapsed_s"] + later, 1)
    if not told.get("stage"):
        found |= {key: told[key] for key in _FRESH if told.get(key) is not None}
        count = found.get("trial_epochs", page["trial_epochs"])
        found["trial_epochs_per_s"] = round(count / elapsed, 3) if elapsed > 0 else 0.0
        found["trials"] = max(page["trials"], _drawn(found.get("counts") or {}))
    return found


def _drawn(counts: Mapping[str, int]) -> int:
    return sum(count for state, count in counts.items() if state != "waiting")


def _state(state: str, page: Mapping[str, Any] | None) -> str:
    """A job that ended well may have left a study that a budget or a person ended."""
    over = page["status"] if page else ""
    return over if state == "finished" and over in {"finished", "stopped"} else state


def _ending(told: Mapping[str, Any], page: Mapping[str, Any] | None) -> str:
    ending = told.get("trouble") or told.get("ending") or (page["ending"] if page else "")
    if told["job"]["state"] == "failed" and not ending:
        return (told["log"] or ["its job failed"])[-1]
    return ending or ""


def _can(state: str, page: Mapping[str, Any] | None) -> list[str]:
    """What may be asked of it here, in the words of the page's script."""
    seen = ["trials"] if page else []
    if state == "pending":
        return ["stop"]
    changes = ["add", "stop", "stop-trial", "pause", "continue", "narrow"]
    return seen + changes if state == "running" else seen
