"""Any TFDS classification data set: found by name, prepared once, read as flat arrays.

`read` is called in the caller's process for our own builders, which need no TensorFlow, and through
`child.py` for all others. The features are chosen by `tfds_features.py`.
"""

from __future__ import annotations

import contextlib
import difflib
import functools
import importlib
import io
import logging
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from caviar.data.dataset import Examples, Source
from caviar.data.tfds_features import Columns, choose_columns
from caviar.data.tfds_prepare import one_line, prepare
from caviar.errors import StudyError

OWN = ("digits", "wine", "breast_cancer", "iris", "signals1d")
"""Builders of this package: no network, no TensorFlow."""

_TFDS_TOO = ("iris",)
"""Of these TFDS has others by the same name; they are meant where a version is not ours."""

_OWN_VERSION = "1.0.0"

_NAME = re.compile(r"(?P<name>[a-z0-9_]+)(/[A-Za-z0-9_.\-]+)?(:\d+\.\d+\.\d+)?")


def base_name(name: str) -> str:
    """The builder's name in `name[/config][:version]`.

    Raises:
        StudyError: the name has another form; a namespace would load code from elsewhere.
    """
    match = _NAME.fullmatch(name)
    if match is None:
        raise StudyError(f"data.name: must have the form name[/config][:1.0.0], got {name!r}")
    return match["name"]


def is_own(name: str) -> bool:
    """Whether `name[:version]` is one of our own, which needs neither a network nor TensorFlow.

    Raises:
        StudyError: the name has another form.
    """
    base = base_name(name)
    return base in OWN and not (base in _TFDS_TOO and name not in {base, f"{base}:{_OWN_VERSION}"})


def default_data_dir(name: str) -> Path | None:
    """Where a data set is prepared if nobody says: our own in the cache, others as TFDS does."""
    if not is_own(name):
        return None
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "caviar" / "datasets"


def read(name: str, data_dir: Path | None = None, *, quiet: bool = True) -> Source:
    """Prepares a data set where that was not yet done, and reads all its labelled splits.

    Args:
        name: `name[/config][:version]`.
        data_dir: where TFDS keeps its files; None: see `default_data_dir`.
        quiet: no progress bars.

    Raises:
        StudyError: the data set is unknown, cannot be prepared, or is none to classify.
    """
    with _hushed() if quiet else contextlib.nullcontext():
        builder = find_builder(name, data_dir or default_data_dir(name))
        columns = choose_columns(name, builder.info.features, builder.info.supervised_keys)
        # Random access without TensorFlow for our own; TFDS's default where others read it too.
        file_format = "array_record" if is_own(name) else None
        again = functools.partial(find_builder, name)
        builder = prepare(name, builder, again, file_format, quiet=quiet)
    splits = {
        part: _read_split(builder, split, columns)
        for part, split in _parts(name, builder.info.splits).items()
    }
    # A test split without answers (all -1, as TFDS has them) is as good as none.
    labelled = {part: s for part, s in splits.items() if part == "train" or (s.y != -1).any()}
    return columns.source(name, str(builder.version), labelled)


def find_builder(name: str, data_dir: Path | None) -> Any:
    """The TFDS builder of that name, from its code or from prepared files.

    Raises:
        StudyError: no such data set, config or version; the nearest names are told.
    """
    import tensorflow_datasets as tfds

    base = base_name(name)
    if is_own(name):
        return _own_builder(name, base, data_dir)
    known = [*tfds.list_builders(with_community_datasets=False), *OWN]
    prepared = data_dir is not None and (data_dir / base).is_dir()
    if base not in known and not prepared:
        near = difflib.get_close_matches(base, known, n=3) or OWN
        raise StudyError(f"data.name: no data set {base!r}; nearest known: {', '.join(near)}")
    try:
        return tfds.builder(name, data_dir=data_dir)
    except Exception as error:  # TFDS raises ValueError, AssertionError and more
        raise StudyError(f"data.name: {name!r}: {one_line(error)}") from error


def _own_builder(name: str, base: str, data_dir: Path | None) -> Any:
    module = importlib.import_module(f"caviar.data.{base}.{base}_dataset_builder")
    if "/" in name:
        raise StudyError(f"data.name: {base!r} has no configurations, got {name!r}")
    version = name.partition(":")[2] or None
    try:
        return module.Builder(data_dir=data_dir, version=version)
    except AssertionError as error:
        raise StudyError(f"data.name: {name!r}: {one_line(error)}") from error


@contextlib.contextmanager
def _hushed() -> Iterator[None]:
    """Keeps TFDS from printing and warning about what is usual."""
    logger = logging.getLogger("absl")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logger.setLevel(before)


def _parts(name: str, splits: Mapping[str, Any]) -> dict[str, str]:
    """Which split is what: `train`, and `validation` and `test` where there are such."""
    names = {part: part for part in ("train", "validation", "test") if part in splits}
    if "train" in names:
        return names
    if len(splits) == 1:
        return {"train": next(iter(splits))}
    raise StudyError(f"data.name: {name!r}: must have a split 'train', got {', '.join(splits)}")


def _read_split(builder: Any, split: str, columns: Columns) -> Examples:
    x, y = columns.empty(builder.info.splits[split].num_examples)
    row = 0
    for batch in _batches(builder, split, columns):
        rows = columns.fill(batch, x[row:], y[row:])
        row += rows
    return Examples(x[:row], y[:row])


def _batches(builder: Any, split: str, columns: Columns, size: int = 1024) -> Iterator[Any]:
    """Nests of arrays led by a batch axis, always in the order of the files."""
    import tensorflow_datasets as tfds

    if str(builder.info.file_format) in {"FileFormat.ARRAY_RECORD", "array_record"}:
        source = builder.as_data_source(split)
        for start in range(0, len(source), size):
            stop = min(start + size, len(source))
            yield columns.stack([source[index] for index in range(start, stop)])
        return
    data = builder.as_dataset(
        split=split,
        shuffle_files=False,
        decoders=tfds.decode.PartialDecoding(columns.wanted),
        read_config=tfds.ReadConfig(interleave_cycle_length=1, try_autocache=False),
    )
    yield from tfds.as_numpy(data.batch(size))
