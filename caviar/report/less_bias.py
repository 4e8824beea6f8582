"""What brings train error down, in the lectures' order.

After Andrew Ng, Deep Learning Specialization, course 2, week 1 ("basic recipe for machine
learning") and course 3; Machine Learning Yearning, chapter 25.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from caviar.report.case import Case, Step, advice, span, step
from caviar.report.curves import Shape
from caviar.study.flat import HYPERPARAMETERS, key_of
from caviar.study.spec import StudySpec
from caviar.study.tables import TECHNIQUES
from caviar.study.wording import number

MOST_LAYERS: Final = 64
MOST_UNITS: Final = 65536
MOST_EPOCHS: Final = 1_000_000
RELAXED: Final = tuple(key for key in TECHNIQUES if key != "clip_norm")
"""What keeps a network from fitting the training part, by key."""


def against_bias(case: Case) -> Iterator[Step]:
    """The steps, the first one first; what breaks down needs shorter steps before all else."""
    exploded = Shape.EXPLODED in case.shapes
    if exploded:
        yield _better_steps(case)
    yield _bigger(case)
    if not exploded:
        yield _longer(case)
        yield _better_steps(case)
    yield from _relaxed(case)
    yield from _other_architecture(case)


def _bigger(case: Case) -> Step:
    layers, units = case.value("network.layers"), case.current("network.units")
    if not layers:
        why = "without a hidden layer only straight borders between the classes can be learned"
        wide = {"network.units": span(64, 256, log=True, whole=True)}
        known = max(1, int(case.range_of("network.layers")[1]))
        hidden: list[dict[str, Any]] = [
            {"network.layers": span(1, 3, whole=True)} | wide,
            {"network.layers": known} | wide,  # where lists say how many there are
        ]
        return step(case, "bias", "a bigger network", why, *hidden)
    why = "the surest cure of bias; with regularisation it costs time, not dev error"
    low, high = case.value("network.units"), case.range_of("network.units")[1]
    most_units = min(MOST_UNITS, 2 * int(high))
    if isinstance(units, list):
        wider: dict[str, Any] = {"network.units": [most_units] * len(units)}
        return step(case, "bias", "a bigger network", why, wider)
    wider = {"network.units": span(low, most_units, log=True, whole=True)}
    most = min(MOST_LAYERS, case.range_of("network.layers")[1] + 1)
    deeper = {"network.layers": span(layers, most, whole=True)} | wider
    return step(case, "bias", "a bigger network", why, deeper, wider)


def _longer(case: Case) -> Step:
    """Longer training pays where train loss had not come to rest."""
    spec, why = case.spec, "train loss was still falling at the end"
    if case.train_falls is None:
        why = "its epochs are too few to tell whether train loss still falls"
    elif not case.train_falls:
        turned = " and dev loss had turned up" if Shape.OVERFITTING in case.shapes else ""
        why = f"train loss had come to rest at the end{turned}, so expect little of this alone"
    if spec.is_raised:
        days = min(100_000, 2 * spec.panda.days)
        return step(case, "bias", "train longer", why, {"panda.days": days})
    if 0 < case.epochs < spec.search.max_epochs:
        # Trials in the best 1/eta of a rung are trained longer: more epochs would not be its own.
        why = f"it was trained for {case.epochs} of {spec.search.max_epochs} epochs; {why}"
        return advice(case, "bias", "train longer", why, "search.grace_epochs", "search.max_epochs")
    changes = {"search.max_epochs": longer(spec)}
    if case.train_longer:
        why += "; the command below goes on in the same directory"
    found = step(case, "bias", "train longer", why, changes)
    return replace(found, command=case.train_longer)


def longer(spec: StudySpec) -> int:
    """Epochs to train for where `max_epochs` were too few: one rung more."""
    return min(MOST_EPOCHS, spec.search.reduction_factor * spec.search.max_epochs)


def _better_steps(case: Case) -> Step:
    rate = {"training.learning_rate": _rates(case)}
    optimizers = case.spec.training.optimizers
    other = {"adam", "adamw"}.isdisjoint(optimizers)
    named = {"training.optimizer": {"choices": [*optimizers, "adam"]}} if other else {}
    cosine = {} if "cosine" in case.spec.training.schedules else {"training.schedule": "cosine"}
    why = "the learning rate matters most of all hyperparameters"
    if Shape.EXPLODED in case.shapes:
        why = "training broke down: shorter steps before all else"
    elif case.steps_too_long:
        why = "the curve is unsteady: shorter steps, and a rate that decays, let it settle"
    elif _far_from_best(case):
        why = f"the study's best trial has {number(case.best_rate or 0.0)}"
    elif edge := case.edges.get("learning_rate"):
        why = f"the best trials lie at its {edge} bound: better rates may lie beyond"
    elif other:
        why = f"Adam often gets further than {' or '.join(optimizers)} in as many epochs"
    title = "a better optimiser or learning rate"
    return step(case, "bias", title, why, rate | named | cosine, rate | named, rate)


def _rates(case: Case) -> dict[str, Any]:
    """Smaller rates where steps were too long; else a range around what there was."""
    rate, (low, high) = case.value("training.learning_rate"), case.range_of(_RATE)
    now = case.current(_RATE)
    if case.best_rate and _far_from_best(case):
        return span(max(low, case.best_rate / 5), min(high, case.best_rate * 5), log=True)
    if Shape.EXPLODED in case.shapes:
        return span(rate / 100, rate / 3, log=True)
    if case.steps_too_long:
        return span(rate / 30, rate, log=True)
    if "learning_rate" in case.edges and isinstance(now, dict) and "low" in now:
        return now | {"expand": True}
    if low == high:
        return span(rate / 10, rate * 10, log=True)
    return span(max(low, rate / 5), min(high, rate * 5), log=True)


def _far_from_best(case: Case) -> bool:
    """Whether the study's best trial has another learning rate by more than what is tried."""
    rate, best = case.value(_RATE), case.best_rate
    return best is not None and not best / 5 <= rate <= best * 5


_RATE: Final = "training.learning_rate"


def _relaxed(case: Case) -> Iterator[Step]:
    """Less of what holds the network back, if anything does."""
    active = [key for key in RELAXED if _holds_back(case, key)]
    if not active:
        return
    changes: dict[str, Any] = {}
    for key in active:
        value, neutral = case.value(_place(key)), TECHNIQUES[key]
        changes[_place(key)] = (
            (neutral if key == "max_norm" else span(*sorted((value / 4, value))))
            if key != "keep_prob"
            else span(min(value, 0.9), 1.0)
        )
    off = {_place(key): TECHNIQUES[key] for key in active}
    why = f"{' and '.join(active)} kept the network from fitting the training part"
    yield step(case, "bias", "less regularisation", why, changes, off)


def _place(key: str) -> str:
    return f"{HYPERPARAMETERS[key]}.{key}"


def _holds_back(case: Case, key: str) -> bool:
    """Whether the trial had it at another value than the one that changes nothing."""
    found = [value for name, value in case.hyperparameters.items() if key_of(name) == key]
    return any(value != TECHNIQUES[key] for value in found)


def _other_architecture(case: Case) -> Iterator[Step]:
    title, network = "another architecture", case.spec.network
    if not case.value("network.layers"):
        return
    changes: dict[str, Any] = {}
    if network.batch_norm is False:
        changes["network.batch_norm"] = True
    now = case.current("network.activation")
    if isinstance(now, str):
        others = [name for name in ("relu", "gelu", "tanh") if name != now]
        changes["network.activation"] = {"choices": [now, *others[:2]]}
    why = "another kind of network may fit what more of the same does not"
    if case.images:
        why += "; for images that is a convolutional one, which caviar does not train"
    if changes:
        yield step(case, "bias", title, why, changes, *({k: v} for k, v in changes.items()))
    else:
        yield advice(case, "bias", title, why, "network.activation", "network.batch_norm")
