"""Writes the report beside the study, whole or not at all."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Final

from caviar.errors import StudyError
from caviar.report.evidence import evidence
from caviar.report.page.document import document
from caviar.study.filesystem import write_durably

NAME: Final = "report.html"


def write_report(directory: Path, output: Path | None = None) -> Path:
    """Reads a study, writes its report and returns where.

    Args:
        directory: the study's; a driver may be at work on it.
        output: the file; by default `report.html` in the study's directory.

    Raises:
        StudyError: there is no study, or the file cannot be written.
    """
    path = output if output is not None else directory / NAME
    write_whole(path, document(evidence(directory)).encode("utf-8"))
    return path


def write_whole(path: Path, data: bytes) -> None:
    """Puts `data` where `path` says in one move, so that nobody ever reads half of it.

    Raises:
        StudyError: it cannot be written.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        write_durably(beside, data)
        beside.replace(path)
    except OSError as error:
        raise StudyError(f"{path}: cannot be written: {error.strerror}") from None
    finally:
        with contextlib.suppress(OSError):
            beside.unlink()
