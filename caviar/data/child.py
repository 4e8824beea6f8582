"""Reading through TensorFlow in a process of its own, as the driver must not load it.

TensorFlow would take the driver's first GPU, 500 MiB of its memory and its standard error. The
child sees no GPU, writes the arrays to a temporary directory, and is gone.
`python -m caviar.data.child` is its command line; nobody else calls it.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from caviar.data.dataset import Examples, Source
from caviar.errors import StudyError

_PR_SET_PDEATHSIG = 1
_MISTAKE = 3
"""The child's exit status for a person's mistake; its last line of output is the message."""

_FAREWELL_S = 10.0
"""What a child gets to clean up in."""


def read_in_child(name: str, data_dir: Path | None, *, quiet: bool = True) -> Source:
    """`tfds_source.read` in a child process.

    Raises:
        StudyError: what the child found wrong, or that it died.
    """
    request = {"name": name, "data_dir": data_dir and str(data_dir), "quiet": quiet}
    return _in_child(f"data.name: {name!r}", request, quiet=quiet)


def read_images_in_child(folder: Path, *, quiet: bool = True) -> Source:
    """`image_folder.read_images` in a child process.

    Raises:
        StudyError: what the child found wrong, or that it died.
    """
    return _in_child(f"data.path: {folder.name!r}", {"images": str(folder)}, quiet=quiet)


def _in_child(place: str, request: Mapping[str, Any], *, quiet: bool) -> Source:
    with tempfile.TemporaryDirectory(prefix="caviar-data-") as scratch:
        command = [sys.executable, "-m", "caviar.data.child", scratch, json.dumps(request)]
        done = _run(command, quiet=quiet)
        if done.returncode == _MISTAKE:
            raise StudyError(done.stdout.strip().splitlines()[-1])
        if done.returncode != 0:
            raise StudyError(f"{place}: could not be read: {_last_words(done)}")
        return _load(Path(scratch))


def _run(command: list[str], *, quiet: bool) -> subprocess.CompletedProcess[str]:
    """Runs the child; if we are interrupted it may still take away what it half prepared."""
    child = subprocess.Popen(  # noqa: S603 - our own interpreter, no shell
        command,
        env=_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE if quiet else None,
        text=True,
    )
    with child:
        try:
            said, complained = child.communicate()
        except BaseException:
            child.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(_FAREWELL_S)
            child.kill()
            raise
    return subprocess.CompletedProcess(command, child.returncode, said, complained)


def main(scratch: str, request: str) -> int:
    """The child: reads a data set and saves it in `scratch`."""
    _die_with_parent()
    try:
        _save(_read(json.loads(request)), Path(scratch))
    except StudyError as error:
        sys.stdout.write(f"{error}\n")
        return _MISTAKE
    except (SystemExit, KeyboardInterrupt):
        # What was half prepared is gone by now; TFDS's threads would go on downloading, and wait.
        shutil.rmtree(scratch, ignore_errors=True)
        os._exit(128 + signal.SIGTERM)
    return 0


def _read(asked: Mapping[str, Any]) -> Source:
    from caviar.data import image_folder, tfds_source

    if "images" in asked:
        return image_folder.read_images(Path(asked["images"]))
    data_dir = asked["data_dir"] and Path(asked["data_dir"])
    return tfds_source.read(asked["name"], data_dir, quiet=asked["quiet"])


def _environment() -> dict[str, str]:
    # Where this very package lies goes first, so that the child runs the same code.
    package_root = str(Path(__file__).parents[2])
    search = [package_root, *filter(None, [os.environ.get("PYTHONPATH")])]
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(search),
        "CUDA_VISIBLE_DEVICES": "",
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }


def _die_with_parent() -> None:
    """Asks the kernel to end this process with its parent; only Linux can.

    It ends as if it had failed, which takes away what was half prepared.
    """
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _save(source: Source, scratch: Path) -> None:
    for split, examples in source.splits.items():
        np.save(scratch / f"{split}.x.npy", examples.x, allow_pickle=False)
        np.save(scratch / f"{split}.y.npy", examples.y, allow_pickle=False)
    about = {
        "name": source.name,
        "version": source.version,
        "class_names": source.class_names,
        "feature_shape": source.feature_shape,
        "splits": list(source.splits),
        "key": source.key,
    }
    (scratch / "source.json").write_text(json.dumps(about))


def _load(scratch: Path) -> Source:
    about = json.loads((scratch / "source.json").read_text())
    # Mapped, not copied: the files live on, nameless, until the last array that maps them is gone.
    splits = {
        split: Examples(
            np.load(scratch / f"{split}.x.npy", mmap_mode="r", allow_pickle=False),
            np.load(scratch / f"{split}.y.npy", allow_pickle=False),
        )
        for split in about["splits"]
    }
    names, shape = tuple(about["class_names"]), tuple(about["feature_shape"])
    return Source(about["name"], about["version"], names, shape, splits, key=about["key"])


def _last_words(done: subprocess.CompletedProcess[str]) -> str:
    lines = (done.stderr or "").strip().splitlines()
    return lines[-1][:240] if lines else f"its reader ended with status {done.returncode}"


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
