"""`python raylets.py CPUS ...`: a Ray cluster of several raylets on this machine, a head first.

Takes lines: `add CPUS`, `kill NODE_ID`, `drain NODE_ID`, `kill head` (but its raylet); answers each
with a line. Ends when its input does.
"""

import os
import sys
import tempfile
import time
from pathlib import Path

from ray._raylet import GcsClient
from ray.cluster_utils import Cluster
from ray.core.generated import autoscaler_pb2

IN_MS = 60_000


def started(cluster: Cluster, cpus: str, **more: object) -> str:
    node = cluster.add_node(num_cpus=int(cpus), **more)
    return str(node.node_id)


def drain(cluster: Cluster, node: str) -> str:
    """As a cloud's notice that a spot machine is taken back in a minute."""
    reason = autoscaler_pb2.DrainNodeReason.Value("DRAIN_NODE_REASON_PREEMPTION")
    end = time.time_ns() // 10**6 + IN_MS
    accepted, why = GcsClient(address=cluster.address).drain_node(node, reason, "a test", end)
    return "draining" if accepted else why


def main() -> None:
    # Where Ray keeps what it has, and notes the address for everybody.
    folder = os.environ["RAY_TMPDIR"] = tempfile.mkdtemp(prefix="caviar-raylets-", dir="/tmp")
    (Path(folder) / "ray").mkdir()
    cluster = Cluster()
    first, *others = sys.argv[1:]
    ids = [started(cluster, first, include_dashboard=False)]
    ids += [started(cluster, cpus) for cpus in others]
    print(cluster.address, *ids, folder, flush=True)
    for line in sys.stdin:
        word, argument = line.split()
        if word == "add":
            print(started(cluster, argument), flush=True)
        elif word == "drain":
            print(drain(cluster, argument), flush=True)
        elif argument == "head":
            cluster.head_node.kill_gcs_server()
            print("killed", flush=True)
        else:
            (node,) = [node for node in cluster.worker_nodes if node.node_id == argument]
            cluster.remove_node(node, allow_graceful=False)
            print("killed", flush=True)
    cluster.shutdown()


if __name__ == "__main__":
    main()
