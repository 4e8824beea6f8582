"""Tabulates learning curves: a study's Sobol configurations, trained to the end by caviar.

    python benchmarks/tabulate.py benchmarks/tables/digits.toml [--out FILE] [--trials N]
                                  [--epochs N] [--examples N] [--data-dir DIR] [--shown N]

The study file gives the data, the space, `trials` configurations and `max_epochs`; nothing is
stopped early. The table goes beside it, as an .npz of

- `hyperparameters` [n, d] the searched values; a choice that is no number by its place, from 0;
- `names`, `scales`, `low`, `high` [d]: of the columns; scales "linear", "log" or "one_minus";
- `train`, `valid`, `valid_accuracy` [n, epochs]: training loss, dev loss and dev accuracy after
  each epoch; NaN from the epoch on in which the trial diverged.

That is the form in which `replay.py` reads curves. One core, no Ray; the curves are a function of
the study file alone, on one kind of hardware.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from numpy.typing import NDArray

from caviar.space.domain import Choice, Domain, Value
from caviar.study.records import Claim, Lane, Measurement, Signature, Trial
from caviar.study.signature import signature_of
from caviar.study.spec import StudySpec

if TYPE_CHECKING:
    from caviar.data.dataset import Dataset
    from caviar.train.trainer import Trainer

METRICS = {"train": "train_loss", "valid": "dev_loss", "valid_accuracy": "dev_accuracy"}
"""Arrays of a table, and the measurements they hold."""

Column = tuple[str, float, float]
"""Scale, low and high of a hyperparameter in a table."""


def column(domain: Domain) -> Column:
    """How a domain stands in a table: choices that are numbers keep their values."""
    if not isinstance(domain, Choice):
        low, high = domain.bounds
        return domain.scale_name, float(low), float(high)
    values = [number(domain, value) for value in domain.choices]
    steps = {round(b / a, 9) for a, b in pairwise(values)} if min(values) > 0 else set()
    return ("log" if len(steps) == 1 else "linear"), min(values), max(values)


def number(domain: Domain, value: Value) -> float:
    """A hyperparameter's value as a number: itself, or its place among choices of words."""
    if isinstance(domain, Choice) and any(isinstance(one, str | bool) for one in domain.choices):
        return float(domain.choices.index(value))
    return float(value)


def trials_of(spec: StudySpec) -> list[Trial]:
    """The study's Sobol configurations."""
    from scipy.stats import qmc

    count = spec.search.trials
    sobol = qmc.Sobol(spec.space.dimensions, rng=np.random.default_rng(spec.seed))
    points = sobol.random_base2((count - 1).bit_length())[:count].tolist()
    return [Trial(i, tuple(p), spec.space.decode(p)) for i, p in enumerate(points)]


def hyperparameters_of(spec: StudySpec, trials: Sequence[Trial]) -> NDArray[np.float64]:
    """The searched values `[n, d]`.

    Raises:
        SystemExit: a hyperparameter is under a condition, for which a table has no room.
    """
    if set(spec.space.conditions) & set(spec.space.domains):
        raise SystemExit("a table holds no conditional hyperparameters")
    columns = spec.space.domains.items()
    rows = [[number(d, t.hyperparameters[name]) for name, d in columns] for t in trials]
    return np.array(rows)


def measurements(
    trainer: Trainer, spec: StudySpec, trials: Sequence[Trial]
) -> Iterator[Measurement]:
    """Trains all trials to the end, signature after signature."""
    groups: dict[Signature, list[Trial]] = {}
    for trial in trials:
        groups.setdefault(signature_of(spec, trial.hyperparameters), []).append(trial)
    epochs = spec.search.max_epochs
    for signature, members in groups.items():
        width, _ = trainer.choose_width(signature, len(members) * epochs)
        lanes = tuple(map(Lane, members))
        claim = Claim(0, 1, lanes, epochs, signature, width, len(members) * epochs)
        for progress in trainer.train(claim, width):
            yield from progress.measurements


def curves(
    found: Iterator[Measurement], spec: StudySpec, shown: int
) -> dict[str, NDArray[np.float32]]:
    """The curves `[n, epochs]` by name; a line is printed every `shown` trials."""
    size = (spec.search.trials, spec.search.max_epochs)
    table = {name: np.full(size, np.nan, np.float32) for name in METRICS}
    ended, start = 0, time.perf_counter()
    for measurement in found:
        if not measurement.diverged:
            place = measurement.trial, measurement.epoch - 1
            for name, metric in METRICS.items():
                table[name][place] = getattr(measurement, metric)
        if measurement.diverged or measurement.epoch == spec.search.max_epochs:
            ended += 1
            if ended % shown == 0:
                print(f"{ended:6} trials, {time.perf_counter() - start:7.1f} s", flush=True)
    return table


def tabulate(spec: StudySpec, data: Dataset, shown: int = 50) -> dict[str, NDArray[Any]]:
    """All arrays of a study's table."""
    import tensorflow as tf

    from caviar.train.trainer import Settings, Trainer

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    settings = Settings(
        seed=spec.seed,
        diverged_above=spec.training.diverged_above,
        schedule_per=spec.training.schedule_per,
    )
    trials, domains = trials_of(spec), spec.space.domains
    scales, low, high = zip(*map(column, domains.values()), strict=True)
    return {
        "hyperparameters": hyperparameters_of(spec, trials),
        "names": np.array(list(domains)),
        "scales": np.array(scales),
        "low": np.array(low),
        "high": np.array(high),
        **curves(measurements(Trainer(data, settings), spec, trials), spec, shown),
    }


def read_data(spec: StudySpec, data_dir: Path | None, examples: int | None) -> Dataset:
    """The study's data set without its test part, cut to so many examples and half as many dev."""
    from caviar.data.dataset import Part
    from caviar.data.load import load_dataset
    from caviar.tuning.preparation import request_of

    request = request_of(spec)
    if data_dir is not None:
        request = replace(request, data_dir=data_dir)
    data = load_dataset(request, spec.seed).without_test()
    if examples is None:
        return data
    half = examples // 2
    train, dev = (Part(p.x[:n], p.y[:n]) for p, n in ((data.train, examples), (data.dev, half)))
    return replace(data, train=train, dev=dev)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("study", type=Path, help="a study file")
    parser.add_argument("--out", type=Path, help="by default the study file's name with .npz")
    parser.add_argument("--trials", type=int, help="in place of the study file's")
    parser.add_argument("--epochs", type=int, help="in place of the study file's max_epochs")
    parser.add_argument("--examples", type=int, help="train on the first so many")
    parser.add_argument("--data-dir", type=Path, help="where TFDS has the data, if not its own")
    parser.add_argument("--shown", type=int, default=50, help="trials between lines")
    options = parser.parse_args()
    spec = StudySpec.load(options.study)
    spec = spec.override(trials=options.trials, max_epochs=options.epochs)
    table = tabulate(spec, read_data(spec, options.data_dir, options.examples), options.shown)
    path = options.out or options.study.with_suffix(".npz")
    np.savez_compressed(path, **table)  # type: ignore[arg-type]
    valid = table["valid"]
    diverged = int(np.isnan(valid[:, -1]).sum())
    print(f"{path}: {len(valid)} configurations x {valid.shape[1]} epochs, {diverged} diverged,")
    print(f"  dev loss {np.nanmin(valid):.4f}, accuracy {np.nanmax(table['valid_accuracy']):.4f}")


if __name__ == "__main__":
    main()
