"""The keeper: while a driver runs, two threads of it keep the study's storage up to date.

One renews the lease there. The other carries checkpoints there as they come and, every few
seconds, the journals. Neither is in the broker's way, which is another process: that commits to
the local disk and hands out work whether or not the storage answers.
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from caviar.errors import LeaseError, StudyError
from caviar.study import (
    backup,
    backup_journal,
    backup_winner,
    restoring,
    restoring_checks,
    storage_lease,
)
from caviar.study.backup import Manifest
from caviar.study.backup_writer import BackupWriter
from caviar.study.growth import differences_beyond
from caviar.study.journal import Journal
from caviar.study.lease import RENEW_EVERY_S, LeaseHolder, refuse_if_held
from caviar.study.opening import FILE, open_reader
from caviar.study.spec import StudySpec
from caviar.study.storage import Storage, StorageError
from caviar.tuning.backing import Backing

EVERY_S: Final = 5.0
"""Between two backups, when something changed."""
PROMOTED_S: Final = 1.0
"""The same, when a trial was promoted."""
SHARE: Final = 0.05
"""Of a core that copying and packing may take: a large journal is backed up less often."""
LOOK_S: Final = 0.5
"""How often it is looked whether something changed."""
AGAIN_S: Final = 5.0
"""After how long a storage that failed is tried again."""
CLOSE_S: Final = 600.0
"""Seconds that the last backup may wait for the one under way."""
HURRY_S: Final = 5.0
"""The same after a signal."""

LEFT_S: Final = 3600.0
"""A file that was begun in the storage and not written to for this long is nobody's any more."""


class Keeper:
    """A study's storage in the hands of its driver; leave it, and it lets go.

    Attributes:
        storage: where.
        trouble: why the study must not go on, or "": another driver took it over.
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
        self.trouble = ""
        self._directory = directory.resolve()
        # What is carried is deleted here: in one and the same place nothing would be left.
        if self.storage.is_at(self._directory):
            raise StudyError(f"--storage {uri}: must be another place than the study directory")
        self._say = say
        self._settle_s, self._every_s = settle_s, every_s
        self._renew_s = renew_s
        self._writer: BackupWriter | None = None
        self._backed_up_at = 0.0
        self._next = 0.0
        self._failed = ""
        self._backs = False
        self._over = threading.Event()
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Makes the last backup; in a hurry where something went wrong."""
        self.close(CLOSE_S if kind is None else HURRY_S)

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
        self._start(self._renew_s, self._renew)
        try:
            self._take_up(spec)
        except BaseException:
            self._let_go()
            raise

    def _take(self, spec: StudySpec) -> None:
        self.storage.sweep(backup.folders(), self.storage.check() - LEFT_S)
        found = self._newer(spec)
        local = backup_journal.about(self._journal)[1] if self._journal.is_file() else 0
        self._lease = storage_lease.take(
            self.storage,
            LeaseHolder.here(),
            least=max(local, found.token if found else 0),
            say=self._say,
            settle_s=self._settle_s,
        )

    def _take_up(self, spec: StudySpec) -> None:
        """Brings the study up to the storage's, with the lease held."""
        found = self._newer(spec)  # whoever held it may have gone on until now
        if found is not None:
            self._restore(found)
        restoring_checks.refuse_left_behind(self._directory, self.storage)
        previous = backup.read_manifest(self.storage)
        if self.trouble:
            raise LeaseError(self.trouble)
        given = self._directory, spec.name, self._lease.token, previous
        self._writer = BackupWriter(self.storage, *given)
        self._backed_up_at = previous.at if previous else 0.0

    def _let_go(self) -> None:
        """After a beginning that failed: the next machine need not wait."""
        self._over.set()
        if self._are_done(HURRY_S) and not self.trouble:
            with suppress(StudyError):
                self._lease.release(self._backed_up_at)

    def back(self) -> Backing:
        """The study in the directory is the one that was asked for, and begins: keeps it from now.

        Returns:
            What its broker must know.
        """
        if not self._backs:
            self._backs = True
            self._start(LOOK_S, self._look)
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
        except StudyError as error:
            self._say(f"warning: {error}; winner and report are in {self._directory} only")

    def close(self, wait_s: float = CLOSE_S) -> None:
        """Makes the last backup, if something changed, and lets the storage go; once."""
        if self._writer is None or self._over.is_set():
            return
        self._over.set()
        is_done = self._are_done(wait_s)
        if self.trouble:
            return
        if not is_done:
            last = f"the last backup is missing, the newest is {self._told_last()}"
            self._say(
                f"warning: {self.storage.uri} gave no answer for {wait_s:.0f} s: {last}, the "
                f"journal in {self._directory} may be ahead of it"
            )
            return
        try:
            if self._backs:
                self._back_up()
            self._lease.release(time.time())
        except StudyError as error:
            last = f"the last backup is {self._told_last()}"
            self._say(f"warning: {error}; {last}, the journal in {self._directory} is ahead of it")

    @property
    def _journal(self) -> Path:
        return self._directory / FILE

    def _newer(self, spec: StudySpec) -> Manifest | None:
        """The backup, if the directory does not hold all that it does; else None.

        Raises:
            StudyError: it is of another study.
        """
        manifest = backup.read_manifest(self.storage)
        if manifest is None or restoring_checks.is_ahead(self._directory, manifest, self.storage):
            return None
        try:
            begun = _begun(self.storage, manifest)
        except StorageError:
            raise
        except StudyError:
            return manifest  # it is damaged; the one before it may be whole
        different = differences_beyond(begun, spec)
        if different:
            told = "; ".join(different[:3])
            place = f"--storage {self.storage.uri}"
            raise StudyError(f"{place}: holds another study ({told}); give another --storage")
        return manifest

    def _restore(self, manifest: Manifest) -> None:
        if self._journal.is_file():  # by a driver without --storage, or with another
            with closing(open_reader(self._directory, time.time)) as journal:
                refuse_if_held(journal, LeaseHolder.here())
        restored = restoring.restore(self.storage, self._directory, manifest)
        epochs = backup_journal.standing(self._journal).epochs
        self._say(restoring_checks.told(restored, self.storage, self._lease.former, epochs))
        if backup_winner.fetch_winner(self.storage, self._directory):
            self._say(f"the winner was brought to {self._directory / backup_winner.WINNER}")

    def _start(self, every_s: float, action: Callable[[], None]) -> None:
        thread = threading.Thread(target=self._repeat, args=(every_s, action), daemon=True)
        thread.start()
        self._threads.append(thread)

    def _are_done(self, wait_s: float) -> bool:
        """Whether the threads came to their end, within so many seconds for all."""
        until = time.monotonic() + wait_s
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def _repeat(self, every_s: float, action: Callable[[], None]) -> None:
        while not self._over.wait(every_s) and not self.trouble:
            try:
                action()
            except LeaseError as error:
                self.trouble = str(error)
            except (StudyError, OSError) as error:
                self._tell_failure(str(error))
                self._over.wait(AGAIN_S)
            except Exception as error:  # noqa: BLE001 a study must not go on unkept in silence
                self._tell_failure(f"a defect of caviar's: {type(error).__name__}: {error}")
                self._over.wait(AGAIN_S)

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


@contextmanager
def keeping(
    uri: str | None, spec: StudySpec, directory: Path, say: Callable[[str], None]
) -> Iterator[Keeper | None]:
    """Keeps a study's storage up to date while a run lasts; None without one.

    Raises:
        StudyError: as `Keeper.begin` does.
    """
    if uri is None:
        used = _used(directory)
        if used:
            say(f"note: without --storage what is in {used} stays as it is, and is needed still")
        yield None
        return
    with Keeper(uri, directory, say) as keeper:
        keeper.begin(spec)
        yield keeper


def study_in(uri: str) -> StudySpec | None:
    """The study that a storage holds a backup of, as it was begun; None if it holds none.

    Raises:
        StudyError: the storage does not answer, or what is there is damaged.
    """
    storage = Storage(uri)
    manifest = backup.read_manifest(storage)
    return _begun(storage, manifest) if manifest else None


def _begun(storage: Storage, manifest: Manifest) -> StudySpec:
    with tempfile.TemporaryDirectory(prefix="caviar-storage-") as folder:
        copy = Path(folder) / FILE
        backup.unpack(storage, manifest.copies[""], copy)
        return StudySpec.from_json(backup_journal.about(copy)[0])


def _used(directory: Path) -> str:
    """The storage that a study's checkpoints were carried to by an earlier run, or ""."""
    if not Journal.exists(directory):
        return ""
    with Journal.open(directory) as journal:
        used = journal.storage_used()
    return used[0] if used else ""
