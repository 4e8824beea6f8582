"""The same application as a Ray Serve deployment: one replica on this node, behind Serve's proxy.

Ray starts it again when it dies, and shows it on the dashboard's Serve page. It reads study
directories, so it stays on the node where they are; its token it reads there from the service's own
file, so that none travels through Ray.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from caviar.errors import StudyError

NAME: Final = "caviar"
"""Of the application on the Serve page."""
CALLS: Final = 256
"""At a time, streams among them."""


def start(places: Sequence[Path], hosts: Sequence[str], host: str, port: int) -> None:
    """Deploys the service to the Ray cluster that this node belongs to, and returns.

    Args:
        places: study directories of this node, or folders of them.
        hosts: names it may be called by.
        host: the address that Serve's proxy listens at.
        port: its port.

    Raises:
        StudyError: Ray Serve is not installed, or there is no cluster.
    """
    try:
        import ray
        from ray import serve
    except ImportError as error:
        told = f'--on-ray: needs Ray Serve (no {error.name}): pip install "caviar[serve]"'
        raise StudyError(told) from None
    try:
        ray.init("auto", namespace=NAME, log_to_driver=False, logging_level="ERROR")
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise StudyError(f"--on-ray: no Ray cluster here ({str(error)[:100]})") from None
    serve.start(http_options={"host": host, "port": port})
    here = {f"node:{ray.util.get_node_ip_address()}": 0.001}
    options = {"num_cpus": 0, "resources": here}
    service = _deployment(serve, [str(place.absolute()) for place in places], list(hosts))
    serve.run(service.options(ray_actor_options=options).bind(), name=NAME, route_prefix="/")


def stop() -> None:
    """Takes the service away; Serve itself stays for others."""
    from ray import serve

    serve.delete(NAME)


def _deployment(serve: Any, places: list[str], hosts: list[str]) -> Any:
    """What Serve makes a replica of; only names travel, the application is made there."""

    def build() -> Any:
        from caviar.service.web.app import create_app
        from caviar.service.web.folders import Folders
        from caviar.service.web.tokens import find_token

        token = find_token(make=False, environment=False)
        return create_app(Folders([Path(place) for place in places]), token, hosts)

    made = serve.deployment(name="studies", num_replicas=1, max_ongoing_requests=CALLS)
    return made(serve.ingress(build)())
