"""What of a study is in its storage, brought here with this machine's credentials."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from caviar.errors import StudyError
from caviar.service import sending
from caviar.service.helper import Say
from caviar.study.checkpoints import DIRECTORY, files_in
from caviar.study.facts import CheckpointRecord
from caviar.study.journal import Journal
from caviar.study.restoring import copy_out
from caviar.study.spec import StudySpec
from caviar.study.storage import Storage, StorageError

AT_ONCE: Final = 8
"""Checkpoints that are read at a time."""
SAY_EVERY_S: Final = 2.0


def folder_of(uri: str) -> str:
    """The absolute folder that a storage is; "" of a bucket's.

    Raises:
        StudyError: it is no storage.
    """
    where = Storage(uri).uri
    return where if where.startswith("/") else ""


def copy_stored(uri: str, copy: Path, say: Say, *, checkpoints: bool, study: str) -> str:
    """Copies a study from its storage.

    Args:
        uri: of the storage.
        copy: a directory that is not there yet.
        say: is told what goes on when it takes longer.
        checkpoints: whether they come along.
        study: the name that it must have, or "".

    Returns:
        What came, in a line.

    Raises:
        StudyError: there is no such study, or it is damaged.
        StorageError: the storage does not answer.
    """
    storage = Storage(uri)
    folder = folder_of(uri)
    if folder and not Path(folder).is_dir():
        raise StudyError(f"{folder}: there is no such folder on this machine")
    if folder and Journal.exists(Path(folder)):
        raise StudyError(f"{storage.uri}: is a study directory itself, and no storage")
    came = copy_out(storage, copy, checkpoints=checkpoints, say=say)
    with Journal.open(copy) as journal:
        name = StudySpec.from_json(journal.spec_json).name
    if study and name != study:  # a job may name a storage that was another's since
        raise StudyError(f"{storage.uri}: holds the study {name}, and not {study}")
    return came


def add_checkpoints(copy: Path, say: Say) -> str:
    """Adds to a copied study the checkpoints that its journals name and only its storage has.

    Returns:
        How many came, for the end of a line; "" of a study whose own directory had them all.
    """
    came = 0
    for study in sending.studies(copy):
        with Journal.open(study) as journal:
            folder = study / DIRECTORY
            here = files_in(folder)
            # A name that leads elsewhere is none of a checkpoint.
            named = {record.file: record for record in journal.checkpoints()}
            wanted = [named[file] for file in sorted(files_in(named) - here)]
            if wanted and journal.storage_used() is not None:
                folder.mkdir(exist_ok=True)
                count, why = _add(journal, folder, wanted, say)
                came += count
                if why:
                    say(f"note: {_checkpoints(len(wanted) - count)} did not come: {why}")
    return f", {_checkpoints(came)} from its storage" if came else ""


def _add(
    journal: Journal, folder: Path, wanted: Sequence[CheckpointRecord], say: Say
) -> tuple[int, str]:
    """Brings checkpoints into a folder; a storage that does not answer is not asked for each.

    Returns:
        How many, and why the first did not come that did not.
    """

    def bring(record: CheckpointRecord) -> str:
        try:
            (folder / record.file).write_bytes(journal.read_checkpoint(record))
        except StorageError as error:
            return str(error).removeprefix("--storage ")
        except StudyError as error:
            return str(error).removeprefix(f"{folder}/")
        return ""

    whys: list[str] = []
    told = time.monotonic()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for why in pool.map(bring, wanted):
            whys.append(why)
            if time.monotonic() - told > SAY_EVERY_S and not why:
                told = time.monotonic()
                say(f"{len(whys)} of {len(wanted)} checkpoints from its storage")
    failed = [why for why in whys if why]
    return len(whys) - len(failed), (failed or [""])[0]


def _checkpoints(count: int) -> str:
    return f"{count} checkpoint{'s' * (count != 1)}"
