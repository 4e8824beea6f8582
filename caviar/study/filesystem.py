"""What the journal needs of a disk: writes that last, and a filesystem of this machine.

SQLite's write-ahead log shares memory between processes through a file, which network filesystems
do not offer (https://sqlite.org/wal.html); a journal on one would be lost quietly.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

NETWORK: Final = frozenset(
    [
        "nfs",
        "nfs3",
        "nfs4",
        "cifs",
        "smb",
        "smb2",
        "smb3",
        "smbfs",
        "ncpfs",
        "afs",
        "coda",
        "lustre",
        "gpfs",
        "beegfs",
        "ceph",
        "glusterfs",
        "gfs2",
        "ocfs2",
        "orangefs",
        "pvfs2",
        "davfs",
        "panfs",
        "vboxsf",
        "prl_fs",
    ]
)
"""Kernel filesystems that several machines share."""

NETWORK_FUSE: Final = frozenset(
    [
        "sshfs",
        "s3fs",
        "gcsfuse",
        "goofys",
        "rclone",
        "glusterfs",
        "ceph",
        "juicefs",
        "blobfuse",
        "blobfuse2",
        "davfs2",
        "mount-s3",
        "geesefs",
        "curlftpfs",
        "moosefs",
        "mfs",
        "lizardfs",
        "seaweedfs",
        "jfs",
        "smbnetfs",
    ]
)
"""The same in user space, where the kernel says `fuse.NAME`."""


def filesystem_of(directory: Path, mounts: str | None = None) -> str | None:
    """The type of the filesystem that holds `directory`, as the kernel names it.

    Args:
        directory: need not exist; then its nearest parent counts.
        mounts: text in the format of /proc/self/mounts; by default that file's.

    Returns:
        A name like `ext4` or `fuse.sshfs`; None where the system does not tell.
    """
    text = _mounts() if mounts is None else mounts
    real = os.path.realpath(directory)
    best, kind = "", None
    for line in text.splitlines():
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        point = _unescape(fields[1])
        # On one mount point the later line covers the earlier.
        if len(point) >= len(best) and Path(real).is_relative_to(point):
            best, kind = point, fields[2]
    return kind


def is_network(kind: str | None) -> bool:
    """Whether a filesystem type, as `filesystem_of` gives it, is shared between machines."""
    if kind is None:
        return False
    return kind in NETWORK or kind.removeprefix("fuse.") in NETWORK_FUSE


def write_durably(path: Path, data: bytes) -> None:
    """Writes `data` to a new file at `path` and returns once they are on the disk.

    The directory's own entry is not: `sync_directory` after the last file does that.
    """
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def sync_directory(directory: Path) -> None:
    """Returns once the names in `directory` are on the disk."""
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _mounts() -> str:
    try:
        return Path("/proc/self/mounts").read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return ""


def _unescape(field: str) -> str:
    """A mount point with its blanks, which the kernel writes in octal."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), field)
