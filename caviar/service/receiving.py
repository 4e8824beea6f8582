"""What a helper job printed of a study, put together and held against its checksum."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import time
from collections.abc import Callable, Iterable
from typing import IO, Any, Final

from caviar.errors import StudyError
from caviar.service import sending
from caviar.study.wording import one_line

SAY_EVERY_S: Final = 2.0
Say = Callable[[str], Any]


class NoStudyError(StudyError):
    """Where the study should lie there is none."""


def receive(lines: Iterable[str], archive: IO[bytes], say: Say) -> int:
    """Writes what the helper printed into `archive`.

    Returns:
        Its bytes.

    Raises:
        NoStudyError: there is no study.
        StudyError: not all of it came as it was sent.
    """
    header: dict[str, Any] = {}
    digest, came, told = hashlib.sha256(), 0, time.monotonic()
    last = ""
    for line in lines:
        if line.startswith(sending.BEGIN):
            header = _header(line)
        elif line.startswith(sending.DATA) and header:
            piece = _piece(line)
            came += len(piece)
            if came > header["bytes"]:
                break
            digest.update(piece)
            archive.write(piece)
            if time.monotonic() - told > SAY_EVERY_S:
                told = time.monotonic()
                say(f"{mb(came)} of {mb(header['bytes'])}")
        last = line or last
    if not header:
        raise StudyError(f"fetch: the helper job printed no study: {one_line(last[:300])}")
    if came != header["bytes"] or digest.hexdigest() != header["sha256"]:
        raise StudyError(f"fetch: {came} of {header['bytes']} bytes came, or others; try again")
    return came


def _header(line: str) -> dict[str, Any]:
    try:
        told = json.loads(line.removeprefix(sending.BEGIN))
        if "error" in told:
            kind = NoStudyError if told.get("none") else StudyError
            raise kind(f"fetch: {one_line(str(told['error'])[:300])}")
        return {"bytes": int(told["bytes"]), "sha256": str(told["sha256"])}
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        raise StudyError("fetch: what the helper job printed cannot be read; try again") from None


def _piece(line: str) -> bytes:
    try:
        return base64.b64decode(line.removeprefix(sending.DATA), validate=True)
    except binascii.Error:
        raise StudyError("fetch: what the helper job printed came damaged; try again") from None


def mb(size: int) -> str:
    """Bytes for a person."""
    return f"{size / 2**20:.1f} MB"
