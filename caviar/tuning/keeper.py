"""The keeper: while a driver runs, two threads of it keep the study's storage up to date.

One renews the lease there. The other carries checkpoints there as they come and, every few
seconds, the journals. Neither is in the broker's way, which is another process: that commits to
the local disk and hands out work whether or not the storage answers.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Final, Self

from caviar.errors import LeaseError, StudyError
from caviar.study import backup, backup_winner, restoring_checks, storage_lease
from caviar.study.backup_writer import BackupWriter
from caviar.study.journal import Journal
from caviar.study.lease import RENEW_EVERY_S, LeaseHolder
from caviar.study.spec import StudySpec
from caviar.study.storage import Storage
from caviar.tuning.backing import Backing
from caviar.tuning.keeper_restoring import (
    bring,
    local_token,
    make_ready,
    newer_in,
)
from caviar.tuning.keeper_threads import Repeated

EVERY_S: Final = 5.0
"""Between two backups, when something changed."""
PROMOTED_S: Final = 1.0
"""The same, when a trial was promoted."""
SHARE: Final = 0.05
"""Of a core that copying and packing may take: a large journal is backed up less often."""
LOOK_S: Final = 0.5
"""How often it is looked whether something changed."""
CLOSE_S: Final = 600.0
"""Seconds that the last backup may wait for the one under way."""
HURRY_S: Final = 5.0
"""The same after a signal."""


class Keeper:
    """A study's storage in the hands of its driver; leave it, and it lets go.

    Attributes:
        storage: where.
    """

    def __init__(
        self,
        uri: str,
        directory: Path,
        say: Callable[[str], None],
        *,
        settle_s: float = storage_lease.SETTLE_S,
        every_s: float = EVERY_S,
        renew_s: float = RENEW_EVERY_S,
    ) -> None:
        """Opens nothing yet.

        Args:
            uri: of the storage.
            directory: the study's, here.
            say: is told what a person should know, a line at a time.
            settle_s: see `storage_lease.take`.
            every_s: see `EVERY_S`.
            renew_s: between two renewals of the lease.

        Raises:
            StudyError: the address is none, or holds a password, or is the study directory.
        """
        self.storage = Storage(uri)
        self._directory = directory.resolve()
        # What is carried is deleted here: in one and the same place nothing would be left.
        if self.storage.is_at(self._directory):
            raise StudyError(f"--storage {uri}: must be another place than the study directory")
        self._say = say
        self._settle_s, self._every_s, self._renew_s = settle_s, every_s, renew_s
        self._repeated = Repeated(self._tell_failure)
        self._writer: BackupWriter | None = None
        self._backed_up_at = 0.0
        self._next = 0.0
        self._failed = ""
        self._backs = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Makes the last backup; in a hurry where something went wrong."""
        self.close(CLOSE_S if kind is None else HURRY_S)

    @property
    def trouble(self) -> str:
        """Why the study must not go on, or "": another driver took it over."""
        return self._repeated.trouble

    def begin(self, spec: StudySpec) -> None:
        """Takes the storage's lease, brings the study from there if it is ahead; once.

        Args:
            spec: what the run was given.

        Raises:
            StudyError: the storage cannot be used, another driver holds it, it holds another
                study, what is there is damaged, checkpoints are in another storage, or the local
                disk refuses. The lease is let go then.
        """
        if self._writer is not None:
            return
        self._take(spec)
        # A large journal is longer on its way than a lease lasts.
        self._repeated.start(self._renew_s, self._renew)
        try:
            self._take_up(spec)
        except BaseException:
            if self._repeated.stop(HURRY_S) and not self.trouble:
                with suppress(StudyError):  # the next machine need not wait
                    self._lease.release(self._backed_up_at)
            raise

    def back(self) -> Backing:
        """The study in the directory is the one that was asked for, and begins: keeps it from now.

        Returns:
            What its broker must know.
        """
        if not self._backs:
            self._backs = True
            self._repeated.start(LOOK_S, self._look)
        return Backing.here(self.storage.uri, self._lease.token)

    def deliver(self) -> None:
        """Puts the winner and the report into the storage, after the journal that tells of them.

        Trouble with that is said; the study is none the worse for it.
        """
        if self._writer is None or self.trouble:
            return
        try:
            self._backs = True
            self._back_up()
            if backup_winner.put_winner(self.storage, self._directory):
                self._say(f"winner and report are in {self.storage.uri} as well")
        except (StudyError, OSError) as error:
            self._say(f"warning: {error}; winner and report are in {self._directory} only")

    def close(self, wait_s: float = CLOSE_S) -> None:
        """Makes the last backup, if something changed, and lets the storage go; once."""
        if self._writer is None or self._repeated.is_over:
            return
        is_done = self._repeated.stop(wait_s)
        if self.trouble:
            return
        if not is_done:
            last = f"the last backup is missing, the newest is {self._told_last()}"
            self._warn(f"{self.storage.uri} gave no answer for {wait_s:.0f} s: {last}")
            return
        try:
            if self._backs:
                self._back_up()
            self._lease.release(self._backed_up_at)
        except (StudyError, OSError) as error:
            self._warn(f"{error}; the last backup is {self._told_last()}")

    def _warn(self, why: str) -> None:
        self._say(f"warning: {why}, the journal in {self._directory} may be ahead of it")

    def _take(self, spec: StudySpec) -> None:
        make_ready(self.storage, self._directory)
        found = newer_in(self.storage, self._directory, spec)
        self._lease = storage_lease.take(
            self.storage,
            LeaseHolder.here(),
            least=max(local_token(self._directory), found.token if found else 0),
            say=self._say,
            settle_s=self._settle_s,
        )

    def _take_up(self, spec: StudySpec) -> None:
        """Brings the study up to the storage's, with the lease held."""
        # Whoever held it may have gone on until now.
        found = newer_in(self.storage, self._directory, spec)
        if found is not None:
            bring(self.storage, self._directory, found, self._lease.former, self._say)
            self._backed_up_at = time.time()  # all that is known is there
        restoring_checks.refuse_left_behind(self._directory, self.storage)
        previous = backup.read_manifest(self.storage)
        if self.trouble:
            raise LeaseError(self.trouble)
        if found is None and previous is not None:
            self._backed_up_at = previous.at
        former = self._lease.former
        if previous is None and former and not (former.released or Journal.exists(self._directory)):
            self._say(restoring_checks.told_anew(self.storage, former))
        given = self._directory, spec.name, self._lease.token, previous
        self._writer = BackupWriter(self.storage, *given)

    def _renew(self) -> None:
        self._lease.renew(self._backed_up_at)

    def _look(self) -> None:
        """Carries what came, and makes a backup if one is due."""
        writer = self._writer
        assert writer is not None
        writer.carry()
        at, state = time.time(), writer.state()
        if state == writer.seen:
            self._backed_up_at = at
            return
        promoted = any(
            pulse[1] > writer.seen.get(part, (0, 0, 0))[1] for part, pulse in state.items()
        )
        wait_s = min(PROMOTED_S, self._every_s) if promoted else self._every_s
        if time.monotonic() >= self._next + max(wait_s, writer.took_s / SHARE):
            self._back_up()

    def _back_up(self) -> None:
        writer = self._writer
        assert writer is not None
        at = time.time()
        writer.write(self._renew)
        self._backed_up_at, self._next = at, time.monotonic()
        if self._failed:
            self._failed = ""
            self._say(f"{self.storage.uri} answers again; the backup is {self._told_last()}")

    def _tell_failure(self, why: str) -> None:
        """Once an outage: what is wrong is worded anew by every request."""
        if not self._failed:
            last = f"the last backup is {self._told_last()}"
            self._say(f"warning: {why}; the study goes on, {last}; trying again")
        self._failed = why

    def _told_last(self) -> str:
        if not self._backed_up_at:
            return "still to come"
        at = datetime.fromtimestamp(self._backed_up_at).astimezone()
        return f"as of {at.isoformat(' ', 'seconds')}"
