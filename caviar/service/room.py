"""Whether a cluster holds a study at all, before it is submitted: by what its dashboard tells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from caviar.errors import StudyError
from caviar.service.dashboard import Dashboard
from caviar.study.spec import StudySpec
from caviar.tuning.placement import Need, Node, plan_slices

MOST_NODES: Final = 10_000
"""Nodes to ask for, as many as Ray tells; it remembers a thousand that are gone."""


def living_nodes(dashboard: Dashboard) -> dict[str, Node] | None:
    """The nodes that are there, by their ids; None if that is told in another way.

    Raises:
        StudyError: no Ray dashboard answers.
    """
    told = dashboard.get("/api/v0/nodes", detail=1, limit=MOST_NODES)
    try:
        return {
            one["node_id"]: Node(dict(one["resources_total"] or {}), dict(one.get("labels") or {}))
            for one in told["data"]["result"]["result"]
            if one["state"] == "ALIVE"
        }
    except (KeyError, TypeError, ValueError):
        return None


def check_room(dashboard: Dashboard, spec: StudySpec) -> str:
    """Refuses a study none of whose slices has a place on any node, as its driver would.

    Returns:
        What the person should know where nodes may come that we cannot see, or "".

    Raises:
        StudyError: no node holds a slice, and no autoscaler starts others.
    """
    nodes = living_nodes(dashboard)
    if not nodes:
        return ""
    resources = spec.resources
    key = "slices_per_gpu" if resources.slices_per_gpu else "gpus_per_slice"
    need = Need(resources.cpus_per_slice, resources.gpus, resources.accelerator, key)
    try:
        plan_slices(list(nodes.values()), need, "auto", 1)
    except StudyError as error:
        if _stays(dashboard):
            raise
        return f"note: {error}; it waits for such a node to come"
    return ""


def _stays(dashboard: Dashboard) -> bool:
    """Whether it is known that no autoscaler is at work.

    Ray's monitor, where it only watches, gives each node a type of its own, named after it.
    """
    try:
        told: Any = dashboard.get("/api/cluster_status")
        types = told["data"]["clusterStatus"]["autoscalerReport"]["nodeTypeMapping"]
    except (StudyError, KeyError, TypeError):
        return False
    own = isinstance(types, Mapping) and types
    return bool(own) and all(kind == f"node_{node}" for node, kind in types.items())
