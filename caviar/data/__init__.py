"""Data sets, cut into train, dev and test.

`load_dataset` is the one front door. The way in: `tfds_source` (or `digits`, our own builder) gives
`Examples` as they lie on disk, `checks` refuses what cannot be learned, `split` cuts, `normalise`
finds the training part's moments, and a `Dataset` comes out. TensorFlow is never loaded in the
caller's process.
"""

from __future__ import annotations

from caviar.data.dataset import Dataset, Part
from caviar.data.load import load_dataset
from caviar.data.request import Request

__all__ = ["Dataset", "Part", "Request", "load_dataset"]
