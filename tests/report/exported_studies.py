"""Studies to export: made without training, with trials that came to every kind of end."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from caviar.study.journal import Journal
from caviar.study.records import Assignment, Measurement, Signature, Trial
from caviar.study.spec import StudySpec

ANY = Signature((8,), 32, "adam")
FILE = """
name = "{name}"
seed = {seed}
[network]
layers = {{ low = 1, high = 3 }}
units = {{ low = 8, high = 64, scale = "log" }}
batch_norm = {{ choices = [true, false] }}
[regularization]
keep_prob = {{ low = 0.5, high = 1.0, step = 0.1 }}
[training]
optimizer = {{ choices = ["adam", "momentum"] }}
learning_rate = {{ low = 1e-4, high = 1.0, scale = "log" }}
beta_1 = {{ low = 0.9, high = 0.999, scale = "one_minus" }}
momentum = {{ low = 0.0, high = 0.99, scale = "one_minus" }}
batch_size = {{ choices = [32, 64, 128] }}
[search]
trials = {trials}
max_epochs = 9
metric = "{metric}"
"""
"""With a step, a scale of each kind, choices of each kind, and conditions."""

DATA = {
    "name": "digits",
    "version": "1.0.0",
    "fingerprint": "f" * 64,
    "class_names": ["0", "1"],
    "train": 60,
    "dev": 20,
    "test": 20,
}
REASON = '=loss <b>inf</b> [red]\n\x1b[2J, "quoted"'
"""What nothing may run or break at."""


def spec_of(name: str = "tried", trials: int = 9, metric: str = "dev_accuracy", seed: int = 0):
    return StudySpec.parse(FILE.format(name=name, trials=trials, metric=metric, seed=seed))


def measured(trial: int, epoch: int, accuracy: float | None = None, **more) -> Measurement:
    dev = 0.5 + 0.4 * math.sin(trial + epoch) if accuracy is None else accuracy
    share = dev if math.isfinite(dev) else math.nan  # a loss may be infinite, a share never is
    return Measurement(trial, epoch, 1.5 - dev, share / 2, 1.0 - dev, share, 0.25, **more)


def make_study(directory: Path, trials: int = 9, driven: bool = False, data=DATA, **asked) -> None:
    """A study whose first trials came to every end; the others paused at the first rung.

    Trial 0 completed, 1 stopped, 2 diverged at once, 3 diverged in its second epoch, 4 failed;
    where `driven`, 5 is at work and the last one waits.
    """
    spec = spec_of(trials=trials, **asked)
    random = np.random.default_rng(7)
    drawn = []
    for index in range(trials):
        point = tuple(map(float, random.random(spec.space.dimensions)))
        drawn.append(Trial(index, point, spec.space.decode(point), "cover", "first", index))
    with Journal.create(directory, spec.to_json(), spec.fingerprint) as journal:
        journal.acquire_lease()
        journal.record("data_set_read", data)
        journal.record("driver_started", {"pid": 1})
        _first_rungs(journal, drawn)
        _train(journal, 9, [measured(0, epoch) for epoch in range(4, 10)])
        if driven:
            late = Trial(trials, drawn[0].point, drawn[0].hyperparameters, "zoom", "", trials)
            journal.start_attempt(journal.issue(Assignment((5,), 1, 3, ANY)), "s")
            journal.issue(Assignment((trials,), 0, 1, ANY), decisions=[late])
        else:
            journal.record("driver_stopped", {"finished": True, "trouble": "", "ending": ""})
            journal.release_lease()


def _train(journal: Journal, last_epoch: int, found: list[Measurement], drawn=()) -> None:
    every = tuple(sorted({each.trial for each in found}))
    first = min(each.epoch for each in found) - 1
    number = journal.issue(Assignment(every, first, last_epoch, ANY), decisions=drawn)
    attempt = journal.start_attempt(number, "s")
    journal.report(number, attempt, found, {}, complete=True)


def _first_rungs(journal: Journal, drawn: list[Trial]) -> None:
    found = [measured(trial.index, 1) for trial in drawn if trial.index not in (2, 4)]
    if len(drawn) > 2:
        found.append(measured(2, 1, math.nan, diverged=True, reason=REASON))
    _train(journal, 1, found, drawn)
    if len(drawn) > 4:
        journal.issue(Assignment((4,), 0, 1, ANY))
        journal.fail_trial(4, "out of memory")
    found = [
        *(measured(0, 2), measured(0, 3)),
        measured(1, 2, stopped=True, reason="no better for 2 epochs"),
        measured(3, 2, -math.inf, diverged=True, reason="loss inf"),
    ]
    _train(journal, 3, [each for each in found if each.trial < len(drawn)])


def states_of(material) -> list[str]:
    return [str(life.state) for life in material.lives]
