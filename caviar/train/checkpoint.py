"""A trial's checkpoint: all of its state as `.npz` bytes, without pickle.

Arrays stand at the trial's true sizes with a leading stack axis of 1, named by their place, as
`params.0.w [1, fan_in, units]`, `slots.0.w.m`, `averages.0.mean`, `step`. `input.mean` and
`input.std` `[features]` say how an example as it lies on disk becomes an input. A small JSON header
says whose they are. Nothing depends on the width or the padding that a trial was trained at.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from caviar.nn.network import Shape
from caviar.study.records import Value
from caviar.train.optimizers import Optimizer
from caviar.train.state import State, zero_state

FORMAT = 1
"""Version of the layout; another one is refused."""

_INPUT = "input."
"""What the arrays of the inputs' normalisation begin with; the state has none of them."""
_BROKEN = (ValueError, OSError, EOFError, KeyError, RuntimeError, zipfile.BadZipFile)
"""What NumPy and zipfile raise on damaged bytes; a flipped bit may claim to be encryption."""


class CheckpointError(Exception):
    """The bytes are not a checkpoint of the trial they are taken for."""


@dataclass(frozen=True)
class Header:
    """Whose checkpoint it is.

    Attributes:
        trial: the trial's index.
        epoch: epochs trained.
        hyperparameters: the trial's, in a person's units.
        signature: of the compiled step that trained it, as text.
        format: of the layout.
    """

    trial: int
    epoch: int
    hyperparameters: dict[str, Value]
    signature: str
    format: int = FORMAT


def save(
    state: State, header: Header, normalisation: Mapping[str, NDArray[np.float32]] | None = None
) -> bytes:
    """The bytes of a checkpoint; the same state gives the same bytes.

    Args:
        state: NumPy arrays `[1, ...]` at the trial's true sizes.
        header: whose it is.
        normalisation: `mean` and `std` of the inputs, `[features]`.
    """
    text = json.dumps(asdict(header), sort_keys=True).encode()
    buffer = io.BytesIO()
    inputs = {f"{_INPUT}{name}": array for name, array in (normalisation or {}).items()}
    arrays: dict[str, Any] = {"header": np.frombuffer(text, np.uint8), **inputs, **_named(state)}
    np.savez(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def header(data: bytes) -> Header:
    """Whose checkpoint it is.

    Raises:
        CheckpointError: the bytes are no checkpoint of this format.
    """
    return _header(_read(data))


def load(data: bytes, shape: Shape, optimizer: Optimizer) -> tuple[State, Header]:
    """The state, in NumPy `[1, ...]`, and whose it is.

    Args:
        data: what `save` returned.
        shape: the trial's true sizes.
        optimizer: its family.

    Raises:
        CheckpointError: the bytes are broken, or their arrays are not those of such a trial.
    """
    arrays = _read(data)
    whose = _header(arrays)
    state = zero_state(shape, optimizer, arrays.get("step", np.float32(0)).dtype)
    places = _named(state)
    if {name for name in arrays if not name.startswith(("header", _INPUT))} != places.keys():
        raise CheckpointError(f"trial {whose.trial}: arrays of another network or optimiser")
    for name, place in places.items():
        if arrays[name].shape != place.shape:
            raise CheckpointError(
                f"trial {whose.trial}: {name} must be {place.shape}, got {arrays[name].shape}"
            )
        place[...] = arrays[name]
    return state, whose


def _read(data: bytes) -> dict[str, NDArray[Any]]:
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except _BROKEN as error:
        raise CheckpointError(f"not a checkpoint: {error}") from error


def _header(arrays: dict[str, NDArray[Any]]) -> Header:
    try:
        fields = json.loads(arrays["header"].tobytes())
        found = Header(**fields)
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"not a checkpoint: {error}") from error
    if found.format != FORMAT:
        raise CheckpointError(f"checkpoint format must be {FORMAT}, got {found.format}")
    return found


def _named(state: State) -> dict[str, NDArray[Any]]:
    """The state's own arrays (not copies), by their place."""
    return dict(_walk("", state._asdict()))


def _walk(prefix: str, node: Any) -> list[tuple[str, NDArray[Any]]]:
    if hasattr(node, "_asdict"):
        node = node._asdict()
    if isinstance(node, list):
        node = {str(place): item for place, item in enumerate(node)}
    if not isinstance(node, dict):
        return [(prefix, node)]
    return [
        pair
        for name, item in node.items()
        for pair in _walk(f"{prefix}.{name}" if prefix else name, item)
    ]
