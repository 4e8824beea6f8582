"""The command that serves studies as pages and JSON."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from caviar.errors import StudyError

if TYPE_CHECKING:
    from caviar.service.web.source import Source


def register(app: typer.Typer) -> None:
    """Adds the command to the command line."""
    app.command("serve")(serve)


def serve(
    directories: Annotated[
        list[Path] | None,
        typer.Argument(metavar="DIR...", help="Study directories, or folders of them."),
    ] = None,
    dashboard: Annotated[
        str | None,
        typer.Option("--dashboard", metavar="URL", help="The studies submitted to this cluster."),
    ] = None,
    host: Annotated[
        str,
        typer.Option("--host", help="The address to listen at; others than loopback: see docs."),
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="The port; 0: any that is free.")
    ] = 8080,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            "--allow-host", metavar="NAME", help="A name it may be called by. Repeatable."
        ),
    ] = None,
    on_ray: Annotated[
        bool,
        typer.Option("--on-ray", help="As a Ray Serve deployment of the cluster on this node."),
    ] = False,
) -> None:
    """Serve studies as pages that update while they run, and as JSON under /api/v1.

    Whoever asks needs the token: of CAVIAR_TOKEN, of the file that CAVIAR_TOKEN_PATH names, or
    else of ~/.config/caviar/token, which is made. Ctrl-C ends it.
    """
    from caviar.service.web.app import create_app
    from caviar.service.web.serving import bind, is_loopback
    from caviar.service.web.serving import serve as serve_app
    from caviar.service.web.tokens import find_token

    if on_ray:
        _serve_on_ray(directories or [], dashboard, host, port, allow_host or [])
        return
    source = _source(directories or [], dashboard)
    token = find_token(make=is_loopback(host))
    names = [host, *(allow_host or [])]
    app = create_app(source, token, names if is_loopback(host) else [*names, os.uname().nodename])
    listening = bind(host, port)
    shown = f"[{host}]" if ":" in host else host
    count = len(source.names())
    typer.echo(f"serving {count} {'study' if count == 1 else 'studies'} at "
               f"http://{shown}:{listening.getsockname()[1]}")  # fmt: skip
    made = " (made just now)" if token.made else ""
    typer.echo(f"the token to log in with is in {token.place}{made}; Ctrl-C ends this")
    sys.stdout.flush()
    serve_app(app, listening)
    leave()


def _serve_on_ray(
    directories: list[Path], dashboard: str | None, host: str, port: int, names: list[str]
) -> None:
    """Deploys the service and takes it away with Ctrl-C."""
    import contextlib
    import signal

    from caviar.service.web import on_ray
    from caviar.service.web.serving import is_loopback
    from caviar.service.web.tokens import find_token

    if dashboard is not None:
        raise StudyError("serve: give directories with --on-ray, not --dashboard")
    _source(directories, None)
    token = find_token(make=is_loopback(host), environment=False)
    with contextlib.suppress(KeyboardInterrupt):
        on_ray.start(directories or [Path("studies")], [host, *names], host, port)
        for ending in (signal.SIGINT, signal.SIGTERM):  # Ray put its own in place
            signal.signal(ending, signal.default_int_handler)
        typer.echo(f"serving at http://{host}:{port} through Ray Serve")
        typer.echo(f"the token to log in with is in {token.place}; Ctrl-C ends this")
        signal.pause()
    on_ray.stop()


def leave() -> None:
    """Ends the process; a report that is being made for nobody is not waited for."""
    sys.stdout.flush()
    os._exit(0)


def _source(directories: list[Path], dashboard: str | None) -> Source:
    """Where the studies are.

    Raises:
        StudyError: neither was given, or both, or it is not there.
    """
    if dashboard is not None and directories:
        raise StudyError("serve: give directories or --dashboard, not both")
    if dashboard is not None:
        from caviar.service.dashboard import Dashboard
        from caviar.service.web.cluster import Cluster

        return Cluster(Dashboard(dashboard))
    from caviar.service.web.folders import Folders

    if not directories and not Path("studies").exists():
        raise StudyError("serve: give study directories, a folder of them, or --dashboard URL")
    return Folders(directories or [Path("studies")])
