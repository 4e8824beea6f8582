"""Reading a study file's text: bounded, UTF-8, and refused in one line."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from caviar.errors import StudyError
from caviar.study.wording import one_line

LONGEST_FILE: Final = 1 << 20
"""Bytes of a study file; anything longer is something else."""


def read_text(path: Path | str) -> str:
    """The file's text.

    Raises:
        StudyError: if it cannot be read, is too long or is not UTF-8.
    """
    source = one_line(str(path))
    try:
        with open(path, "rb") as file:
            raw = file.read(LONGEST_FILE + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a file's name"
        raise StudyError(f"{source}: cannot be read: {reason}") from None
    if len(raw) > LONGEST_FILE:
        raise StudyError(f"{source}: must be at most {LONGEST_FILE} bytes to be a study file")
    try:
        # Some editors begin a file with a byte order mark, which TOML does not know.
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise StudyError(f"{source}: line {line}: must be UTF-8 text") from None


def beside(path: str, study_file: Path | str) -> str:
    """A path that a study file names, absolute: relative ones begin at the file's folder."""
    return os.path.abspath(Path(study_file).parent / Path(path).expanduser())
