"""Uvicorn around the application: its port, and an end at once when somebody says so."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable
from ipaddress import ip_address
from types import FrameType
from typing import Any

import uvicorn
from fastapi import FastAPI

from caviar.errors import StudyError
from caviar.study.wording import one_line

CONNECTIONS = 256
"""At a time; more are told to come back."""


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach it."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def bind(host: str, port: int) -> socket.socket:
    """Takes the port.

    Raises:
        StudyError: it is taken, or the address is none of this machine's.
    """
    shown = one_line(host)
    try:
        kind = socket.AF_INET6 if ":" in host else socket.AF_INET
        found = socket.socket(kind, socket.SOCK_STREAM)
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind((host, port))
        found.listen(CONNECTIONS)  # who is told the address may ask at once
    except socket.gaierror:
        raise StudyError(f"--host: no address of this machine, got {shown}") from None
    except OSError as error:
        found.close()
        raise StudyError(f"--port {port}: {shown}: {error.strerror or error}") from None
    return found


class _Server(uvicorn.Server):
    """Ends streams with the first signal, rather than wait for those who listen."""

    def __init__(self, config: uvicorn.Config, close: Callable[[], None]) -> None:
        super().__init__(config)
        self._close = close
        self._loop: asyncio.AbstractEventLoop | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets=sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)  # who is cut off is no error
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._close)
        super().handle_exit(sig, frame)


def server_of(app: FastAPI) -> Any:
    """The server of an application; nothing of a request is logged."""
    config = uvicorn.Config(
        app, log_level="error", access_log=False, server_header=False, lifespan="off", ws="none",
        limit_concurrency=CONNECTIONS, timeout_graceful_shutdown=1,
        loop="asyncio", http="h11",  # what every installation has, whatever else lies beside it
    )  # fmt: skip
    return _Server(config, app.state.feed.close)


def serve(app: FastAPI, listening: socket.socket) -> None:
    """Serves until a signal says to stop."""
    with contextlib.suppress(KeyboardInterrupt):
        server_of(app).run(sockets=[listening])
