"""What a winner was made with: packages, commit, hardware."""

from __future__ import annotations

import os
import platform
import re
from importlib import metadata
from pathlib import Path
from typing import Any, Final

import psutil

from caviar.study.journal import Journal
from caviar.study.wording import one_line

PACKAGES: Final = ("caviar", "ray", "tensorflow", "keras", "numpy", "scipy")
"""Whose versions a card tells."""

_COMMIT: Final = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_REFERENCE: Final = re.compile(r"ref: (refs/[\w./+@-]+)")
_MOST_BYTES: Final = 4_000_000


def packages() -> dict[str, str]:
    """Versions that are installed here, Python's own among them."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def git_commit(folder: Path | None = None) -> str | None:
    """The commit checked out where `folder` (the working one) lies; None outside a repository.

    It is read from git's files: no program is run, and no hook of a strange repository either.
    Changes that were not committed are not looked for.
    """
    try:
        here = (Path.cwd() if folder is None else folder).resolve()
        found = next((place for place in (here, *here.parents) if (place / ".git").exists()), None)
        return None if found is None else _commit(_git_folder(found / ".git"))
    except (OSError, ValueError):
        return None


def hardware(journal: Journal) -> dict[str, Any]:
    """This machine, and the GPUs that slices of the study were given.

    Returns:
        `cpu`, `cores`, `gpus` and `memory_gib`.
    """
    held = [str(event.detail.get("held", "")) for event in journal.events("slice_arrived")]
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count() or 1,
        "gpus": sorted({one_line(text[text.index("gpu ") :]) for text in held if "gpu " in text}),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
    }


def _git_folder(place: Path) -> Path:
    """Where git keeps its files; of a further work tree `.git` is a file that says so."""
    if place.is_dir():
        return place
    return place.parent / _text(place).removeprefix("gitdir: ")


def _commit(folder: Path) -> str | None:
    head = _text(folder / "HEAD")
    named = _REFERENCE.fullmatch(head)
    if named is None:
        return _checked(head)
    common = folder / "commondir"
    shared = folder / _text(common) if common.exists() else folder
    for place in (folder, shared):
        if (place / named[1]).is_file():
            return _checked(_text(place / named[1]))
    lines = (line.split(" ") for line in _text(shared / "packed-refs").splitlines())
    return next((_checked(pair[0]) for pair in lines if pair[1:] == [named[1]]), None)


def _checked(text: str) -> str | None:
    return text if _COMMIT.fullmatch(text) else None


def _text(path: Path) -> str:
    with path.open(encoding="utf-8") as file:
        return file.read(_MOST_BYTES).strip()


def _cpu() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text("utf-8")
    except OSError:
        text = ""
    named = re.search(r"^model name\s*: (.+)$", text, re.MULTILINE)
    return one_line(named[1].strip() if named else platform.processor() or platform.machine())
