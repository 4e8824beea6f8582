"""The lease beside a backup: one driver of one machine holds a study's storage at a time.

Each holder has a file of its own, `lease-TOKEN.json`, and only the highest token counts; backups
and checkpoints carry it in their names. So whoever was taken over while it slept spoils nothing,
and finds out at its next renewal. No two ever hold one token (`storage_claims`). How old a renewal
is, is told by the storage's own clock.
"""

from __future__ import annotations

import json
import re
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from caviar.errors import LeaseError
from caviar.study.lease import EXPIRY_S, RENEW_EVERY_S, LeaseHolder
from caviar.study.storage import Storage
from caviar.study.storage_claims import claim, delete_below
from caviar.study.wording import one_line

SETTLE_S: Final = 1.0
"""After writing its lease a driver waits this long and looks whether another took a higher token;
twice as long as writing took, if that is more."""
_LOOK_EVERY_S: Final = 2.0
_RECENT: Final = 12
"""Signs of life whose lateness counts: an outage is forgotten after a minute."""
_NAME: Final = re.compile(r"lease-(\d{6,})\.json")
_TIMES: Final = ("acquired_at", "renewed_at", "backed_up_at")
_HOLDER: Final = ("host", "boot_id", "driver_pid", "driver_started_s", "broker_pid")


@dataclass(frozen=True)
class StoredLease:
    """A lease as the storage has it.

    Attributes:
        token: rises with every holder.
        holder: a driver.
        secret: tells two drivers apart that took one token at once.
        acquired_at: seconds since 1970 by the holder's clock.
        renewed_at: the same, of its last sign of life.
        backed_up_at: until when all that was acknowledged is in the backup; 0 before the first.
        released: whether the holder let go.
        late_s: seconds that its signs of life lately took to get here, or came late, at most.
        at: of the last renewal, by the storage's clock.
    """

    token: int
    holder: LeaseHolder
    secret: str
    acquired_at: float
    renewed_at: float
    backed_up_at: float
    released: bool
    late_s: float = 0.0
    at: float = 0.0

    def told(self) -> str:
        """Who holds it, for a person."""
        since = datetime.fromtimestamp(self.acquired_at).astimezone().isoformat(" ", "seconds")
        return one_line(f"host {self.holder.host}, pid {self.holder.driver_pid}, since {since}")


class StorageLease:
    """This driver's hold on a storage.

    Attributes:
        token: higher than that of everyone before.
        former: the lease before this one, or None.
    """

    def __init__(
        self, storage: Storage, mine: StoredLease, former: StoredLease | None, took_s: float = 0.0
    ) -> None:
        """Takes the lease as it was written, what was there before, and how long writing took."""
        self._storage = storage
        self._mine = mine
        self._writing = threading.Lock()
        self._late = deque([took_s], maxlen=_RECENT)
        self._due = time.monotonic() + RENEW_EVERY_S
        self.token = mine.token
        self.former = former

    def renew(self, backed_up_at: float) -> None:
        """Gives a sign of life.

        Raises:
            LeaseError: another driver took the study over.
            StorageError: the storage does not answer.
        """
        self._write(backed_up_at, released=False)

    def release(self, backed_up_at: float) -> None:
        """Lets the study go; raises as `renew` does."""
        self._write(backed_up_at, released=True)

    def _write(self, backed_up_at: float, *, released: bool) -> None:
        began = time.monotonic()
        with self._writing:
            latest = read(self._storage)
            if latest is None or latest.secret != self._mine.secret:
                who = f": {latest.told()}" if latest else ""
                raise LeaseError(f"--storage {self._storage.uri}: another driver took it over{who}")
            about = {"renewed_at": time.time(), "backed_up_at": backed_up_at, "released": released}
            late = {"late_s": max(self._late)}
            _put(self._storage, StoredLease(**{**_fields(self._mine), **about, **late}))
            self._late.append(time.monotonic() - min(began, self._due))
            self._due = time.monotonic() + RENEW_EVERY_S


def take(
    storage: Storage,
    holder: LeaseHolder,
    *,
    least: int = 0,
    say: Callable[[str], None] = lambda line: None,
    settle_s: float = SETTLE_S,
    expiry_s: float = EXPIRY_S,
) -> StorageLease:
    """Makes `holder` the one that writes to the storage.

    A holder on another machine that gave no sign of life lately is waited for, at most
    `expiry_s`; one that gives a sign meanwhile is at work.

    Args:
        storage: may be written.
        holder: this driver.
        least: the token is to be higher than this.
        say: is told when there is something to wait for.
        settle_s: see `SETTLE_S`.
        expiry_s: without a renewal for this long, a driver that cannot be looked at is dead.

    Raises:
        LeaseError: another, living driver holds it.
        StorageError: the storage does not answer.
    """
    former = _wait_for(storage, holder, say, expiry_s)
    secret = secrets.token_hex(8)
    last = former.token if former else 0
    token = claim(storage, max(least, last), secret)
    _refuse_another(storage, lambda latest: latest.token <= last)
    now, began = time.time(), time.monotonic()
    mine = StoredLease(token, holder, secret, now, now, 0.0, released=False)
    _put(storage, mine)
    took_s = time.monotonic() - began
    time.sleep(max(settle_s, 2 * took_s))
    _refuse_another(storage, lambda latest: latest.secret == secret)
    _tidy(storage, token, last)
    return StorageLease(storage, mine, former, took_s)


def _refuse_another(storage: Storage, is_right: Callable[[StoredLease], bool]) -> None:
    latest = read(storage)
    if latest is not None and not is_right(latest):
        place = f"--storage {storage.uri}"
        raise LeaseError(f"{place}: another driver took it just now: {latest.told()}")


def _tidy(storage: Storage, token: int, last: int) -> None:
    """Deletes leases before the last one, and claims of tokens below ours."""
    for each in _tokens(storage):
        if each < last:
            storage.delete(_name(each))
    delete_below(storage, token)


def read(storage: Storage) -> StoredLease | None:
    """The lease that counts, or None if nobody ever held the storage."""
    files = storage.list()
    for token in sorted(_tokens(storage, files), reverse=True):
        found = _parsed(storage, token, files[_name(token)].at)
        if found is not None:
            return found
    return None


def _wait_for(
    storage: Storage, holder: LeaseHolder, say: Callable[[str], None], expiry_s: float
) -> StoredLease | None:
    """The last lease, once it binds nobody any more."""
    first = lease = read(storage)
    began, told = time.monotonic(), False
    age = storage.check() - first.at if first else 0.0
    while lease is not None and first is not None and _binds(lease, holder):
        left = expiry_s - max(0.0, age) - (time.monotonic() - began)
        line = f"--storage {storage.uri}: another driver holds this study: {lease.told()}"
        if lease.holder.alive() or (lease.secret, lease.at) != (first.secret, first.at):
            raise LeaseError(f"{line}; stop it first")
        if left <= 0:
            break
        if not told:
            say(f"{line}; waiting up to {left:.0f} s for a sign of life")
            told = True
        time.sleep(min(_LOOK_EVERY_S, left))
        lease = read(storage)
    return lease


def _binds(lease: StoredLease, holder: LeaseHolder) -> bool:
    """Whether its holder may be at work, as far as can be seen from here."""
    gone = lease.released or lease.holder.same_driver(holder)
    return not gone and lease.holder.alive() is not False


def _put(storage: Storage, lease: StoredLease) -> None:
    told = _fields(lease) | {"holder": asdict(lease.holder)}
    del told["at"]
    storage.put(_name(lease.token), json.dumps(told).encode())


def _fields(lease: StoredLease) -> dict[str, Any]:
    return {name: getattr(lease, name) for name in lease.__dataclass_fields__}


def _parsed(storage: Storage, token: int, at: float) -> StoredLease | None:
    try:
        told = storage.get_json(_name(token))
        if told is None:
            return None
        holder = LeaseHolder(**{name: told["holder"][name] for name in _HOLDER})
        for time_s in (told[name] for name in _TIMES):
            datetime.fromtimestamp(time_s)  # it is told to people, and reckoned with
        return StoredLease(**{**told, "holder": holder, "token": token, "at": at})
    except (ValueError, TypeError, KeyError, OverflowError) as error:
        name = _name(token)
        raise LeaseError(f"--storage {storage.uri}: {name} is damaged; delete it") from error


def _tokens(storage: Storage, files: Any = None) -> list[int]:
    names = storage.list() if files is None else files
    return [int(found[1]) for name in names if (found := _NAME.fullmatch(name))]


def _name(token: int) -> str:
    return f"lease-{token:06}.json"
