"""A place that outlives this machine: a shared directory, or a bucket of S3 or Google's.

A few verbs on whole files, each atomic as far as the store can: who reads a key finds what one
`put` gave it, never a part. Credentials come from the environment or the machine's role alone.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from caviar.errors import StudyError
from caviar.study.filesystem import sync_directory, write_durably
from caviar.study.storage_address import Address
from caviar.study.wording import one_line

_TEMPORARY: Final = ".part"
_LEFT: Final = re.compile(rf".+\.[0-9a-f]{{8}}{re.escape(_TEMPORARY)}")
_CHECK: Final = "writable"
_CHECKED: Final = re.compile(rf"{_CHECK}-[0-9a-f]{{16}}")
LEFT_S: Final = 3600.0
"""A file that was begun in a storage and not written to for this long is nobody's any more."""

_NOISE: Final = re.compile(
    r"google::cloud::Status\(|Retry policy exhausted, with a last message of |"
    r"curlCode: \d+, .*?Details: |,? error_info=.*| \(Request ID.*|No response body\."
)
_ANONYMOUS: Final = "OAuth2 access token"
"""In what Google's library says at length where it finds no credentials."""


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
        self._address = Address.of(uri)
        self._directory = Path(self._address.root) if self._address.kind == "path" else None
        self.uri = self._address.uri

    def __repr__(self) -> str:
        return f"Storage({self.uri!r})"

    def is_at(self, directory: Path) -> bool:
        """Whether it is this directory, by whatever name."""
        return self._directory is not None and self._directory.resolve() == directory.resolve()

    def put(self, key: str, data: bytes) -> None:
        """Writes a file, or replaces it."""
        with self._told("written"):
            if self._directory is not None:
                _put_path(self._directory / key, data)
            else:
                # By itself pyarrow compresses what is named as if it were.
                with self._fs.open_output_stream(self._path(key), compression=None) as stream:
                    stream.write(data)

    def get(self, key: str) -> bytes | None:
        """A file's bytes; None if it is not there."""
        with self._told("read"):
            try:
                if self._directory is not None:
                    return (self._directory / key).read_bytes()
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
        if self._directory is None:
            return 0
        swept = 0
        for folder in folders:
            with suppress(OSError):
                for path in self._directory.glob(f"{folder}/*{_TEMPORARY}".lstrip("/")):
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
            read, there = self.get(key), self.list()
        finally:
            self.delete(key)
        if read != data or key not in there:
            raise StorageError(f"--storage {self.uri}: cannot be used: what it takes it loses")
        now = there[key].at
        for name, stored in there.items():  # of a driver that was killed here
            if _CHECKED.fullmatch(name) and stored.at < now - LEFT_S:
                self.delete(name)
        return now

    def _path(self, key: str) -> str:
        return self._address.path_of(key)

    @cached_property
    def _fs(self) -> Any:
        return self._address.filesystem()

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        """Turns what a filesystem or pyarrow refuses into one line for a person."""
        from pyarrow import ArrowException

        try:
            yield
        except (OSError, ArrowException) as error:
            reason = _reason(error)
            raise StorageError(f"--storage {self.uri}: cannot be {what}: {reason}") from error


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
    told = re.search(r"AWS Error (.*)$", str(error), re.DOTALL)
    reason = one_line(told[1] if told else str(error))
    if _ANONYMOUS in reason:
        return "no credentials of Google's were found in the environment or the machine's role"
    return _NOISE.sub("", reason).rstrip(" :,.)")[:300]
