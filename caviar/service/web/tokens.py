"""The token that opens the web service, and the sessions that a browser gets for it.

The service has a token of its own unless the environment names another: the cluster's runs any
code on the cluster, so it is not what a browser should be handed by default.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import stat
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from caviar.errors import StudyError
from caviar.study.wording import one_line

SHORTEST: Final = 16
"""Characters of a token that a person chose: guesses must be hopeless."""
SESSION_S: Final = 12 * 3600.0
"""How long a browser stays logged in."""
HOW: Final = (
    "give one in CAVIAR_TOKEN or RAY_AUTH_TOKEN, or name its file in CAVIAR_TOKEN_PATH,"
    " as after: umask 077; openssl rand -hex 32 > token"
)
"""What to do where there is none."""

_VARIABLES: Final = ("CAVIAR_TOKEN", "RAY_AUTH_TOKEN")


@dataclass(frozen=True)
class Token:
    """What opens the service.

    Attributes:
        value: the secret.
        place: where it lies, for a person: a variable, or a file.
        made: whether it was made just now.
    """

    value: str
    place: str
    made: bool = False

    def __repr__(self) -> str:
        return f"Token(place={self.place!r})"

    @property
    def hint(self) -> str:
        """How its owner gets at it."""
        is_file = "/" in self.place
        return f"cat {self.place}" if is_file else f"it is in {self.place} where serve was started"


def own_file() -> Path:
    """Where the service keeps its token if nobody names another."""
    home = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    return Path(home).expanduser() / "caviar" / "token"


def find_token(*, make: bool, environment: bool = True) -> Token:
    """The service's token: of the environment, of a file, or a new one.

    Args:
        make: whether to make one where there is none.
        environment: whether the environment may name one; else it is the service's own file.

    Raises:
        StudyError: there is none, it is too short, its file is not there or open to others.
    """
    for name in _VARIABLES if environment else ():
        value = os.environ.get(name, "").strip()
        if value:
            return Token(_checked(value, name), name)
        named = os.environ.get(f"{name}_PATH")
        if named:
            path = Path(named).expanduser()
            return Token(_read(path, f"{name}_PATH: {_told(path)}"), _told(path))
    path = own_file()
    if path.exists():
        return Token(_read(path, _told(path)), _told(path))
    if not make:
        raise StudyError(f"--host: another address than loopback needs a token: {HOW}")
    return Token(_make(path), _told(path), made=True)


def _read(path: Path, place: str) -> str:
    try:
        with path.open(encoding="utf-8") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if mode & 0o077 and path == own_file():  # secrets that are mounted have other modes
                raise StudyError(f"{place}: others may read it; first: chmod 600 {_told(path)}")
            value = file.read(4096).strip()
    except OSError as error:
        raise StudyError(f"{place}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise StudyError(f"{place}: must be one line of ASCII") from None
    return _checked(value, place)


def _checked(value: str, place: str) -> str:
    if not (value.isascii() and value.isprintable() and " " not in value):
        raise StudyError(f"{place}: must be one line of ASCII without blanks")
    if len(value) < SHORTEST:
        raise StudyError(f"{place}: must have at least {SHORTEST} characters, got {len(value)}")
    return value


def _make(path: Path) -> str:
    """Writes a new token, for this user's eyes only."""
    value = secrets.token_hex(32)
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        beside = path.with_name(f".token.{os.getpid()}")
        made = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(made, "w", encoding="utf-8") as file:
            file.write(f"{value}\n")
        beside.rename(path)
    except OSError as error:
        raise StudyError(f"{_told(path)}: cannot be written: {error.strerror}; {HOW}") from None
    return value


def _told(path: Path) -> str:
    """A file as a person may type it, without naming this user."""
    try:
        return one_line(f"~/{path.relative_to(Path.home())}")
    except (ValueError, RuntimeError):
        return one_line(str(path))


class Sessions:
    """What a browser keeps instead of the token: a time, and a signature made with the token.

    A restart forgets nobody, and whoever gets hold of a session has it for hours, not for ever.

    Attributes:
        cookie: its name: browsers keep cookies by host, whatever the port, and two services of
            one machine (or at the ends of two tunnels) have tokens of their own.
    """

    def __init__(self, token: Token, clock: Callable[[], float] = time.time) -> None:
        """Signs with `token`; `clock` in seconds since 1970."""
        self._token = token.value.encode()
        self._clock = clock
        named = hmac.new(self._token, b"caviar session cookie", hashlib.sha256).hexdigest()
        self.cookie = f"caviar_session_{named[:8]}"

    def opens(self, token: str) -> bool:
        """Whether this is the token; takes as long whatever it is."""
        return hmac.compare_digest(token.encode(), self._token)

    def begin(self) -> str:
        """A session that is good from now on."""
        until = str(round(self._clock() + SESSION_S))
        return f"{until}.{self._signature(until)}"

    def holds(self, session: str) -> bool:
        """Whether this is a session of ours that has not run out."""
        until, _, signature = session.partition(".")
        signed = hmac.compare_digest(signature.encode(), self._signature(until).encode())
        return signed and until.isdigit() and int(until) > self._clock()

    def _signature(self, until: str) -> str:
        told = f"caviar session until {until}".encode()
        return hmac.new(self._token, told, hashlib.sha256).hexdigest()
