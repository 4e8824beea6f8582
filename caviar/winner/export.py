"""A winner's model for those who have no caviar: Keras, TensorFlow, and ONNX if asked.

TensorFlow works in a child process, which sees no GPU: so the driver stays without it, and float32
is float32. Nothing is handed over that does not say what caviar's own prediction says.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from caviar.errors import StudyError
from caviar.study.filesystem import write_durably
from caviar.winner import onnx as onnx_file
from caviar.winner.about import CHECKPOINT, FILE, About
from caviar.winner.columns import Column
from caviar.winner.network import Network
from caviar.winner.weights import Array

KERAS: Final = "model.keras"
TENSORFLOW: Final = "saved_model"
ONNX: Final = "model.onnx"

TOLERANCE: Final = 1e-5
"""How far a probability may lie from caviar's own."""
_ROUNDING: Final = 8.0
"""Times float32's own rounding error it may also be, where that is more: a network of huge logits
has no probabilities to five digits in float32, whoever computes them."""
_SAMPLE: Final = 512
"""Examples on which the models are compared."""

MISTAKE: Final = 3
"""The child's exit status for what it found wrong; its last line of output is the message."""


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        files: names in the folder.
        difference: by file, the most that a probability lay from caviar's own.
        tolerance: what it might have been.
    """

    files: tuple[str, ...]
    difference: dict[str, float]
    tolerance: float


def export(
    folder: Path,
    network: Network,
    class_names: Sequence[str],
    *,
    sample: Array | None = None,
    columns: Sequence[Column] = (),
    onnx: bool = False,
) -> Exported:
    """Writes `model.keras`, `saved_model/`, `classes.json`, `checkpoint.npz` into a folder.

    Args:
        folder: that exists; what is left in it after an error is for the caller to remove.
        network: of a checkpoint.
        class_names: in the order of its probabilities.
        sample: examples as they lie on disk, `[n, features]` or `[n, *feature_shape]`: their dtype
            is what the models take, and on them they are compared. Drawn at random by default.
        columns: of the table that the data are, see `columns_of`.
        onnx: whether to write `model.onnx` too.

    Raises:
        StudyError: a model could not be written, or says something else than `network`.
    """
    if onnx:
        onnx_file.check_installed()
    if len(class_names) != network.classes:
        raise StudyError(f"export: must have {network.classes} class names, got {len(class_names)}")
    x = _sample(network, sample)
    about = _about(network, class_names, x if sample is None else np.asarray(sample), columns)
    write_durably(folder / FILE, about.to_json().encode())
    write_durably(folder / CHECKPOINT, network.checkpoint)
    tolerance = _tolerance(network, x)
    difference = _in_child(folder, x)
    files = [CHECKPOINT, FILE, KERAS, TENSORFLOW]
    if onnx:
        found = onnx_file.save(network, folder / ONNX, about)(x)
        difference[ONNX] = float(np.abs(found - network.probabilities(x)).max())
        files.append(ONNX)
    _check(difference, tolerance)
    return Exported(tuple(sorted(files)), difference, tolerance)


def _sample(network: Network, given: Array | None) -> Array:
    """At most `_SAMPLE` examples `[n, *feature_shape]`, evenly out of those given."""
    if given is None or not len(given):
        rng = np.random.default_rng(0)
        drawn = rng.normal(size=(_SAMPLE // 8, network.features))
        given = (network.mean + drawn / network.scale).astype(np.float32)
    step = -(-len(given) // _SAMPLE)
    chosen: Array = network.flat(given)[::step].reshape(-1, *network.feature_shape)
    return chosen if chosen.dtype == np.uint8 else chosen.astype(np.float32)


def _about(
    network: Network, class_names: Sequence[str], x: Array, columns: Sequence[Column]
) -> About:
    if columns and sum(column.width for column in columns) != network.features:
        raise StudyError(f"export: the table's columns must give {network.features} features")
    return About(
        classes=tuple(map(str, class_names)),
        shape=network.feature_shape,
        dtype="uint8" if x.dtype == np.uint8 else "float32",
        low=float(x.min()),
        high=float(x.max()),
        columns=tuple(columns),
    )


def _tolerance(network: Network, x: Array) -> float:
    found, exact = network.probabilities(x), network.probabilities(x, np.float64)
    if not np.isfinite(found).all():
        raise StudyError("export: the model's probabilities must be finite numbers, some are not")
    return max(TOLERANCE, _ROUNDING * float(np.abs(found - exact).max()))


def _check(difference: dict[str, float], tolerance: float) -> None:
    for name, found in difference.items():
        if not found <= tolerance:
            raise StudyError(
                f"export: {name} must give the probabilities of caviar's own prediction to "
                f"{tolerance:.1e}, got a difference of {found:.1e}"
            )


def _in_child(folder: Path, x: Array) -> dict[str, float]:
    """Has a child write the models of TensorFlow; by file, how far they are from our own."""
    with tempfile.TemporaryDirectory(prefix="caviar-export-") as scratch:
        np.save(Path(scratch) / "x.npy", x, allow_pickle=False)
        done = subprocess.run(  # noqa: S603 - our own interpreter, no shell
            _child(folder, scratch),
            env=_environment(scratch),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
    said = done.stdout.strip().splitlines() or [""]
    if done.returncode == MISTAKE:
        raise StudyError(said[-1])
    if done.returncode != 0:
        words = done.stderr.strip().splitlines() or [f"status {done.returncode}"]
        raise StudyError(f"export: TensorFlow could not write the model: {words[-1][:240]}")
    found: dict[str, float] = json.loads(said[-1])
    return found


def _child(folder: Path, scratch: str) -> list[str]:
    return [sys.executable, "-m", "caviar.winner.export_child", str(folder.absolute()), scratch]


def _environment(scratch: str) -> dict[str, Any]:
    """The child's: this very package first, no GPU, and nobody's settings of Keras."""
    package_root = str(Path(__file__).parents[2])
    search = [package_root, *filter(None, [os.environ.get("PYTHONPATH")])]
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(search),
        "CUDA_VISIBLE_DEVICES": "",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "KERAS_BACKEND": "tensorflow",
        "KERAS_HOME": scratch,
    }
