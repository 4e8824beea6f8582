"""How many slices a cluster holds, from what its nodes have. No Ray: plain numbers.

What is planned may be more than what has a place now: slices that have none wait for nodes to come.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from caviar.errors import StudyError
from caviar.study.wording import nearest, show

SLICE_MIB: Final = 1_200
"""Memory a slice's process is expected to take, in MiB: TensorFlow, a step or two and the data."""
KIND_RESOURCE: Final = "accelerator_type:"
"""With this prefix Ray names the kind of a node's GPUs among its resources, one of each a node."""
KIND_LABEL: Final = "ray.io/accelerator-type"
"""The same among its labels."""
KIND_SHARE: Final = 0.001
"""What a slice takes of that resource: enough to be placed there, as Ray itself does it."""

_ROOM: Final = "the cluster has room for"
_NODE_HOLDS: Final = 1000  # slices, by KIND_SHARE


@dataclass(frozen=True)
class Node:
    """A machine of the cluster, or a kind of machine that its autoscaler may start.

    Attributes:
        resources: in all, as Ray names them: `CPU`, `GPU`, `memory` (bytes), `accelerator_type:X`.
        labels: as Ray names them.
    """

    resources: Mapping[str, float]
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def cpus(self) -> float:
        """CPUs in all."""
        return self.resources.get("CPU", 0.0)

    @property
    def gpus(self) -> float:
        """GPUs in all."""
        return self.resources.get("GPU", 0.0)

    @property
    def kinds(self) -> frozenset[str]:
        """What its GPUs are called."""
        named = {key.removeprefix(KIND_RESOURCE) for key in self.resources if _is_kind(key)}
        label = self.labels.get(KIND_LABEL)
        return frozenset(named | {label} if label else named)


@dataclass(frozen=True)
class Need:
    """What a study says of a slice.

    Attributes:
        cpus: `resources.cpus_per_slice`.
        gpus: of a slice, a share or a whole number.
        accelerator: `resources.accelerator`, or "".
        gpu_key: by which key of `[resources]` the GPUs were asked for.
    """

    cpus: float
    gpus: float = 0.0
    accelerator: str = ""
    gpu_key: str = "gpus_per_slice"


@dataclass(frozen=True)
class Growth:
    """What the cluster may become.

    Attributes:
        to_come: the kinds of node that it may start, where they are known.
        by_itself: whether an autoscaler is at work, which acts on slices that have no place.
        at_all: whether nodes may join, if only by hand: it is no cluster of this process alone.
    """

    to_come: Sequence[Node] = ()
    by_itself: bool = False
    at_all: bool = False


@dataclass(frozen=True)
class Plan:
    """The slices of a study.

    Attributes:
        count: how many, >= 1.
        now: how many of them have a place on the nodes that are there.
        cpus: CPUs Ray reserves for each.
        gpus: GPUs Ray reserves for each.
        why: what bounded the count, in a few words.
        extra: further resources of each.
        labels: that its node must have.
    """

    count: int
    now: int
    cpus: float
    gpus: float
    why: str
    extra: Mapping[str, float] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)

    def told(self, accelerator: str = "") -> str:
        """The plan in one line."""
        gpus = f" and {self.gpus:g} {accelerator or 'GPU'}{'s' * (self.gpus > 1)}"
        waiting = f"; {self.count - self.now} of them wait for a node" if self.waits else ""
        return (
            f"{self.count} slice{'s' * (self.count != 1)} of {self.cpus:g} "
            f"CPU{'s' * (self.cpus != 1)}{gpus if self.gpus else ''} (as many as {self.why})"
            + waiting
        )

    @property
    def waits(self) -> bool:
        """Whether slices are planned that have no place yet."""
        return self.now < self.count


def plan_slices(
    nodes: Sequence[Node],
    need: Need,
    most: int | Literal["auto"],
    useful: int,
    growth: Growth | None = None,
) -> Plan:
    """Plans as many slices as the nodes hold, or as a person asked for where more may join.

    Where slices have a share of a GPU, the cards are what is scarce: a node with too few CPUs
    for them gives each slice its share of the CPUs rather than leaving cards idle.

    Args:
        nodes: those that are there.
        need: what a slice is.
        most: `resources.max_slices`.
        useful: slices that there is work for; bounds "auto".
        growth: what the cluster may become; by default nothing else.

    Raises:
        StudyError: no node holds one slice, nor would one that may come; no node has such GPUs.
    """
    growth = growth or Growth()
    extra, labels = _placed_by(need.accelerator, nodes, growth)
    here = [node for node in nodes if _matches(node, extra, labels)]
    come = [node for node in growth.to_come if _matches(node, extra, labels)]
    cpus = min([need.cpus, *_cpu_shares([*here, *come], need.gpus)]) if need.gpus else need.cpus
    by_memory = most == "auto"
    room = sum(_slices_of(node, cpus, need.gpus, by_memory=by_memory) for node in here)
    each = max((_slices_of(node, cpus, need.gpus, by_memory=by_memory) for node in come), default=0)
    blind = growth.by_itself and not growth.to_come
    if not (room or each or blind):
        raise StudyError(_too_small([*here, *come], cpus, need, growth))
    if most == "auto":
        # Nothing of its own accord beyond what is there, but for a first node.
        first = room or each or 1
        count, why = min(first, useful), "there is work for" if useful < first else _ROOM
        if not room:
            why = "its first node will hold" if count == first else why
    elif growth.at_all or growth.by_itself or most <= room:
        count, why = most, "max_slices says"
    else:
        count, why = room, _ROOM
    return Plan(count, min(room, count), cpus, need.gpus, why, extra, labels)


def _is_kind(resource: str) -> bool:
    return resource.startswith(KIND_RESOURCE)


def _placed_by(
    kind: str, nodes: Sequence[Node], growth: Growth
) -> tuple[dict[str, float], dict[str, str]]:
    """The resource, or the label, by which Ray finds the nodes with such GPUs.

    Ray gives nodes both when it recognises their cards; a person may have given either.
    """
    if not kind:
        return {}, {}
    known = [node for node in (*nodes, *growth.to_come) if node.gpus]
    having = [node for node in known if kind in node.kinds]
    if not having and not (growth.by_itself and not growth.to_come):
        raise StudyError(f"resources.accelerator: {_unknown(kind, known)}")
    by_resource = [node for node in having if KIND_RESOURCE + kind in node.resources]
    if having and len(by_resource) < len(having):
        by_label = [node for node in having if node.labels.get(KIND_LABEL) == kind]
        if len(by_label) >= len(by_resource):
            return {}, {KIND_LABEL: kind}
    return {KIND_RESOURCE + kind: KIND_SHARE}, {}


def _unknown(kind: str, nodes: Sequence[Node]) -> str:
    kinds = sorted(frozenset().union(*(node.kinds for node in nodes)))
    if not kinds:
        has = "has no GPUs" if not nodes else "names no kind of its GPUs (ray start --labels)"
        return f"the cluster {has}, got {show(kind)}"
    alike = [known for known in kinds if known.lower() == kind.lower()]
    advice = nearest(alike[0] if alike else kind, kinds)
    hint = f", {advice}" if advice.startswith("did you mean") else ""
    return f"the cluster has {', '.join(kinds)}, got {show(kind)}{hint}"


def _matches(node: Node, extra: Mapping[str, float], labels: Mapping[str, str]) -> bool:
    has = all(node.resources.get(name, 0.0) >= amount for name, amount in extra.items())
    return has and all(node.labels.get(name) == value for name, value in labels.items())


def _cards_of(node: Node, gpus: float) -> int:
    """Slices that a node's cards hold: fractions share a card, whole numbers take several."""
    if gpus < 1:
        return int(node.gpus) * int(1 / gpus + 1e-9)
    return int(node.gpus // gpus)


def _cpu_shares(nodes: Sequence[Node], gpus: float) -> list[float]:
    shares = []
    for node in nodes:
        slices = _cards_of(node, gpus)
        if slices:
            share = node.cpus / slices
            # Ray counts in ten-thousandths; whole cores where there are enough.
            shares.append(float(int(share)) if share >= 1 else int(share * 1e4) / 1e4)
    return [share for share in shares if share > 0]


def _slices_of(node: Node, cpus: float, gpus: float, *, by_memory: bool) -> int:
    bounds = [int(node.cpus / cpus + 1e-9)]
    if gpus:
        bounds += [_cards_of(node, gpus), _NODE_HOLDS]
    if by_memory and "memory" in node.resources:
        bounds.append(max(1, int(node.resources["memory"] / 2**20 / SLICE_MIB)))
    return min(bounds)


def _too_small(nodes: Sequence[Node], cpus: float, need: Need, growth: Growth) -> str:
    of_kind = f" with {need.accelerator}" if need.accelerator else ""
    largest = f"the largest node{of_kind}" + (" that is or may come" if growth.to_come else "")
    best_gpus = max((node.gpus for node in nodes), default=0.0)
    if need.gpus and best_gpus < need.gpus:
        return (
            f"resources.{need.gpu_key}: a slice needs {need.gpus:g} GPUs on one node, "
            f"and {largest} has {best_gpus:g}"
        )
    fitting = [node for node in nodes if node.gpus >= need.gpus]
    best_cpus = max((node.cpus for node in fitting), default=0.0)
    return (
        f"resources.cpus_per_slice: a slice needs {cpus:g} CPUs on one node, "
        f"and {largest} has {best_cpus:g}"
    )
