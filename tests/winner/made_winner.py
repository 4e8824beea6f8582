"""Studies whose finals are over, made without training: linear networks of planted quality."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np

from caviar.data.dataset import Dataset, Part
from caviar.study.finals import RETRAINING, Candidate, Finals, event_of
from caviar.study.journal import Journal
from caviar.study.records import Assignment, Measurement, Signature, Trial
from caviar.study.spec import StudySpec

ANY = Signature((), 32, "adam")
FINGERPRINT = "ab" * 32
NAMES = ("apple", "pear", "plum")
TOML = """
name = "fruit"
[network]
layers = 0
[training]
learning_rate = { low = 1e-4, high = 1.0, scale = "log" }
batch_size = { choices = [16, 32] }
[search]
trials = 2
max_epochs = 3
"""


def data_set(test: int | None = 60, fingerprint: str = FINGERPRINT) -> Dataset:
    """Three blobs in eight dimensions."""
    rng = np.random.default_rng(0)

    def part(examples: int) -> Part:
        y = (np.arange(examples) % 3).astype(np.int32)
        x = rng.normal(0, 1.0, (examples, 8)).astype(np.float32)
        x[np.arange(examples), y] += 2.5
        return Part(x, y)

    return Dataset(
        "fruit", "file", NAMES, (2, 4), part(90), part(45), None if test is None else part(test),
        np.zeros(8, np.float32), np.ones(8, np.float32), fingerprint,
    )  # fmt: skip


def weights(quality: float, seed: int) -> np.ndarray:
    """`[8, 3]`: the right ones, with less noise the better."""
    noise = np.random.default_rng(seed).normal(0, 1, (8, 3))
    return (np.eye(8, 3) + (1 - quality) * noise).astype(np.float32)


def checkpoint(trial: int, epoch: int, w: np.ndarray) -> bytes:
    header = {
        "trial": trial,
        "epoch": epoch,
        "hyperparameters": {"layers": 0},
        "signature": str(ANY),
        "format": 1,
    }
    buffer = io.BytesIO()
    np.savez(
        buffer,
        header=np.frombuffer(json.dumps(header).encode(), np.uint8),
        **{"params.0.w": w[None], "params.0.b": np.zeros((1, 3), np.float32)},
        **{"input.mean": np.zeros(8, np.float32), "input.std": np.ones(8, np.float32)},
        step=np.ones(1, np.float32),
    )
    return buffer.getvalue()


def measured(trial: int, epoch: int, data: Dataset, w: np.ndarray, lie: float = 0.0) -> Measurement:
    z = data.dev.x @ w
    log_p = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
    accuracy = float((z.argmax(axis=1) == data.dev.y).mean())
    loss = float(-log_p[np.arange(len(z)), data.dev.y].mean())
    return Measurement(trial, epoch, loss, accuracy, loss, accuracy + lie, 0.01)


def make_study(
    directory: Path,
    qualities: dict[str, list[float | None]],
    data: Dataset,
    *,
    epochs: int = 3,
    toml: str = TOML,
    lie: float = 0.0,
    unfinished: bool = False,
) -> Path:
    """A study whose candidates, by name, have runs of these qualities; None: it diverged."""
    begin(directory, data, toml)
    candidates = tuple(
        Candidate(name, {"learning_rate": 0.1 * (place + 1), "batch_size": 16},
                  None if name == "baseline" else int(name.split()[1]), 0.9)
        for place, name in enumerate(qualities)
    )  # fmt: skip
    seeds = len(next(iter(qualities.values())))
    finals = Finals(1, epochs, seeds, candidates)
    with Journal.open(directory, write=True) as journal:
        journal.acquire_lease()
        journal.record(event_of(RETRAINING), finals.to_json())
        journal.release_lease()
    folder = finals.folder(directory)
    with Journal.create(folder, StudySpec.parse(toml).to_json(), "x") as journal:
        journal.acquire_lease()
        trials = [
            Trial(place * seeds + one, (), candidate.hyperparameters, candidate.name, "", one + 1)
            for place, candidate in enumerate(candidates)
            for one in range(seeds)
        ]
        flat = [quality for runs in qualities.values() for quality in runs]
        last = epochs - 1 if unfinished else epochs
        train(journal, trials, flat, epochs, data, lie=lie, last=last)
        journal.release_lease()
    return directory


def begin(directory: Path, data: Dataset, toml: str = TOML) -> None:
    """A study that knows its data, and nothing more."""
    with Journal.create(directory, StudySpec.parse(toml).to_json(), "x") as journal:
        journal.acquire_lease()
        facts = {"name": "fruit", "version": "file", "fingerprint": data.fingerprint}
        journal.record("data_set_read", facts | {"class_names": list(data.class_names)})
        journal.release_lease()


def train(
    journal: Journal,
    trials: list[Trial],
    qualities: list[float | None],
    epochs: int,
    data: Dataset,
    *,
    lie: float = 0.0,
    last: int | None = None,
) -> None:
    """Puts trials with measurements and checkpoints into a journal that is held."""
    indices = tuple(trial.index for trial in trials)
    number = journal.issue(Assignment(indices, 0, epochs, ANY), decisions=trials)
    attempt = journal.start_attempt(number, "s")
    found, files = [], {}
    last = epochs if last is None else last
    for trial, quality in zip(trials, qualities, strict=True):
        if quality is None:
            bad = Measurement(trial.index, 1, 9.0, 0.3, float("nan"), 0.3, 0.01, diverged=True)
            found.append(bad)
            continue
        w = weights(quality, trial.index)
        found += [measured(trial.index, e, data, w, lie) for e in range(1, last + 1)]
        files[trial.index] = (last, checkpoint(trial.index, last, w))
    journal.report(number, attempt, found, files, complete=last == epochs)


def stand_in(monkeypatch: Any) -> list[Any]:
    """Puts a quick export in the place of TensorFlow's; returns the networks it is given."""
    given: list[Any] = []

    def export(folder: Path, network: Any, class_names: Any, **_: Any) -> None:
        given.append(network)
        (folder / "model.keras").write_bytes(b"model")
        (folder / "saved_model").mkdir()
        (folder / "saved_model" / "saved_model.pb").write_bytes(b"model")

    monkeypatch.setattr("caviar.winner.finish.export", export)
    return given


def events(directory: Path, kind: str | None = None) -> tuple[Any, ...]:
    with Journal.open(directory) as journal:
        return journal.events(kind)


class Watched:
    """A test part that notes when it is looked at; to be put in the place of a `Part`."""

    def __init__(self, part: Part, look: Any) -> None:
        self._part, self._look = part, look

    def __len__(self) -> int:
        return len(self._part)

    @property
    def x(self) -> np.ndarray:
        self._look("x")
        return self._part.x

    @property
    def y(self) -> np.ndarray:
        self._look("y")
        return self._part.y
