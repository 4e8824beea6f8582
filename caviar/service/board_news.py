"""What the driver of a job tells in its files, asked for through the dashboard."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Final

from caviar.errors import StudyError
from caviar.service.board_files import FOLDER, MOST, STATUS, decoded, kind_of
from caviar.service.dashboard import PATIENCE_S, Dashboard, NotThereError, TooLongError
from caviar.service.jobs import Job, last_status, tail
from caviar.study.wording import one_line
from caviar.tuning.job_words import PREFIX

_ALL: Final = -1


class OddError(StudyError):
    """What was told is none of caviar's."""


def read(
    dashboard: Dashboard, job: Job, file: str, patience_s: float = PATIENCE_S
) -> dict[str, Any] | None:
    """One of the files of `caviar.service.board_files`; None while there is none.

    Raises:
        OddError: it is none of caviar's.
        StudyError: its node does not answer.
    """
    if not job.node:
        return None
    name = f"{FOLDER}/{job.id}/{file}"
    try:
        raw = dashboard.text(
            "/api/v0/logs/file", MOST[kind_of(file)], patience_s,
            node_id=job.node, filename=name, lines=_ALL,
        )  # fmt: skip
    except NotThereError:
        return None
    except TooLongError as error:
        raise OddError(f"{one_line(job.id)}: {error}") from None
    found = decoded(file, raw)
    if found is None:
        raise OddError(f"{one_line(job.id)}: its {file} is none of caviar's")
    return found


def standing(dashboard: Dashboard, job: Job, patience_s: float = PATIENCE_S) -> dict[str, Any]:
    """How a job says that its study stands: by its file, else by the last such line of its log.

    Returns:
        It, or {} while nothing was told.

    Raises:
        OddError: what was told is none of caviar's.
        StudyError: its node does not answer.
    """
    with suppress(OddError):
        told = read(dashboard, job, STATUS, patience_s)
        if told is not None:
            return told
    lines = tail(dashboard, job, patience_s=patience_s)
    told = last_status(lines)
    if told is None and any(line.startswith(PREFIX) for line in lines):
        raise OddError(f"{one_line(job.id)}: its status line is none of caviar's")
    return told or {}
