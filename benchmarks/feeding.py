"""Fashion-MNIST resident on the device against streamed to it: speed, memory, and the curves.

    python benchmarks/feeding.py [--data-dir DIR] [--epochs 8] [--repeats 2] [--copies 1]

A process on one core trains one trial of 784-256-128-10, batch 128, with the data in a file mapped
into memory, as slices map Ray's object store. `resident` copies them for the device; `stream` sends
them there a chunk at a time. `--copies` repeats the training images so many times, for data that
are large beside TensorFlow itself. Each measurement is a process of its own, in turns.

Prints epochs a second (of the fastest epoch, dev evaluation included), the most memory the process
ever took, TensorFlow and mapped data included, the data's size, and whether the curves are equal
bit for bit. Targets: streaming reaches 0.5 of the resident rate; memory stays below the data's size
+ 1 GiB.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import tempfile
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from problems import keep, kept, read_fashion_mnist
from processes import answer, conditions, elsewhere, pin

from caviar.data.dataset import Dataset, Part

UNITS, BATCH_SIZE = (256, 128), 128
FEEDS = ("resident", "stream")
RATE, MEMORY_MIB = 0.5, 1024.0
"""Targets: share of the resident rate, and memory beside the data."""


def measure(folder: str, feed: str, epochs: int) -> dict[str, Any]:
    """The fastest epoch in seconds, memory in MiB, and the whole curve."""
    pin()
    import tensorflow as tf

    from caviar.study.records import Claim, Lane, Signature, Trial
    from caviar.train.trainer import Settings, Trainer

    tf.zeros(())  # TensorFlow is awake: what follows is the feed's and the step's
    before = memory_mib("VmRSS")
    trainer = Trainer(kept(Path(folder)), Settings(seed=0, feed=feed))
    units = {f"units_{place + 1}": count for place, count in enumerate(UNITS)}
    trial = Trial(0, (), {"layers": len(UNITS), **units, "learning_rate": 1e-3})
    claim = Claim(0, 1, (Lane(trial),), epochs, Signature(UNITS, BATCH_SIZE, "adam"), 1, 0)
    curve, seconds = [], []
    for progress in trainer.train(claim, width=1):
        for m in progress.measurements:
            curve.append([m.train_loss, m.train_accuracy, m.dev_loss, m.dev_accuracy])
            seconds.append(m.elapsed_s)
    peak = memory_mib("VmHWM")
    return {"epoch_s": min(seconds), "curve": curve, "before_mib": before, "peak_mib": peak}


def memory_mib(kind: str) -> float:
    """This process's resident memory in MiB: `VmRSS` now, or `VmHWM`, the most ever.

    `getrusage` would tell the parent's instead where that was larger when it started this one.
    """
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{kind}:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"/proc/self/status does not tell {kind}")


def repeated(data: Dataset, copies: int) -> Dataset:
    """The data set with its training part so many times over."""
    x, y = np.tile(data.train.x, (copies, 1)), np.tile(data.train.y, copies)
    return dataclasses.replace(data, train=Part(x, y))


def compare(folder: Path, size_mib: float, epochs: int, repeats: int) -> None:
    """Both feeds in turns, and how they compare."""
    found: dict[str, list[dict[str, Any]]] = {feed: [] for feed in FEEDS}
    for _ in range(repeats):
        for feed in FEEDS:
            one = elsewhere(__file__, "measure", folder=str(folder), feed=feed, epochs=epochs)
            found[feed].append(one)
            print(
                f"  {feed:9}{1 / one['epoch_s']:7.2f} epochs/s, {one['before_mib']:5.0f} MiB before"
                f" and {one['peak_mib']:5.0f} MiB at most, dev accuracy {one['curve'][-1][-1]:.4f}",
                flush=True,
            )
    resident, stream = (min(one["epoch_s"] for one in found[feed]) for feed in FEEDS)
    share = resident / stream
    print(f"streaming reaches {share:.2f} of the resident rate {_verdict(RATE, share >= RATE)}")
    for feed in FEEDS:
        beside = max(one["peak_mib"] for one in found[feed]) - size_mib
        verdict = _verdict(f"{MEMORY_MIB:.0f} MiB", beside < MEMORY_MIB)
        print(f"{feed}: {beside:.0f} MiB beside the data {verdict}")
    curves = [one["curve"] for feed in FEEDS for one in found[feed]]
    equal = all(curve == curves[0] for curve in curves)
    print(f"the curves are {'equal bit for bit' if equal else 'NOT EQUAL'}")


def _verdict(target: float | str, reached: bool) -> str:
    return f"(target {target}: {'reached' if reached else 'MISSED'})"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data-dir", type=Path, help="where TFDS has it; default: its own place")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=2, help="processes of each feed")
    parser.add_argument("--copies", type=int, default=1, help="of the training images")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        answer(options.child, {"measure": measure})
        return
    data = repeated(read_fashion_mnist(options.data_dir), options.copies)
    size_mib = sum(part.x.nbytes + part.y.nbytes for part in (data.train, data.dev)) / 2**20
    with tempfile.TemporaryDirectory() as folder:
        keep(data, Path(folder))
        images = f"{len(data.train):,} and {len(data.dev):,} images, {size_mib:.0f} MiB"
        del data
        print(f"{images}, {options.epochs} epochs, {conditions()}")
        compare(Path(folder), size_mib, options.epochs, options.repeats)


if __name__ == "__main__":
    main()
