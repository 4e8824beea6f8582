"""How many slices a cluster holds, from what its nodes have. No Ray: plain numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from caviar.errors import StudyError

SLICE_MIB = 1_200
"""Memory a slice's process is expected to take, in MiB: TensorFlow, a step or two and the data."""

_ROOM: Final = "the cluster has room for"


@dataclass(frozen=True)
class Plan:
    """The slices of a study.

    Attributes:
        count: how many, >= 1.
        cpus: CPUs Ray reserves for each.
        gpus: GPUs Ray reserves for each.
        why: what bounded the count, in a few words.
    """

    count: int
    cpus: float
    gpus: float
    why: str


def plan_slices(
    nodes: Sequence[Mapping[str, float]],
    cpus: float,
    gpus: float,
    most: int | None,
    useful: int,
) -> Plan:
    """Plans as many slices as the nodes hold, at most `most`.

    Where slices have a share of a GPU, the cards are what is scarce: a node with too few CPUs
    for them gives each slice its share of the CPUs rather than leaving cards idle.

    Args:
        nodes: each node's resources as Ray names them: `CPU`, `GPU`, `memory` (bytes).
        cpus: `resources.cpus_per_slice`.
        gpus: `resources.gpus_per_slice`.
        most: `resources.max_slices`, or None for auto.
        useful: slices that there is work for.

    Raises:
        StudyError: no node holds one slice.
    """
    if gpus:
        cpus = min([cpus, *_cpu_shares(nodes, gpus)])
    room = sum(_slices_of(node, cpus, gpus, by_memory=most is None) for node in nodes)
    if room == 0:
        raise StudyError(_too_small(nodes, cpus, gpus))
    if most is not None:
        count, why = min(room, most), "max_slices says" if most <= room else _ROOM
    else:
        count, why = min(room, useful), "there is work for" if useful < room else _ROOM
    return Plan(count, cpus, gpus, why)


def _cards_of(node: Mapping[str, float], gpus: float) -> int:
    """Slices that a node's cards hold: fractions share a card, whole numbers take several."""
    cards = node.get("GPU", 0.0)
    if gpus < 1:
        return int(cards) * int(1 / gpus + 1e-9)
    return int(cards // gpus)


def _cpu_shares(nodes: Sequence[Mapping[str, float]], gpus: float) -> list[float]:
    shares = []
    for node in nodes:
        slices = _cards_of(node, gpus)
        if slices:
            share = node.get("CPU", 0.0) / slices
            # Ray counts in ten-thousandths; whole cores where there are enough.
            shares.append(float(int(share)) if share >= 1 else int(share * 1e4) / 1e4)
    return [share for share in shares if share > 0]


def _slices_of(node: Mapping[str, float], cpus: float, gpus: float, *, by_memory: bool) -> int:
    bounds = [int(node.get("CPU", 0.0) / cpus + 1e-9)]
    if gpus:
        bounds.append(_cards_of(node, gpus))
    if by_memory and "memory" in node:
        bounds.append(max(1, int(node["memory"] / 2**20 / SLICE_MIB)))
    return min(bounds)


def _too_small(nodes: Sequence[Mapping[str, float]], cpus: float, gpus: float) -> str:
    best_cpus = max((node.get("CPU", 0.0) for node in nodes), default=0.0)
    best_gpus = max((node.get("GPU", 0.0) for node in nodes), default=0.0)
    if gpus and best_gpus < gpus:
        return (
            f"resources.gpus_per_slice: a slice needs {gpus:g} GPUs on one node, "
            f"and the largest node has {best_gpus:g}"
        )
    return (
        f"resources.cpus_per_slice: a slice needs {cpus:g} CPUs on one node, "
        f"and the largest node has {best_cpus:g}"
    )
