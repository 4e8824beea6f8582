"""Tokens of a storage: each is given out once, however slow the storage is.

Who wants one claims it first, under a name of its own, and passes on if it then sees another's
claim: of two, the one whose claim was there later sees both.
"""

from __future__ import annotations

import re
import secrets
from typing import Final

from caviar.study.storage import Storage

CLAIMS: Final = "claims"
"""Where drivers claim tokens, in a storage."""
_CLAIM: Final = re.compile(r"(\d{6,})-[0-9a-f]{16}")
_APART: Final = 8
"""Drivers that claimed the same token go on to one of so many each."""


def claim(storage: Storage, least: int, secret: str) -> int:
    """A token above `least` that nobody else has or will have."""
    token = max([least, *_claimed(storage)]) + 1
    while True:
        key = f"{CLAIMS}/{token:06}-{secret}"
        storage.put(key, b"claimed")
        claimed = _claimed(storage)
        if claimed.count(token) == 1:
            return token
        storage.delete(key)
        token = max([token, *claimed]) + 1 + secrets.randbelow(_APART)


def delete_below(storage: Storage, token: int) -> None:
    """Deletes claims of tokens that nobody will hold any more."""
    for name in storage.list(CLAIMS):
        found = _CLAIM.fullmatch(name)
        if found and int(found[1]) < token:
            storage.delete(f"{CLAIMS}/{name}")


def _claimed(storage: Storage) -> list[int]:
    names = storage.list(CLAIMS)
    return [int(found[1]) for name in names if (found := _CLAIM.fullmatch(name))]
