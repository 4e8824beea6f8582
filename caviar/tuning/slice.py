"""A slice: the part of a machine one trainable is pinned to, taken before TensorFlow wakes up.

Nothing here imports TensorFlow at the top: the thread pools, the visible cards and the memory
limit can only be set before it initialises.
"""

from __future__ import annotations

import fcntl
import math
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final

CONTEXT_MIB = 600
"""What a process's CUDA context is allowed to take beside TensorFlow's own memory, in MiB.

TensorFlow's limit does not count the context, so a quarter of a card is a quarter less this.
"""

_SMALLEST_LIMIT_MIB = 256

_WHOLE: Final = re.compile(r"GPU (\d+): .*\(UUID: (GPU-[^)]+)\)")
_PART: Final = re.compile(r"\s+MIG \S*?(\d+)gb\S*\s+Device\s+\d+: \(UUID: (MIG-[^)]+)\)")
_PART_SHARE: Final = 0.95
"""Of its nominal size that a part of a card has: 1g.5gb has 4,864 MiB, the larger ones more."""


@dataclass
class Cores:
    """CPU cores held by this process until it ends.

    Attributes:
        numbers: the cores it is pinned to; empty if it runs unpinned.
        locks: the open lock files; the kernel lets go of them when the process dies.
    """

    numbers: tuple[int, ...] = ()
    locks: list[IO[str]] = field(default_factory=list, repr=False)

    def release(self) -> None:
        """Lets other slices take the cores."""
        for lock in self.locks:
            lock.close()
        self.locks.clear()


def _lock_folder() -> Path:
    """One folder for all of a user's slices on this machine, whatever Ray session they are of."""
    return Path(tempfile.gettempdir()) / f"caviar-cores-{os.getuid()}"


def take_cores(count: int, folder: Path | None = None) -> Cores:
    """Pins this process to `count` cores that no other slice of this machine holds.

    Ray counts CPUs but gives no core numbers, so slices settle it among themselves with a lock
    file a core. Where too few are free (another study, a busy machine), nothing is pinned.

    Args:
        count: cores to take, >= 1.
        folder: where the lock files are; by default one for the user.
    """
    folder = folder or _lock_folder()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    cores = Cores()
    taken: list[int] = []
    for number in sorted(os.sched_getaffinity(0)):
        if len(taken) == count:
            break
        lock = (folder / f"core-{number}").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
            continue
        cores.locks.append(lock)
        taken.append(number)
    if len(taken) < count:
        cores.release()
        return cores
    cores.numbers = tuple(taken)
    _pin_all_threads(taken)
    return cores


def _pin_all_threads(cores: Sequence[int]) -> None:
    """Pins every thread of the process: affinity is a thread's, and Ray has started some."""
    for thread in os.listdir("/proc/self/task"):
        try:
            os.sched_setaffinity(int(thread), cores)
        except OSError:  # the thread ended meanwhile
            continue


def card_memory_mib(card: str) -> int | None:
    """Total memory of a GPU in MiB as the NVIDIA driver tells it, or None without a driver.

    Args:
        card: the card's number or UUID, or that of a part of it (MIG), as in CUDA_VISIBLE_DEVICES.
    """
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return None
    try:
        part = _part_memory_mib(card, _asked(tool, "-L"))
        if part is not None:
            return part
        query = ("--query-gpu=memory.total", "--format=csv,noheader,nounits", "-i", card)
        return int(_asked(tool, *query).strip().splitlines()[0])
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return None


def _asked(tool: str, *arguments: str) -> str:
    answer = subprocess.run(  # noqa: S603 the tool found on the path, arguments of ours
        [tool, *arguments], capture_output=True, text=True, timeout=20, check=True
    )
    return answer.stdout


def _part_memory_mib(card: str, listing: str) -> int | None:
    """Memory of a part of a card, from `nvidia-smi -L`; None where the card is whole.

    The driver tells no memory of a part but its profile, as `1g.5gb`; that is a nominal size. A
    card that is cut up can be named by its number too: then CUDA gives its first part.
    """
    whole: tuple[str, ...] = ()
    for line in listing.splitlines():
        if found := _WHOLE.match(line):
            whole = found.groups()
        elif found := _PART.match(line):
            gigabytes, uuid = found.groups()
            if card in whole or (card.startswith("MIG-") and uuid.startswith(card)):
                return math.floor(int(gigabytes) * 1024 * _PART_SHARE)
    return None


def memory_limit_mib(total_mib: int, fraction: float) -> int:
    """What TensorFlow may take of a card in MiB, given the share of it that is the slice's.

    Raises:
        ValueError: the share is too small to hold a CUDA context and any tensors.
    """
    limit = math.floor(total_mib * fraction) - CONTEXT_MIB
    if limit < _SMALLEST_LIMIT_MIB:
        raise ValueError(
            f"resources: {fraction:g} of a card of {total_mib} MiB leaves "
            f"{max(limit, 0)} MiB for tensors, and {_SMALLEST_LIMIT_MIB} are needed"
        )
    return limit


@dataclass(frozen=True)
class Slice:
    """What a trainable was given.

    Attributes:
        cores: the core numbers it is pinned to, empty if unpinned.
        cards: what CUDA_VISIBLE_DEVICES names.
        memory_mib: TensorFlow's limit on a shared card, or None.
        shared: whether the card is shared with others.
    """

    cores: Cores
    cards: tuple[str, ...] = ()
    memory_mib: int | None = None
    shared: bool = False

    def __str__(self) -> str:
        """As the dashboard and the journal show it."""
        pinned = ",".join(map(str, self.cores.numbers))
        parts = [f"core {pinned}" if pinned else "unpinned"]
        if self.cards:
            limit = f" ({self.memory_mib} MiB)" if self.memory_mib else ""
            limit = limit or " (shared, its memory unknown)" * self.shared
            parts.append(f"gpu {','.join(self.cards)}{limit}")
        return ", ".join(parts)


def enter(
    cpus: float, gpus: float, card_memory: Callable[[str], int | None] = card_memory_mib
) -> Slice:
    """Makes this process the slice: pins it, bounds its thread pools and its share of a card.

    Must run before TensorFlow initialises. Ray has set CUDA_VISIBLE_DEVICES for the cards it
    gave; a slice without any must hide them all, since Ray then leaves the variable unset.

    Args:
        cpus: cores of the slice; a fraction shares cores with others and pins nothing.
        gpus: cards of the slice; a fraction shares one.
        card_memory: how to ask for a card's memory.

    Raises:
        ValueError: the share of the card is too small.
    """
    if not gpus:
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    # Ray numbers cards as the driver does, CUDA by their speed unless told otherwise: where a
    # machine has cards of two kinds, the card asked about would not be the card given.
    os.environ["CUDA_DEVICE_ORDER"] = "PCI_BUS_ID"
    cards = tuple(c for c in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if c)
    shared = bool(cards) and 0 < gpus < 1
    total = card_memory(cards[0]) if shared else None
    limit = memory_limit_mib(total, gpus) if total else None
    cores = take_cores(int(cpus)) if cpus == int(cpus) else Cores()
    threads = max(1, int(cpus))
    os.environ["OMP_NUM_THREADS"] = str(threads)
    _bound_tensorflow(threads, limit, shared=shared)
    return Slice(cores, cards, limit, shared)


def _bound_tensorflow(threads: int, memory_mib: int | None, *, shared: bool) -> None:
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    cards = tf.config.list_physical_devices("GPU")
    if memory_mib and cards:
        # Only a logical device with a limit is a true slice; memory growth is not, and the two
        # together are refused by TensorFlow.
        tf.config.set_logical_device_configuration(
            cards[0], [tf.config.LogicalDeviceConfiguration(memory_limit=memory_mib)]
        )
    elif shared and cards:
        # Nobody says how large the card is: taking what is needed beats taking all of it.
        tf.config.experimental.set_memory_growth(cards[0], True)
