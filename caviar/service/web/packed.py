"""Plain data kept small: the trials of a large study are tens of megabytes of Python's objects."""

from __future__ import annotations

import json
import zlib
from typing import Any, Self


class Packed:
    """Plain data as compressed JSON."""

    def __init__(self, raw: bytes) -> None:
        """Keeps what `of` made."""
        self._raw = raw

    @classmethod
    def of(cls, data: Any) -> Self:
        """Packs plain data.

        Raises:
            ValueError: a number in them is not finite.
        """
        text = json.dumps(data, separators=(",", ":"), allow_nan=False)
        return cls(zlib.compress(text.encode(), level=1))

    def __len__(self) -> int:
        """Bytes that it takes."""
        return len(self._raw)

    def unpacked(self) -> Any:
        """The data, made anew with every call."""
        return json.loads(zlib.decompress(self._raw))
