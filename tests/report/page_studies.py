"""Studies for the page's tests: made of plain records, without a journal, TensorFlow or Ray."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from caviar.report.evidence import Evidence, evidence
from caviar.search.successive_halving import DIRECTION
from caviar.space.domain import Choice, Float, Integer
from caviar.space.scale import LOG, ONE_MINUS
from caviar.space.search_space import SearchSpace
from caviar.study.card_file import TEST_READ
from caviar.study.facts import Attempt, Event, Outcome
from caviar.study.journal import Journal
from caviar.study.records import Assignment, Measurement, Round, Signature, Trial
from caviar.study.spec import StudySpec

RUNGS = (1, 3, 9, 27)
ANY = Signature((8,), 32, "adam")
WHOLE = SearchSpace(
    {
        "learning_rate": Float(1e-4, 1.0, LOG),
        "beta_1": Float(0.9, 0.999, ONE_MINUS),
        "units": Integer(8, 64),
        "activation": Choice(("relu", "tanh", "gelu")),
    },
    {"layers": 2},
)


@dataclass(frozen=True)
class Asked:
    """As much of a StudySpec as the page reads."""

    space: SearchSpace
    name: str = "planted"
    metric: str = "dev_accuracy"
    lower_is_better: bool = False
    data: object = field(default_factory=lambda: SimpleNamespace(name="planted"))
    goal: object = field(default_factory=lambda: SimpleNamespace(target_error=None))

    @property
    def home(self):
        return self.space.home

    def rungs(self):
        return RUNGS


def curve_of(trial: Trial, epochs: int, diverged: bool = False) -> list[Measurement]:
    """Better with epochs, best in the middle of the first axis."""
    peak = 0.99 - abs(trial.point[0] - 0.5)
    found = []
    for epoch in range(1, epochs + 1):
        value = peak - 0.4 / (epoch + 1)
        gone = diverged and epoch == epochs
        loss = float("nan") if gone else 1 - value
        reason = "train loss above 3 times ln C" if gone else ""
        found.append(
            Measurement(
                trial.index, epoch, loss, value, loss, value, 0.1, diverged=gone, reason=reason
            )
        )
    return found


def planted(
    count: int = 30, space: SearchSpace = WHOLE, directory: Path = Path("nowhere"), **more: object
) -> Evidence:
    """A finished study of so many trials; every tenth diverged.

    `more` goes to the spec (`name` ...), and `card`, `data`, `diary`, `reason`, `slice_name`.
    """
    extra = {k: more.pop(k, None) for k in ("card", "data", "diary", "reason", "slice_name")}
    spec = Asked(space, **more)  # type: ignore[arg-type]
    draws = np.random.default_rng(1).random((count, space.dimensions))
    trials = [
        Trial(k, tuple(u), space.decode(u), "cover" if k % 5 else "control", "round 1", k)
        for k, u in enumerate(draws)
    ]
    length = [RUNGS[sum(k % step == 0 for step in (3, 9, 27))] for k in range(count)]
    lost = {k for k in range(count) if k % 10 == 7}
    curves = {t.index: curve_of(t, length[t.index], t.index in lost) for t in trials}
    name = extra["slice_name"] or "slice"
    attempts = [
        Attempt(k + 1, 1, f"{name}-{k % 2}", 1000.0 + k, 1000.8 + k, Outcome.COMPLETE, None, 3)
        for k in range(count)
    ]
    events = [Event(0, 999.0, "driver_started", {"versions": {"caviar": "0"}})]
    if extra["data"]:
        events.append(Event(1, 999.5, "data_set_read", extra["data"]))  # type: ignore[arg-type]
    told = account_of(spec, trials, curves, lost, extra)
    return Evidence(directory, spec, told, trials, curves, attempts, events, extra["card"])  # type: ignore[arg-type]


def cost_of(search: int, retraining: int = 0, sizes: int = 0, **more: object) -> dict:
    """What a study spent, as `caviar.study.expenses` tells it."""
    epochs = {"search": search, "retraining": retraining, "sizes": sizes}
    parts = {k: {"trial_epochs": n, "slice_hours": n / 1000} for k, n in epochs.items()}
    total = sum(epochs.values())
    whole = {"trial_epochs": total, "slice_hours": total / 1000}
    return {**parts, "total": whole, "elapsed_s": 60.0, "unread": [], **more}


def account_of(spec, trials, curves, lost, extra):
    """The account of such a study."""
    lower = DIRECTION[spec.metric]
    bests = {
        t: min(
            (m for m in curve if m.epoch in RUNGS), key=lambda m: lower * getattr(m, spec.metric)
        )
        for t, curve in curves.items()
        if t not in lost
    }
    rows = [
        {
            "trial": t.index, "origin": t.origin, "epochs": len(curves[t.index]),
            "best_epoch": bests[t.index].epoch if t.index in bests else None,
            "state": "diverged" if t.index in lost else "paused",
            "dev_accuracy": curves[t.index][-1].dev_accuracy, "dev_loss": None, "train_loss": None,
            "reason": extra["reason"] or curves[t.index][-1].reason,
            "hyperparameters": dict(t.hyperparameters),
        }
        for t in trials
    ]  # fmt: skip
    best = min(bests.values(), key=lambda m: lower * getattr(m, spec.metric), default=None)
    reached = {step: sum(len(c) >= step for c in curves.values()) for step in RUNGS}
    return {
        "study": spec.name, "metric": spec.metric, "searcher": "zoom", "status": "finished",
        "ending": "", "counts": {"paused": len(trials) - len(lost), "diverged": len(lost)},
        "trial_epochs": sum(map(len, curves.values())), "elapsed_s": 60.0, "noise": 0.0,
        "cost": cost_of(sum(map(len, curves.values()))),
        "best": best and {
            "trial": best.trial, "epoch": best.epoch, "dev_accuracy": best.dev_accuracy,
            "dev_loss": best.dev_loss, "train_loss": best.train_loss,
            "hyperparameters": dict(trials[best.trial].hyperparameters),
        },
        "rungs": [
            {"bracket": 1, "epoch": step, "reached": n, "promoted": n // 3}
            for step, n in reached.items()
        ],
        "origins": {}, "rounds": [], "edges": [], "asked": [], "choice": "",
        "diary": extra["diary"] or [], "trials": rows,
    }  # fmt: skip


def card_of(names: list[str], hyperparameters: dict[str, object], **more: object) -> dict:
    """A winner's card, as the contract has it."""
    runs = [
        {"trial": k, "replicate": k + 1, "value": 0.9 + k / 100, "diverged": False}
        for k in range(3)
    ]
    confusion = (np.eye(len(names), dtype=int) * 9 + 1).tolist()
    per_class = [{"class": n, "examples": 12, "recall": 0.9, "precision": 0.8} for n in names]
    candidate = {
        "name": "trial 2", "trial": 2, "hyperparameters": hyperparameters, "search_value": 0.93,
        "mean": 0.91, "low": 0.88, "high": 0.94, "runs": runs,
    }  # fmt: skip
    return {
        "format": 2, "study": "planted", "metric": "dev_accuracy",
        "winner": {"name": "trial 2", "trial": 2, "hyperparameters": hyperparameters, "epochs": 27},
        "candidates": [candidate, {**candidate, "name": "baseline", "trial": None, "mean": 0.85}],
        "confidence": 0.95, "beats_baseline": True,
        "difference": {"mean": 0.06, "low": 0.02, "high": 0.1},
        "test": {
            "examples": 120, "read_at": "2026-01-01T00:00:00+00:00", "by": "caviar", "readings": 1,
            "accuracy": {"mean": 0.905, "low": 0.88, "high": 0.93},
            "sampling": {"low": 0.84, "high": 0.95}, "runs": [], "per_class": per_class,
            "confusion": confusion, "ensemble": {"accuracy": 0.91, "loss": 0.3},
        },
        "dev": {"examples": 120, "confusion": confusion, "per_class": per_class, "ensemble": {}},
        "exported": {"replicate": 1, "trial": 0, "dev_accuracy": 0.9, "files": ["model.keras"]},
        "data": {}, "space": [], "seeds": {"study": 0, "replicates": [1, 2, 3]},
        "packages": {"caviar": "0"}, "git": None, "hardware": {"cpu": "one", "cores": 2},
        "cost": cost_of(60, 81),
        "sentences": ["The winner beats the baseline.", "Quote 90.5 %.", "Third.", "Fourth."],
        "intended_use": "", **more,
    }  # fmt: skip


def record_reading(directory: Path, readings: int = 1) -> None:
    """Puts readings of the test set into a journal, as a card with a test part tells of them."""
    with Journal.open(directory, write=True) as journal:
        journal.acquire_lease()
        for number in range(1, readings + 1):
            told = {"at": "now", "by": "caviar", "readings": number, "fingerprint": "f"}
            journal.record("test_read", told | {"chosen": {"name": "trial 2"}, "results": {}})
        journal.release_lease()


def write_winner(directory: Path, card: dict, shape: tuple[int, ...], classes: int) -> None:
    """The card and dev.npz of a winner whose examples have this shape."""
    folder = directory / "winner"
    folder.mkdir(parents=True)
    if card["test"] and Journal.exists(directory):
        record_reading(directory)
    (folder / "card.json").write_text(json.dumps(card))
    if card.get("test") and Journal.exists(directory):
        with Journal.open(directory, write=True) as journal:
            journal.acquire_lease()
            read = {"at": card["test"]["read_at"], "by": "caviar", "readings": 1}
            read |= {"fingerprint": "f" * 64, "chosen": {"name": "trial 2"}, "results": {}}
            journal.record(TEST_READ, read)
            journal.release_lease()
    random = np.random.default_rng(0)
    x = random.integers(0, 17, (5, *shape)).astype(np.uint8)
    probabilities = random.dirichlet(np.ones(classes), 40).astype(np.float32)
    np.savez(
        folder / "dev.npz", probabilities=probabilities, worst_x=x, worst=np.arange(5),
        labels=random.integers(0, classes, 40).astype(np.int32),
    )  # fmt: skip


def journalled(directory: Path, trials: int = 12) -> Evidence:
    """A study with a real journal: trials, a round, measurements of one assignment."""
    spec = StudySpec.parse("[search]\nmax_epochs = 3")
    d = spec.space.dimensions
    draws = np.random.default_rng(3).random((trials, d))
    made = [
        Trial(k, tuple(u), spec.space.decode(u), "cover", "round 1", k) for k, u in enumerate(draws)
    ]
    box = ((0.2, 0.8),) * d
    found = Round(1, ((0.0, 1.0),) * d, box, ((),) * d, 0, (), ("as given",) * d, "the cover")
    with Journal.create(directory, spec.to_json(), spec.fingerprint) as journal:
        journal.acquire_lease()
        journal.record("driver_started", {"versions": {"caviar": "0"}})
        journal.decide([found, *made])
        work = journal.issue(Assignment(tuple(range(trials)), 0, 1, ANY))
        attempt = journal.start_attempt(work, "study:slice-0")
        curves = [m for t in made for m in curve_of(t, 1)]
        journal.report(work, attempt, curves, {}, complete=True)
        journal.record("driver_stopped", {"finished": True, "ending": ""})
        journal.release_lease()
    return evidence(directory)


def lucky(directory: Path) -> Evidence:
    """Two trials: one was at its best in the second epoch of three, one at the third."""
    spec = StudySpec.parse("[search]\nmax_epochs = 3")
    point = (0.5,) * spec.space.dimensions
    made = [Trial(k, point, spec.space.decode(point), "cover", "", k) for k in range(2)]
    values = {0: (0.7, 0.99, 0.6), 1: (0.7, 0.75, 0.8)}
    with Journal.create(directory, spec.to_json(), spec.fingerprint) as journal:
        journal.acquire_lease()
        journal.decide(made)
        for first, last in ((0, 1), (1, 3)):
            work = journal.issue(Assignment((0, 1), first, last, ANY))
            attempt = journal.start_attempt(work, "study:slice-0")
            found = [
                Measurement(t, epoch, 1 - value, value, 1 - value, value, 0.1)
                for t, curve in values.items()
                for epoch, value in enumerate(curve, 1)
                if first < epoch <= last
            ]
            journal.report(work, attempt, found, {}, complete=True)
        journal.release_lease()
    return evidence(directory)
