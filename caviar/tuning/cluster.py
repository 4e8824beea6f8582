"""Joining a Ray cluster, or starting one on this machine."""

from __future__ import annotations

import logging
import os
import socket
from typing import Any

from caviar.errors import StudyError

_ANSWER_S = 5.0

_TUNE_ENVIRONMENT = {
    # Read when ray.tune is imported: no result files, no snapshots, no signal handler of its own.
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_GLOBAL_CHECKPOINT_S": "1000000",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
    "TUNE_WARN_INSUFFICENT_RESOURCE_THRESHOLD_S": "1000000",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
    # A warning about a default that is to change; caviar's slices without GPUs hide them.
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}


def connect(address: str | None) -> str:
    """Joins the cluster at `address`, that of a surrounding Ray job, or starts a local one.

    Args:
        address: `host:port` of a cluster's GCS, `auto`, or None.

    Returns:
        The dashboard's URL, or "" if there is none.

    Raises:
        StudyError: the address is not one to attach to, or nothing answers there.
    """
    for name, value in _TUNE_ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    address = address or os.environ.get("RAY_ADDRESS") or None
    import ray

    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)
    arguments: dict[str, Any] = {"address": address} if address else _local_arguments()
    try:
        context = ray.init(
            logging_level=logging.ERROR, log_to_driver=False, namespace="caviar", **arguments
        )
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        where = f"--address {address}" if address else "starting Ray on this machine"
        raise StudyError(f"{where}: {_first_line(error)}") from error
    url = getattr(context, "dashboard_url", None)
    return f"http://{url}" if url else ""


def _local_arguments() -> dict[str, Any]:
    return {
        "address": "local",
        "include_dashboard": True,
        "dashboard_host": "127.0.0.1",
        "_node_ip_address": "127.0.0.1",
    }


def check_address(address: str | None) -> None:
    """Says at once that nobody is there; Ray itself would try for a minute.

    Args:
        address: as for `connect`.

    Raises:
        StudyError: the address is not one to attach to, or nothing answers there.
    """
    address = address or os.environ.get("RAY_ADDRESS") or "local"
    if address in {"auto", "local"}:
        return
    if "://" in address:
        raise StudyError(
            f"--address {address}: caviar attaches to host:port of a cluster's head from a node "
            "of it; from outside submit it as a Ray job"
        )
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        raise StudyError(f"--address {address}: must be host:port or auto")
    try:
        socket.create_connection((host, int(port)), timeout=_ANSWER_S).close()
    except OSError as error:
        raise StudyError(
            f"--address {address}: no Ray cluster answers there ({error.strerror or error})"
        ) from error


def node_resources() -> list[dict[str, float]]:
    """What each living node of the joined cluster has in all, as Ray names it."""
    import ray

    return [dict(node["Resources"]) for node in ray.nodes() if node["Alive"]]


def here() -> Any:
    """The scheduling strategy that keeps an actor or task on the driver's own node."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    return NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
