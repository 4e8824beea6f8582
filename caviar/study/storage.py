"""A place that outlives this machine: a shared directory, or a bucket of S3 or Google's.

A few verbs on whole files, each atomic as far as the store can: who reads a key finds what one
`put` gave it, never a part. Credentials come from the environment or the machine's role alone.
"""

from __future__ import annotations

import json
import os
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from caviar.errors import StudyError
from caviar.study.filesystem import sync_directory, write_durably
from caviar.study.wording import one_line, show

CONNECT_S: Final = 5.0
REQUEST_S: Final = 20.0
ATTEMPTS: Final = 2
"""A store that does not answer is given up after this, and asked again later by whoever waits."""

_KINDS: Final = {"": "path", "file": "path", "s3": "s3", "gs": "gs", "gcs": "gs"}
_OPTIONS: Final[dict[str, set[str]]] = {
    "path": set(),
    "s3": {"endpoint_override", "scheme", "region"},
    "gs": {"endpoint_override", "scheme"},
}
_TEMPORARY: Final = ".part"
_LEFT: Final = re.compile(rf".+\.[0-9a-f]{{8}}{re.escape(_TEMPORARY)}")
_CHECK: Final = "writable"


class StorageError(StudyError):
    """The storage does not answer, or refuses; it may do better later."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A file of the storage.

    Attributes:
        size: in bytes.
        at: when it was put, in seconds since 1970 by the storage's clock.
    """

    size: int
    at: float


class Storage:
    """A directory or prefix; its keys are relative paths with slashes.

    Every method raises StorageError when the storage does not answer or refuses.
    """

    def __init__(self, uri: str) -> None:
        """Reads an address and opens nothing.

        Args:
            uri: a path, file://, s3://bucket/prefix, gs://bucket/prefix.

        Raises:
            StudyError: it is none, or holds a password.
        """
        self._kind, self._root, self._options = _parse(uri)
        self.uri = self._root if self._kind == "path" else uri

    def __repr__(self) -> str:
        return f"Storage({self.uri!r})"

    def is_at(self, directory: Path) -> bool:
        """Whether it is this directory, by whatever name."""
        return self._kind == "path" and Path(self._root).resolve() == directory.resolve()

    def put(self, key: str, data: bytes) -> None:
        """Writes a file, or replaces it."""
        with self._told("written"):
            if self._kind == "path":
                _put_path(Path(self._root, key), data)
            else:
                # By itself pyarrow compresses what is named as if it were.
                with self._fs.open_output_stream(self._path(key), compression=None) as stream:
                    stream.write(data)

    def get(self, key: str) -> bytes | None:
        """A file's bytes; None if it is not there."""
        with self._told("read"):
            try:
                if self._kind == "path":
                    return Path(self._root, key).read_bytes()
                with self._fs.open_input_file(self._path(key)) as stream:
                    return bytes(stream.read())
            except FileNotFoundError:
                return None

    def get_json(self, key: str) -> Any:
        """What a file of JSON holds; None if it is not there.

        pyarrow asks S3 for a size first and for the bytes then: of a file that is replaced in
        between it reads a part, which is no JSON.

        Raises:
            ValueError: it is no JSON, however often it is read.
        """
        for last in (False, False, True):
            data = self.get(key)
            try:
                return None if data is None else json.loads(data)
            except ValueError:
                if last:
                    raise
        return None

    def list(self, folder: str = "") -> Mapping[str, Stored]:
        """The files of a folder, by name, without those below; empty if it is not there."""
        from pyarrow import fs

        with self._told("listed"):
            selector = fs.FileSelector(self._path(folder), allow_not_found=True)
            found = self._fs.get_file_info(selector)
        files = [info for info in found if info.type == fs.FileType.File]
        return {
            info.base_name: Stored(info.size, info.mtime_ns / 1e9)
            for info in files
            if not info.base_name.endswith(_TEMPORARY)
        }

    def delete(self, key: str) -> None:
        """Deletes a file; one that is not there does no harm."""
        with self._told("written"), suppress(FileNotFoundError):
            self._fs.delete_file(self._path(key))

    def sweep(self, folders: Iterable[str], before: float) -> int:
        """Deletes what is left of writes that a crash cut short; a bucket keeps nothing of them.

        It never fails: what cannot be deleted now is deleted another time.

        Args:
            folders: where to look, in patterns of `Path.glob`; not below them.
            before: what was written to since then stays; seconds since 1970, the storage's clock.

        Returns:
            How many.
        """
        swept = 0
        for folder in folders if self._kind == "path" else ():
            with suppress(OSError):
                for path in Path(self._root).glob(f"{folder}/*{_TEMPORARY}".lstrip("/")):
                    with suppress(OSError):
                        if _LEFT.fullmatch(path.name) and path.lstat().st_mtime < before:
                            path.unlink()
                            swept += 1
        return swept

    def exists(self, key: str) -> bool:
        """Whether there is such a file."""
        folder, _, name = key.rpartition("/")
        return name in self.list(folder)

    def check(self) -> float:
        """Writes a file, reads it and deletes it.

        Returns:
            What time the storage's clock told meanwhile, in seconds since 1970.

        Raises:
            StudyError: it cannot be written; what is wrong in one line.
        """
        key, data = f"{_CHECK}-{secrets.token_hex(8)}", secrets.token_bytes(16)
        self.put(key, data)
        try:
            read, now = self.get(key), self.list().get(key)
        finally:
            self.delete(key)
        if read != data or now is None:
            raise StorageError(f"--storage {self.uri}: cannot be used: what it takes it loses")
        return now.at

    def _path(self, key: str) -> str:
        return f"{self._root}/{key}".rstrip("/") if self._root != "/" else f"/{key}"

    @cached_property
    def _fs(self) -> Any:
        from pyarrow import fs

        if self._kind == "path":
            return fs.LocalFileSystem()
        if self._kind == "gs":
            return fs.GcsFileSystem(retry_time_limit=timedelta(seconds=REQUEST_S), **self._options)
        options = _of_environment() | self._options
        if not {"region", "endpoint_override"} & options.keys():
            options["region"] = fs.resolve_s3_region(self._root.partition("/")[0])
        return fs.S3FileSystem(
            connect_timeout=CONNECT_S,
            request_timeout=REQUEST_S,
            retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=ATTEMPTS),
            allow_delayed_open=True,  # a small file is one request
            **options,
        )

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        """Turns what a filesystem or pyarrow refuses into one line for a person."""
        from pyarrow import ArrowException

        try:
            yield
        except (OSError, ArrowException) as error:
            reason = _reason(error)
            raise StorageError(f"--storage {self.uri}: cannot be {what}: {reason}") from error


def _parse(uri: str) -> tuple[str, str, dict[str, str]]:
    """Its kind, its root as a filesystem knows it, and options of the filesystem."""
    rule = "must be a directory, s3://bucket/prefix or gs://bucket/prefix"
    parts = urlsplit(uri) if "://" in uri else urlsplit("")._replace(path=uri)
    kind = _KINDS.get(parts.scheme)
    is_mistyped = re.match(r"(file|s3|gs|gcs):", uri) and "://" not in uri  # s3:/bucket
    is_empty = not (parts.netloc or parts.path)
    if not uri.isprintable() or kind is None or is_empty or is_mistyped:
        raise StudyError(f"--storage: {rule}, got {show(uri)}")
    if "@" in parts.netloc or "key=" in parts.query:
        raise StudyError(
            "--storage: must hold no password: credentials come from the environment or the "
            "machine's role"
        )
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    unknown = sorted(options.keys() - _OPTIONS[kind])
    if unknown or parts.fragment:
        known = f"options are {', '.join(sorted(_OPTIONS[kind])) or 'none'}"
        raise StudyError(f"--storage: {known}, got {show(uri)}")
    if kind == "path":
        if parts.netloc not in {"", "localhost"}:
            raise StudyError(f"--storage: a file:// address names no machine, got {show(uri)}")
        return kind, str(Path(parts.path).expanduser().absolute()), options
    root = f"{parts.netloc}/{parts.path[1:].removesuffix('/')}".removesuffix("/")
    if not parts.netloc or any(part in {"", ".", ".."} for part in root.split("/")):
        raise StudyError(f"--storage: {rule}, got {show(uri)}")
    return kind, root, options


def _of_environment() -> dict[str, str]:
    """Where S3 is, as AWS's own tools are told; pyarrow does not ask for it."""
    url = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    found = {"region": region} if region else {}
    if url:
        parts = urlsplit(url)
        found |= {"endpoint_override": parts.netloc + parts.path.rstrip("/")}
        found |= {"scheme": parts.scheme}
    return found


def _put_path(path: Path, data: bytes) -> None:
    """Whole or not at all, and on the disk."""
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(4)}{_TEMPORARY}")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        write_durably(temporary, data)
        temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
    sync_directory(path.parent)


def _reason(error: Exception) -> str:
    """What is wrong, without what only a developer reads."""
    if isinstance(error, OSError) and error.errno and error.strerror:
        return error.strerror.partition(". Detail")[0]
    told = re.search(r"AWS Error (.*?)(?: \(Request ID.*)?$", str(error), re.DOTALL)
    return one_line(told[1] if told else str(error))[:300]
