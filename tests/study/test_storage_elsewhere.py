"""A storage that does not answer is not asked by everyone who needs a checkpoint."""

from __future__ import annotations

import pytest

from caviar.study.elsewhere import PATIENCE, PAUSE_S, Elsewhere
from caviar.study.storage import Storage, StorageError


class Asked:
    """A storage that lets one wait and fails, and who asks it."""

    def __init__(self, hangs_s: float) -> None:
        self.now = 0.0
        self.keys: list[str] = []

        def get(key: str) -> bytes:
            self.keys.append(key)
            self.now += hangs_s
            raise StorageError("gone")

        storage = Storage("/nowhere")
        storage.get = get  # type: ignore[method-assign]
        self.elsewhere = Elsewhere(lambda: ("/nowhere", ""), lambda: self.now)
        self.elsewhere._found = storage, ""

    def look(self) -> None:
        with pytest.raises(StorageError, match="gone"):
            self.elsewhere("x.ckpt")


def test_a_storage_that_is_gone_is_asked_now_and_then() -> None:
    asked = Asked(hangs_s=0.0)
    for _ in range(3):
        asked.look()
    assert asked.keys == ["checkpoints/x.ckpt"]
    asked.now = PAUSE_S
    asked.look()
    assert len(asked.keys) == 2


def test_a_storage_that_hangs_takes_a_tenth_of_the_time() -> None:
    asked = Asked(hangs_s=10.0)
    while asked.now < 1000.0:
        asked.look()
        asked.now += PAUSE_S
    assert 10.0 * len(asked.keys) <= 1000.0 / PATIENCE
