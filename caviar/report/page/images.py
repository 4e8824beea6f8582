"""Examples as pictures in the page: a PNG of an array, written with the standard library alone."""

from __future__ import annotations

import base64
import struct
import zlib
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

MOST_PIXELS: Final = 96
"""Of a side; larger pictures are thinned by leaving out rows and columns."""
_GREY, _COLOUR = 0, 2
_LEAST: Final = 4


def image_of(example: NDArray[Any]) -> str | None:
    """A data address of an example that looks like a picture, else None.

    Args:
        example: `[height, width]`, `[height, width, 1]` or `[height, width, 3]`.
    """
    pixels = np.asarray(example)
    if pixels.ndim == 3 and pixels.shape[-1] == 1:
        pixels = pixels[..., 0]
    is_picture = pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[-1] == 3)
    if not is_picture or min(pixels.shape[:2]) < _LEAST or pixels.dtype.kind not in "uifb":
        return None
    step = max(1, -(-max(pixels.shape[:2]) // MOST_PIXELS))
    data = png(_bytes(pixels[::step, ::step]))
    return "data:image/png;base64," + base64.b64encode(data).decode()


def png(pixels: NDArray[np.uint8]) -> bytes:
    """A PNG file of `[height, width]` or `[height, width, 3]` bytes."""
    height, width = pixels.shape[:2]
    kind = _GREY if pixels.ndim == 2 else _COLOUR
    header = struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0)
    # Each row begins with a byte that says it is not filtered.
    rows = np.concatenate([np.zeros((height, 1), np.uint8), pixels.reshape(height, -1)], axis=1)
    body = zlib.compress(rows.tobytes(), 9)
    parts = (_part(b"IHDR", header), _part(b"IDAT", body), _part(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def _part(kind: bytes, data: bytes) -> bytes:
    check = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)


def _bytes(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    """From 0 to 255: bytes as they are, all else from its own least to its largest."""
    if pixels.dtype == np.uint8 and int(pixels.max(initial=0)) > 32:
        return np.ascontiguousarray(pixels)
    values = np.nan_to_num(pixels.astype(np.float64), posinf=0.0, neginf=0.0)
    low, high = float(values.min()), float(values.max())
    scaled = (values - low) * (255.0 / (high - low)) if high > low else np.zeros_like(values)
    return np.ascontiguousarray(np.round(scaled).astype(np.uint8))
