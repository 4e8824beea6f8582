"""What a broker knows of the study's storage, and what it makes of it when it opens a journal."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, Self

from caviar.errors import StudyError
from caviar.study.facts import CheckpointRecord
from caviar.study.journal import Journal
from caviar.study.storage import StorageError

CREDENTIALS: Final = ("AWS_", "GOOGLE_", "GCE_", "CLOUDSDK_")
"""How variables begin that the broker's process needs as well, to read what is in the storage."""

AT_ONCE: Final = 16
"""Checkpoints read at once: every slice waits meanwhile, and a store is far rather than slow."""


@dataclass(frozen=True)
class Backing:
    """It goes by a call, never into anything that is shown: it may hold a secret.

    Attributes:
        uri: of the storage.
        token: of the lease there; the journals' are to be at least as high.
        environment: what credentials are looked for in.
    """

    uri: str
    token: int
    environment: Mapping[str, str]

    def __repr__(self) -> str:
        return f"Backing({self.uri!r}, {self.token})"

    @classmethod
    def here(cls, uri: str, token: int) -> Self:
        """With this process's credentials."""
        found = {name: v for name, v in os.environ.items() if name.startswith(CREDENTIALS)}
        return cls(uri, token, found)


def use_storage(journal: Journal, backing: Backing, part: str = "") -> list[str]:
    """Tells a journal where its checkpoints are carried to.

    Args:
        journal: open for writing, with the lease held.
        backing: the storage.
        part: the folder in the study directory; "" of the search.

    Returns:
        What a person should know: checkpoints that are gone.
    """
    os.environ.update(backing.environment)
    lost = sorted({record.trial for record in journal.use_storage(backing.uri, part)})
    if not lost:
        return []
    shown = ", ".join(map(str, lost[:8])) + (", ..." if len(lost) > 8 else "")
    which = f"trial {shown}" if len(lost) == 1 else f"trials {shown}"
    return [f"checkpoints of {which} are lost: trained again from an earlier one, or anew"]


def read_at_once(
    journal: Journal, records: Iterable[CheckpointRecord | None]
) -> list[bytes | StudyError | None]:
    """The bytes of checkpoints in their order, or why one is none; None for None.

    Raises:
        StorageError: the storage does not answer.
    """

    def read(record: CheckpointRecord | None) -> bytes | StudyError | None:
        try:
            return journal.read_checkpoint(record) if record else None
        except StorageError:
            raise
        except StudyError as error:
            return error

    given = list(records)
    if sum(record is not None for record in given) < 2:
        return [read(record) for record in given]
    with ThreadPoolExecutor(min(AT_ONCE, len(given))) as pool:
        return list(pool.map(read, given))
