"""One driver holds a study at a time: who that is, whether it lives, and how it is succeeded.

The lease is one row of the journal. Taking it raises a token that every write transaction checks,
so a driver that was taken over while it slept can no longer write (a fencing token, M. Kleppmann,
"How to do distributed locking", 2016). On one machine the process table tells who is dead; across
machines or reboots only silence does.
"""

from __future__ import annotations

import os
import socket
from dataclasses import astuple, dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import psutil

from caviar.errors import LeaseError
from caviar.study.database import Database

EXPIRY_S: Final = 30.0
"""Without a renewal for this long, a driver that cannot be looked at counts as dead."""

RENEW_EVERY_S: Final = 5.0
"""How often a driver should renew."""

_SAME_START_S: Final = 0.5
"""Start times of one process, read by two others, agree at least this well."""


@dataclass(frozen=True, slots=True)
class LeaseHolder:
    """A driver and its broker.

    Attributes:
        host: the machine's name.
        boot_id: what makes process numbers comparable: this boot, this space of process numbers.
        driver_pid: the driver's process number.
        driver_started_s: when that process started, in seconds after the boot.
        broker_pid: of the process that writes the journal.
    """

    host: str
    boot_id: str
    driver_pid: int
    driver_started_s: float
    broker_pid: int

    @classmethod
    def here(cls, driver_pid: int | None = None) -> LeaseHolder:
        """This process as the broker of a driver on this machine, by default of itself."""
        pid = os.getpid() if driver_pid is None else driver_pid
        started = started_s(pid)
        return cls(socket.gethostname(), boot_id(), pid, started or 0.0, os.getpid())

    def same_driver(self, other: LeaseHolder) -> bool:
        """Whether both speak of one driver process; its broker may have been restarted.

        Of two drivers with one process number the former is dead, and as easily succeeded.
        """
        return self._machine() == other._machine() and self.driver_pid == other.driver_pid

    def alive(self) -> bool | None:
        """Whether the driver's process runs; None if that cannot be seen from here."""
        if self._machine() != (socket.gethostname(), boot_id()):
            return None
        started = started_s(self.driver_pid)
        return started is not None and abs(started - self.driver_started_s) < _SAME_START_S

    def _machine(self) -> tuple[str, str]:
        return self.host, self.boot_id


@dataclass(frozen=True, slots=True)
class Lease:
    """The lease as the journal has it; times in seconds since 1970.

    Attributes:
        token: rises with every holder.
        holder: the latest driver.
        acquired_at: when it took the study.
        renewed_at: when it last gave a sign of life.
        released_at: when it let go, or None.
    """

    token: int
    holder: LeaseHolder
    acquired_at: float
    renewed_at: float
    released_at: float | None

    def held(self, now: float) -> bool:
        """Whether a driver must be assumed at work."""
        if self.released_at is not None:
            return False
        alive = self.holder.alive()
        # Clocks can be set back, so a renewal far in the future is no sign of life either.
        return abs(now - self.renewed_at) < EXPIRY_S if alive is None else alive


def boot_id() -> str:
    """This boot of this machine, and the container in it: where a process number has a meaning."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return f"{psutil.boot_time():.0f}"


def started_s(pid: int) -> float | None:
    """When process `pid` started, in seconds after the boot; None if it is gone or a zombie.

    Relative to the boot, because a clock that is set moves the absolute time of both.
    """
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        return process.create_time() - psutil.boot_time()
    except psutil.NoSuchProcess:
        return None


def read(database: Database) -> Lease | None:
    """The latest lease, or None if nobody ever held the study."""
    row = database.row(
        "SELECT token, host, boot_id, driver_pid, driver_started_s, broker_pid,"
        " acquired_at, renewed_at, released_at FROM lease"
    )
    return None if row is None else Lease(row[0], LeaseHolder(*row[1:6]), *row[6:])


def refuse_if_held(database: Database, holder: LeaseHolder) -> Lease | None:
    """The latest lease, if `holder` may succeed it; writes nothing.

    Raises:
        LeaseError: another, living driver holds the study.
    """
    now = database.clock()
    lease = read(database)
    if lease and not lease.holder.same_driver(holder) and lease.held(now):
        raise LeaseError(_refusal(database, lease, now))
    return lease


def acquire(database: Database, holder: LeaseHolder, least: int = 1) -> int:
    """Makes `holder` the study's driver.

    Args:
        database: the journal's.
        holder: the driver.
        least: the token is at least this.

    Returns:
        The fencing token; `database` now carries it.

    Raises:
        LeaseError: a living driver holds the study.
    """
    with database.transaction(fenced=False):
        lease = refuse_if_held(database, holder)
        now = database.clock()
        token = max(least, lease.token + 1 if lease else 1)
        database.execute(
            "INSERT OR REPLACE INTO lease VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, NULL)",
            (token, *astuple(holder), now, now),
        )
    database.token = token
    database.continue_sequence()
    return token


def renew(database: Database) -> None:
    """Gives a sign of life.

    Raises:
        LeaseError: another driver took the study over.
    """
    with database.transaction():
        database.execute("UPDATE lease SET renewed_at = ?", (database.clock(),))


def release(database: Database) -> None:
    """Lets the study go; nothing happens if it is held no more."""
    if database.token is None:
        return
    with database.transaction(fenced=False):
        database.execute(
            "UPDATE lease SET released_at = ? WHERE token = ? AND released_at IS NULL",
            (database.clock(), database.token),
        )
    database.token = None


def _refusal(database: Database, lease: Lease, now: float) -> str:
    holder = lease.holder
    since = datetime.fromtimestamp(lease.acquired_at).astimezone().isoformat(" ", "seconds")
    line = (
        f"{database.path.parent}: another driver holds this study: "
        f"host {holder.host}, pid {holder.driver_pid}, since {since}"
    )
    if holder.alive() is None:
        left = max(EXPIRY_S - abs(now - lease.renewed_at), 1)
        return f"{line}; if it is gone, try again in {left:.0f} s"
    return f"{line}; stop it first"
