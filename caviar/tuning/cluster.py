"""Joining a Ray cluster, or starting one on this machine."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from caviar.errors import StudyError
from caviar.tuning import credentials
from caviar.tuning.placement import Growth, Node

_ANSWER_S = 5.0
_LAUNCHER_FILE = "~/ray_bootstrap_config.yaml"

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
        StudyError: the address is not one to attach to, nothing answers there, or the cluster does
            not take the token, or Ray does not start.
    """
    for name, value in _TUNE_ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    address = address or os.environ.get("RAY_ADDRESS") or None
    if address and address not in {"auto", "local"}:
        credentials.present(address)
    import ray

    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)
    arguments: dict[str, Any] = {"address": address} if address else _local_arguments()
    try:
        context = ray.init(
            logging_level=logging.ERROR, log_to_driver=False, namespace="caviar", **arguments
        )
    except Exception as error:  # Ray raises whatever it likes, often a bare Exception
        where = f"--address {address}" if address else "starting Ray on this machine"
        raise StudyError(f"{where}: {_first_line(error)}") from error
    url = getattr(context, "dashboard_url", None)
    return f"http://{url}" if url else ""


def head_address() -> str:
    """host:port of the joined cluster's GCS, which is its head's."""
    import ray

    return str(ray.get_runtime_context().gcs_address)


def is_joined(address: str | None) -> bool:
    """Whether `connect` joins a cluster that is there, rather than starting one of its own."""
    return (address or os.environ.get("RAY_ADDRESS") or "local") != "local"


def joining(address: str | None) -> str:
    """Says what `connect` is about to do, in a line."""
    if not is_joined(address):
        return "starting Ray on this machine"
    where = address or os.environ["RAY_ADDRESS"]
    return "joining the cluster" + ("" if where == "auto" else f" at {where}")


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
        socket.create_connection((host.strip("[]"), int(port)), timeout=_ANSWER_S).close()
    except OSError as error:
        raise StudyError(
            f"--address {address}: no Ray cluster answers there ({error.strerror or error})"
        ) from error


def nodes() -> list[Node]:
    """The living nodes of the joined cluster."""
    import ray

    return [_node(found) for found in ray.nodes() if found["Alive"]]


def _node(found: Mapping[str, Any]) -> Node:
    return Node(dict(found["Resources"]), dict(found.get("Labels") or {}))


def growth(*, joined: bool) -> Growth:
    """What the cluster may become, as far as it can be known from inside it.

    Args:
        joined: whether it is a cluster that was there before; one of our own never grows.
    """
    if not joined:
        return Growth()
    types = _node_types()
    return Growth(types, by_itself=bool(types) or _is_autoscaled(), at_all=True)


def _node_types() -> list[Node]:
    """The kinds of node that an autoscaler may start: told by it, or by the launcher's file."""
    told = _told_node_types()
    if told:
        return told
    try:
        text = Path(_LAUNCHER_FILE).expanduser().read_text("utf-8")
    except OSError:
        return []
    return _types_of_launcher(text)


def _told_node_types() -> list[Node]:
    """Of an autoscaler that leaves its configuration with the cluster."""
    try:
        from ray._private.state import state

        config = state.get_cluster_config()
        groups = config.node_group_configs if config is not None else ()
        return [Node(dict(each.resources)) for each in groups if each.max_count]
    except (ImportError, AttributeError, RuntimeError):  # Ray's own affair, and it may change
        return []


def _types_of_launcher(text: str) -> list[Node]:
    """Of `ray up`, which leaves its file on the head node."""
    import yaml  # type: ignore[import-untyped, unused-ignore] # with Ray

    try:
        types = yaml.safe_load(text)["available_node_types"]
        return [
            Node(
                {name: float(amount) for name, amount in (each.get("resources") or {}).items()},
                {str(key): str(value) for key, value in (each.get("labels") or {}).items()},
            )
            for each in types.values()
            if each.get("max_workers", 1) and each.get("resources")
        ]
    except (yaml.YAMLError, KeyError, TypeError, ValueError, AttributeError):
        return []


def _is_autoscaled() -> bool:
    """Whether an autoscaler starts nodes that we cannot know, as on Kubernetes."""
    return "--no-monitor" in os.environ.get("KUBERAY_GEN_RAY_START_CMD", "")


def here() -> Any:
    """The scheduling strategy that keeps an actor or task on the driver's own node."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    return NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
