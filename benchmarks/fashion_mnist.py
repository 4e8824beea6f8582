"""Fashion-MNIST: two one-core processes of caviar's trainer against two Keras 3 `fit` processes.

    python benchmarks/fashion_mnist.py [--data-dir DIR] [--trials 4] [--epochs 3] [--repeats 2]

The network is 784-256-128-10 with batch norm and Adam, the minibatch 128, the data 48,000 training
and 12,000 dev images, evaluated after every epoch. Every side trains the same trials (learning
rates and beta_1) for as many epochs, in two processes of `--trials` trials each that start at the
same moment:

- caviar: a process pinned to a core, one thread, lane after lane, as a slice does; the images as
  bytes, standardised in the step;
- Keras as people write it: `fit` on standardised arrays with its defaults;
- Keras at its best: the fastest of a sweep over XLA, steps per execution and tf.data pipelines.

Keras's processes are pinned likewise, and once more unpinned with threads as TensorFlow likes; the
better counts. Keras gets a new model for every trial, as a tuner makes one, so that each compiles;
caviar compiles once a process: both are counted, from a start without any cache of compiled code.
Importing TensorFlow and reading the data are counted on no side. Sides take turns; the first turn
runs the whole sweep, later ones its fastest. The fastest run of a side counts.

Targets: 1.3 times the trial-epochs a second of Keras at its best, 3 times as written.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from problems import keep, kept, read_fashion_mnist
from processes import answer, conditions, pin, side_by_side, wait_for_start

UNITS, BATCH_SIZE, PROCESSES = (256, 128), 128, 2
TARGETS = {"best": 1.3, "as written": 3.0}

Side = tuple[str, str, bool]
"""`caviar` or `keras`, the setting as Python's own text, and whether it is pinned."""


def values(process: int, trials: int) -> list[dict[str, float]]:
    """The hyperparameters of a process's trials: the same whichever side trains them."""
    rng = np.random.default_rng(process)
    rates, rests = 10 ** rng.uniform(-3.5, -2, trials), 10 ** rng.uniform(-2, -0.7, trials)
    pairs = zip(rates.tolist(), rests.tolist(), strict=True)
    return [{"learning_rate": rate, "beta_1": 1 - rest} for rate, rest in pairs]


def caviar(folder: str, process: int, trials: int, epochs: int) -> dict[str, Any]:
    """Seconds and dev accuracies of a process of caviar's."""
    pin(process)
    from caviar.study.records import Claim, Lane, Signature, Trial
    from caviar.train.trainer import Settings, Trainer

    data = kept(Path(folder))
    units = {f"units_{place + 1}": count for place, count in enumerate(UNITS)}
    common = {"layers": len(UNITS), **units, "epsilon": 1e-7}
    lanes = tuple(
        Lane(Trial(process * trials + place, (), {**common, **own}))
        for place, own in enumerate(values(process, trials))
    )
    signature = Signature(UNITS, BATCH_SIZE, "adam")
    claim, accuracies = Claim(0, 1, lanes, epochs, signature, 1, 0), []
    wait_for_start()
    start = time.perf_counter()
    for progress in Trainer(data, Settings(seed=0)).train(claim, width=1):
        accuracies += [m.dev_accuracy for m in progress.measurements if m.epoch == epochs]
    return {"seconds": time.perf_counter() - start, "accuracies": accuracies}


def keras(
    folder: str, process: int, trials: int, epochs: int, setting: dict[str, Any], pinned: bool
) -> dict[str, Any]:
    """Seconds and dev accuracies of a process of Keras's."""
    if pinned:
        pin(process)
    import tensorflow as tf
    from keras_networks import Setting, fed, network

    data, asked = kept(Path(folder)), Setting(**setting)
    train, dev = ((data.standardised(part), np.array(part.y)) for part in (data.train, data.dev))
    sizes, accuracies = (data.features, *UNITS, data.classes), []
    wait_for_start()
    start = time.perf_counter()
    source = fed(train, dev, BATCH_SIZE, asked)
    for own in values(process, trials):
        tf.keras.backend.clear_session()
        model = network(sizes, asked, **own)
        history = model.fit(**source, epochs=epochs, verbose=0).history
        accuracies.append(history["val_accuracy"][-1])
    return {"seconds": time.perf_counter() - start, "accuracies": accuracies}


def sweep(steps: int) -> tuple[Any, list[Any]]:
    """Keras as written, and the settings among which its best is."""
    from keras_networks import Setting, settings

    written, cached = settings(steps)
    gathered = [Setting(jit, steps, "gathered") for jit in (True, False)]
    return written, [*cached, *gathered, Setting(False, 16, "gathered")]


class Run:
    """The turns of all sides."""

    def __init__(self, folder: Path, trials: int, epochs: int) -> None:
        """Takes where the data are, trials a process and epochs a trial."""
        self.paces: dict[Any, float] = {}
        """Trial-epochs a second by side: the fastest of its turns."""
        self._common = {"folder": str(folder), "trials": trials, "epochs": epochs}

    def caviar(self) -> None:
        """A turn of caviar's."""
        self._turn("caviar", "caviar", [{"process": place} for place in range(PROCESSES)])

    def keras(self, setting: Any, pinned: bool) -> None:
        """A turn of Keras's."""
        own = {"setting": vars(setting), "pinned": pinned}
        each = [{"process": place, **own} for place in range(PROCESSES)]
        self._turn((setting, pinned), "keras", each)

    def fastest(self, settings: Iterable[Any]) -> tuple[Any, bool]:
        """Keras's fastest side among some settings."""
        sides = [(setting, pinned) for setting in settings for pinned in (True, False)]
        return max(sides, key=lambda side: self.paces[side])

    def _turn(self, side: Any, call: str, each: list[dict[str, Any]]) -> None:
        found = side_by_side(__file__, call, [self._common | own for own in each])
        seconds = max(one["seconds"] for one in found)
        accuracies = [accuracy for one in found for accuracy in one["accuracies"]]
        pace = len(accuracies) * self._common["epochs"] / seconds
        self.paces[side] = max(pace, self.paces.get(side, 0.0))
        print(
            f"  {named(side):62}{seconds:7.1f} s{pace:7.2f} /s   dev accuracy: "
            f"mean {np.mean(accuracies):.4f}, best {max(accuracies):.4f}",
            flush=True,
        )


def named(side: Any) -> str:
    """A side as it is printed."""
    if side == "caviar":
        return "caviar"
    setting, pinned = side
    return f"Keras, {setting}, {'pinned' if pinned else 'unpinned'}"


def compare(run: Run, steps: int, repeats: int) -> None:
    """All sides in turns, then the ratios."""
    written, best = sweep(steps)
    for turn in range(repeats):
        run.caviar()
        sides = [(setting, pinned) for setting in (written, *best) for pinned in (True, False)]
        if turn:
            sides = [run.fastest([written]), run.fastest(best)]
        for side in sides:
            run.keras(*side)
    for name, settings in (("as written", [written]), ("best", best)):
        side = run.fastest(settings)
        ratio, target = run.paces["caviar"] / run.paces[side], TARGETS[name]
        verdict = "reached" if ratio >= target else "MISSED"
        print(f"caviar trains {ratio:.2f} times the trial-epochs a second of {named(side)}")
        print(f"  Keras {name}: target {target}, {verdict}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data-dir", type=Path, help="where TFDS has it; default: its own place")
    parser.add_argument("--trials", type=int, default=4, help="of each of the two processes")
    parser.add_argument("--epochs", type=int, default=3, help="of each trial")
    parser.add_argument("--repeats", type=int, default=2, help="turns")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        answer(options.child, {"caviar": caviar, "keras": keras})
        return
    data = read_fashion_mnist(options.data_dir)
    with tempfile.TemporaryDirectory() as folder:
        keep(data, Path(folder))
        trials = f"2 x {options.trials} trials of {options.epochs} epochs"
        print(f"{len(data.train):,} and {len(data.dev):,} images, {trials}, {conditions()}")
        run = Run(Path(folder), options.trials, options.epochs)
        compare(run, len(data.train) // BATCH_SIZE, options.repeats)


if __name__ == "__main__":
    sys.exit(main())
