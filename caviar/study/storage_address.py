"""Where a storage is: its address as a person gives it, and pyarrow's filesystem for it."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import SplitResult, parse_qsl, urlsplit

from caviar.errors import StudyError
from caviar.study.wording import show

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
_GOOGLE: Final = re.compile(r"([a-z0-9-]+\.)*googleapis\.com(:\d+)?")
_RULE: Final = "must be a directory, s3://bucket/prefix or gs://bucket/prefix"


@dataclass(frozen=True)
class Address:
    """A storage's address, understood.

    Attributes:
        uri: as it was given.
        kind: "path", "s3" or "gs".
        root: the directory, or bucket and prefix, as the filesystem names it.
        options: of the filesystem.
    """

    uri: str
    kind: str
    root: str
    options: Mapping[str, str]

    @classmethod
    def of(cls, uri: str) -> Address:
        """Reads an address.

        Raises:
            StudyError: it is none, or holds a password.
        """
        parts = urlsplit(uri) if "://" in uri else urlsplit("")._replace(path=uri)
        kind = _KINDS.get(parts.scheme)
        is_mistyped = re.match(r"(file|s3|gs|gcs):", uri) and "://" not in uri  # s3:/bucket
        is_empty = not (parts.netloc or parts.path)
        if not uri.isprintable() or kind is None or is_empty or is_mistyped:
            raise StudyError(f"--storage: {_RULE}, got {show(uri)}")
        options = _options(uri, parts, kind)
        root = _directory(uri, parts) if kind == "path" else _prefix(uri, parts)
        return cls(root if kind == "path" else uri, kind, root, options)

    def path_of(self, key: str) -> str:
        """A key as the filesystem names it."""
        return f"{self.root}/{key}".rstrip("/") if self.root != "/" else f"/{key}"

    def filesystem(self) -> Any:
        """pyarrow's; credentials come from the environment or the machine's role alone."""
        from pyarrow import fs

        if self.kind == "path":
            return fs.LocalFileSystem()
        if self.kind == "gs":
            limit = timedelta(seconds=REQUEST_S)
            # A job or a journal may name a server: Google's token is for Google's alone. (What S3
            # is sent is signed for one server, without the key.)
            server = self.options.get("endpoint_override", "")
            other = bool(server) and _GOOGLE.fullmatch(server) is None
            return fs.GcsFileSystem(anonymous=other, retry_time_limit=limit, **self.options)
        options = _of_environment() | dict(self.options)
        if not {"region", "endpoint_override"} & options.keys():
            options["region"] = fs.resolve_s3_region(self.root.partition("/")[0])
        return fs.S3FileSystem(
            connect_timeout=CONNECT_S,
            request_timeout=REQUEST_S,
            retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=ATTEMPTS),
            allow_delayed_open=True,  # a small file is one request
            **options,
        )


def _options(uri: str, parts: SplitResult, kind: str) -> dict[str, str]:
    if "@" in parts.netloc or "key=" in parts.query:
        raise StudyError(
            "--storage: must hold no password: credentials come from the environment or the "
            "machine's role"
        )
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    if options.keys() - _OPTIONS[kind] or parts.fragment:
        known = f"options are {', '.join(sorted(_OPTIONS[kind])) or 'none'}"
        raise StudyError(f"--storage: {known}, got {show(uri)}")
    return options


def _directory(uri: str, parts: SplitResult) -> str:
    if parts.netloc not in {"", "localhost"}:
        raise StudyError(f"--storage: a file:// address names no machine, got {show(uri)}")
    return str(Path(parts.path).expanduser().absolute())


def _prefix(uri: str, parts: SplitResult) -> str:
    root = f"{parts.netloc}/{parts.path[1:].removesuffix('/')}".removesuffix("/")
    if not parts.netloc or any(part in {"", ".", ".."} for part in root.split("/")):
        raise StudyError(f"--storage: {_RULE}, got {show(uri)}")
    return root


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
