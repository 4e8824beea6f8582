"""A Ray dashboard over HTTP, asked with the cluster's token; Ray itself is not imported.

Everything that only asks (`caviar jobs`, `status`, `logs`) goes this way: importing Ray would take
longer than the answer. See https://docs.ray.io/en/releases-2.60.0/cluster/running-applications.
"""

from __future__ import annotations

import http.client
import json
import os
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from http import HTTPStatus
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final

from caviar.errors import StudyError
from caviar.service.answering import StayHere, reason, whole
from caviar.study.wording import one_line

DEFAULT_URL: Final = "http://127.0.0.1:8265"
"""Where a head that was started on this machine has its dashboard."""
PATIENCE_S: Final = 10.0
"""How long to wait for an answer."""
LONGEST: Final = 2**20
"""Bytes of a line: any job may print what it likes."""
MOST: Final = 2**26
"""Bytes of an answer in JSON: ten thousand jobs, each with some kilobytes."""

_TOKEN_PATH: Final = "~/.ray/auth_token"  # noqa: S105 - where it lies, not what it is
_NO_FILE: Final = "file is not found at"
"""In what Ray says, with status 500, of a file that is not among a node's logs."""


class NotThereError(StudyError):
    """The dashboard answers, and knows nothing of what was asked for."""


def default_url() -> str:
    """The dashboard's address where none is given: as Ray's own commands find it."""
    asked = os.environ.get("RAY_API_SERVER_ADDRESS") or os.environ.get("RAY_ADDRESS") or ""
    return asked if asked.startswith(("http://", "https://")) else DEFAULT_URL


def find_token() -> str:
    """The cluster's token, where Ray looks for it; "" if there is none.

    Raises:
        StudyError: it is none, or the file that RAY_AUTH_TOKEN_PATH names cannot be read.
    """
    token, place = os.environ.get("RAY_AUTH_TOKEN", "").strip(), "RAY_AUTH_TOKEN"
    if not token:
        named = os.environ.get("RAY_AUTH_TOKEN_PATH")
        place = f"RAY_AUTH_TOKEN_PATH: {one_line(named)}" if named else _TOKEN_PATH
        try:
            token = Path(named or _TOKEN_PATH).expanduser().read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is no text"
            if named:
                raise StudyError(f"{place}: {reason}") from None
            return ""
    if not (token.isascii() and token.isprintable()):
        raise StudyError(f"{place}: must be one line of ASCII")
    return token


class TooLongError(StudyError):
    """More came than is taken."""


class Dashboard:
    """The dashboard of a cluster.

    Attributes:
        url: as `http://host:port`, without a slash at its end.
    """

    def __init__(self, url: str | None = None) -> None:
        """Asks nothing yet.

        Args:
            url: of the dashboard; by default as Ray's own commands find it.

        Raises:
            StudyError: it is no address of a web server, or the token is none.
        """
        asked = url or default_url()
        self._guessed = not url and asked == DEFAULT_URL
        self.url = asked.rstrip("/")
        rule = f"must be the address of a dashboard, as {DEFAULT_URL}"
        if "@" in asked:  # a password is not told again
            raise StudyError(f"--dashboard: {rule}, without a user")
        try:
            parts = urllib.parse.urlsplit(self.url)
            known = parts.hostname and not (parts.query or parts.fragment)
            known = known and parts.scheme in {"http", "https"} and parts.port != 0
            (parts.hostname or "").encode("idna")
        except ValueError:
            known = False
        if not (known and self.url.isascii()):
            raise StudyError(f"--dashboard {one_line(asked)}: {rule}")
        self._token = find_token()
        # A proxy of the outside world knows no loopback address of ours.
        proxies = [urllib.request.ProxyHandler({})] if self.on_loopback else []
        self._opener = urllib.request.build_opener(StayHere, *proxies)

    def __repr__(self) -> str:
        return f"Dashboard({self.url!r})"

    @property
    def on_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        host = urllib.parse.urlsplit(self.url).hostname or ""
        try:
            return ip_address(host).is_loopback
        except ValueError:
            return host == "localhost"

    @property
    def headers(self) -> dict[str, str]:
        """What a request needs to be heard; of no use to anybody else."""
        return {"Authorization": f"Bearer {self._token}"} if self._token else {}

    def page(self, job: str) -> str:
        """Where a browser finds a job."""
        return f"{self.url}/#/jobs/{urllib.parse.quote(job)}"

    def get(self, path: str, **query: str | int) -> Any:
        """The JSON at `path`, as `/api/jobs/`.

        Raises:
            NotThereError: there is nothing of that name.
            StudyError: no dashboard answers, it wants another token, or it fails.
        """
        return self._json("GET", path, query)

    def post(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """What is answered to a JSON document sent to `path`.

        Raises:
            NotThereError: there is nothing of that name.
            StudyError: no dashboard answers, it wants another token, or it fails.
        """
        return self._json("POST", path, {}, body or {})

    def delete(self, path: str) -> Any:
        """Deletes what is at `path`.

        Raises:
            NotThereError: there is nothing of that name.
            StudyError: no dashboard answers, it wants another token, or it fails.
        """
        return self._json("DELETE", path, {})

    def lines(self, path: str, patience_s: float = PATIENCE_S, **query: str | int) -> Iterator[str]:
        """The lines of a text at `path`, as they come; one beyond `LONGEST` in pieces.

        Args:
            path: of the text.
            patience_s: how long to wait for the next of them.
            query: what follows the question mark.

        Raises:
            NotThereError: there is nothing of that name.
            StudyError: no dashboard answers, it wants another token, or it breaks off.
        """
        with self._answered("GET", path, query, patience_s=patience_s) as answer:
            for line in iter(lambda: answer.readline(LONGEST), b""):
                yield line.decode("utf-8", errors="replace").rstrip("\r\n")

    def text(
        self, path: str, most: int, patience_s: float = PATIENCE_S, **query: str | int
    ) -> bytes:
        """A whole text at `path`, if it has at most so many bytes.

        Raises:
            NotThereError: there is nothing of that name.
            TooLongError: it is longer.
            StudyError: no dashboard answers, it wants another token, or it fails.
        """
        with self._answered("GET", path, query, patience_s=patience_s) as answer:
            return self._whole(answer, path, most)

    def _json(
        self,
        method: str,
        path: str,
        query: Mapping[str, str | int],
        body: Mapping[str, Any] | None = None,
    ) -> Any:
        with self._answered(method, path, query, body) as answer:
            raw = self._whole(answer, path, MOST)
        try:
            return json.loads(raw) if raw else None
        except (ValueError, RecursionError):
            raise self.another() from None

    def _whole(self, answer: http.client.HTTPResponse, path: str, most: int) -> bytes:
        raw = whole(answer, most)
        if len(raw) > most:
            raise TooLongError(str(self._wrong(f"more than {most / 2**20:g} MiB came from {path}")))
        return raw

    def another(self) -> StudyError:
        """What to raise where something answers, but not as a Ray dashboard does."""
        return self._wrong("what answers there is no Ray dashboard")

    @contextmanager
    def _answered(
        self,
        method: str,
        path: str,
        query: Mapping[str, str | int],
        body: Mapping[str, Any] | None = None,
        patience_s: float = PATIENCE_S,
    ) -> Iterator[http.client.HTTPResponse]:
        """An open answer; whatever goes wrong, also while it is read, is one line."""
        asked = f"{self.url}{path}" + (f"?{urllib.parse.urlencode(query)}" if query else "")
        headers = {"Accept": "application/json", "Content-Type": "application/json"} | self.headers
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(asked, data, headers, method=method)  # noqa: S310 - checked
        try:
            with self._opener.open(request, timeout=patience_s) as answer:
                yield answer
        except urllib.error.HTTPError as error:
            raise self._refused(error) from None
        except (OSError, http.client.HTTPException) as error:
            if isinstance(error, http.client.BadStatusLine) and not isinstance(error, OSError):
                raise self.another() from None  # it quotes whatever a server of another kind said
            more = "; another address: --dashboard, RAY_API_SERVER_ADDRESS" * self._guessed
            raise self._wrong(
                f"no Ray dashboard answers there ({reason(error, PATIENCE_S)}){more}"
            ) from None

    def _refused(self, error: urllib.error.HTTPError) -> StudyError:
        to = error.headers.get("Location")
        if to and error.code < HTTPStatus.BAD_REQUEST:
            return self._wrong(
                f"it sends on to {one_line(to[:200])}, and the token is for it alone"
            )
        said = ""
        with suppress(OSError, http.client.HTTPException):  # it may break off
            said = error.read(2000).decode("utf-8", errors="replace").strip()
        if error.code in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            if self._token:
                return self._wrong("it does not take this token (RAY_AUTH_TOKEN, or its file)")
            return self._wrong(
                f"it wants a token: give it in RAY_AUTH_TOKEN, or keep it in {_TOKEN_PATH}"
            )
        if error.code == HTTPStatus.NOT_FOUND and said.startswith("<"):  # Ray's are plain text
            return NotThereError(str(self.another()))
        if error.code == HTTPStatus.NOT_FOUND:
            return NotThereError(f"--dashboard {self.url}: {one_line(said[:200]) or 'not there'}")
        last = said.splitlines()[-1] if said else error.reason
        if _NO_FILE in said:
            return NotThereError(f"--dashboard {self.url}: {one_line(str(last)[:200])}")
        return self._wrong(f"it failed ({error.code}): {one_line(str(last)[:200])}")

    def _wrong(self, what: str) -> StudyError:
        return StudyError(f"--dashboard {self.url}: {what}")
