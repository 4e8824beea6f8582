"""Whether a cluster takes this machine's token: asked once, before Ray would ask for 20 s."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from caviar.errors import StudyError

MODE: Final = "RAY_AUTH_MODE"
USUAL: Final = "~/.ray/auth_token"
"""Where Ray looks for a token that nothing else names."""


def present(address: str) -> None:
    """Presents the token at `address`, `host:port`, if the cluster there wants one.

    Where `RAY_AUTH_MODE` is not set it is set to "token" only then: without it Ray tells no token,
    and with it this process would refuse the processes of a cluster that has none.

    Raises:
        StudyError: the cluster wants a token, and does not take this one, or there is none; or
            what answers there is no cluster.
    """
    place = token_place()
    if os.environ.get(MODE) == "token" and not place:  # Ray ends the process, without a word
        named = os.environ.get("RAY_AUTH_TOKEN_PATH") or USUAL
        raise StudyError(
            f"{MODE}: token, but there is none in {named}: give it there or in RAY_AUTH_TOKEN"
        )
    if not _refused(address):
        return
    if place and not os.environ.get(MODE):
        _tell_token()
        if not _refused(address):
            return
    if not place:
        raise StudyError(
            f"--address {address}: the cluster wants a token: give it in RAY_AUTH_TOKEN, or keep "
            f"it in {USUAL}"
        )
    mode = os.environ[MODE]
    why = "" if mode == "token" else f" ({MODE} is {mode!r}, and not 'token')"
    raise StudyError(f"--address {address}: the cluster does not take the token of {place}{why}")


def token_place() -> str:
    """Where Ray finds a token, or ""."""
    if os.environ.get("RAY_AUTH_TOKEN", "").strip():
        return "RAY_AUTH_TOKEN"
    named = os.environ.get("RAY_AUTH_TOKEN_PATH")
    path = Path(named or USUAL).expanduser()
    with contextlib.suppress(OSError, ValueError):
        if path.read_text("utf-8").strip():
            return f"RAY_AUTH_TOKEN_PATH, {named}" if named else USUAL
    return ""


def _tell_token() -> None:
    from ray._raylet import Config  # type: ignore[attr-defined, unused-ignore]

    os.environ[MODE] = "token"
    Config.initialize("")  # it read the variable when it was imported


def _refused(address: str) -> bool:
    """Whether the cluster refuses what we present; what else is wrong, Ray says better.

    Raises:
        StudyError: nobody answers as a cluster would; Ray would ask for ten minutes.
    """
    from ray._raylet import GcsClient  # type: ignore[attr-defined, unused-ignore]
    from ray.exceptions import AuthenticationError, RpcError

    try:
        with _silent():
            GcsClient(address=address)
    except AuthenticationError:
        return True
    except (RpcError, TimeoutError) as error:
        raise StudyError(f"--address {address}: no Ray cluster answers there") from error
    except Exception:  # noqa: BLE001 no cluster, or one of another Ray: joining it will tell
        return False
    return False


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """Keeps away what Ray's C++ writes to stderr: the error that is raised says the same."""
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
