"""Data sets, cut into train, dev and test.

`load_dataset` is the one front door. The way in: a reader (`tfds_source` for our own builders and,
in a child process, for TFDS's; `table`, `arrays` and `image_folder` for files of a person's own;
`registry` for functions of theirs) gives `Examples` as they lie on disk, `checks` refuses what
cannot be learned, `split` cuts, `missing` fills in, `normalise` finds the training part's moments,
`shift` compares the parts, and a `Dataset` comes out. TensorFlow is never loaded in the caller's
process.
"""

from __future__ import annotations

from caviar.data.dataset import Dataset, Part
from caviar.data.load import load_dataset
from caviar.data.registry import register_dataset
from caviar.data.request import Request

__all__ = ["Dataset", "Part", "Request", "load_dataset", "register_dataset"]
