"""XLA's persistent cache: a signature that this machine compiled once is read, not compiled.

It must be asked for before TensorFlow is imported, so this module imports none of it. The cache
stands with the user's other caches, outside any study: it holds machine code, which is trusted.
TensorFlow writes an entry under a temporary name and renames it, so processes may share a folder.
"""

from __future__ import annotations

import hashlib
import os
import platform
import sys
from collections.abc import MutableMapping
from importlib.metadata import version
from pathlib import Path

VARIABLE = "CAVIAR_XLA_CACHE"
"""Environment variable: another folder, or `off`."""


def use_xla_cache(environment: MutableMapping[str, str] = os.environ) -> Path | None:
    """Sets `TF_XLA_FLAGS` so that compiled steps are kept between processes.

    What stands in `TF_XLA_FLAGS` already is kept; if it names a cache, that one is used. Machines
    with other processors or another TensorFlow get folders of their own, since a home directory may
    be shared and their code would not run here.

    Args:
        environment: the process's.

    Returns:
        The folder, made readable by its owner alone; None if the cache is off, set already or
        cannot be made.

    Raises:
        RuntimeError: TensorFlow is imported already; the flags would be ignored.
    """
    chosen = environment.get(VARIABLE, "")
    flags = environment.get("TF_XLA_FLAGS", "")
    if chosen == "off" or "tf_xla_persistent_cache_directory" in flags:
        return None
    if environment is os.environ and "tensorflow" in sys.modules:
        raise RuntimeError("the XLA cache must be chosen before TensorFlow is imported")
    folder = Path(chosen) if chosen else _default(environment)
    folder = folder / _machine()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError:
        return None
    ours = (
        f"--tf_xla_persistent_cache_directory={folder} "
        "--tf_xla_persistent_cache_device_types=CPU,XLA_CPU_JIT,GPU,XLA_GPU_JIT"
    )
    environment["TF_XLA_FLAGS"] = f"{flags} {ours}".strip()
    return folder


def _default(environment: MutableMapping[str, str]) -> Path:
    caches = environment.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(caches) / "caviar" / "xla"


def _machine() -> str:
    """A short name of what compiled code depends on: processor, its features, TensorFlow."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    telling = sorted({line for line in lines if line.startswith(("model name", "flags"))})
    parts = (platform.machine(), platform.system(), version("tensorflow"), *telling)
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
