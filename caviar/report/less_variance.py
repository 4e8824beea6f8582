"""What brings dev error towards train error, in the lectures' order.

After Andrew Ng, Deep Learning Specialization, course 2, week 1; Machine Learning Yearning,
chapter 25.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from caviar.report.case import WARPS, Case, Step, advice, span, step
from caviar.report.curves import Shape

LEAST_DEV: Final = 200
"""Examples that a dev part should keep when some of it goes to the training part."""
USUAL_SHARE: Final = 0.75
"""Of train and dev together, the share of train in the usual cut 60/20/20."""


def against_variance(case: Case) -> Iterator[Step]:
    """The steps, the first one first; more data last where it was found not to pay."""
    pays = case.sizes is None or case.sizes.pays is not False
    if pays:
        yield _more_data(case)
    yield _weight_penalty(case)
    if case.value("network.layers"):
        yield _dropout(case)
    yield _augmentation(case)
    yield from _early_stopping(case)
    yield from _smaller(case)
    if not pays:
        yield _more_data(case)


def _more_data(case: Case) -> Step:
    """Another cut where it leaves examples to the training part, else more of them."""
    title, place = "more data", "data.fractions"
    train = int(case.data.get("train", 0))
    had = f"{train} examples were trained on" if train else ""
    told, (why, cut) = _told_by_sizes(case), _other_cut(case)
    if cut:
        why = "; ".join(filter(None, (why, _ANOTHER, told)))
        found = step(case, "variance", title, why, {place: cut})
    else:
        why = "; ".join(filter(None, (had, "collect more", told)))
        found = advice(case, "variance", title, why, place)
    return replace(found, command=case.measure_sizes)


_ANOTHER: Final = "it is another cut, so errors compare only within the new study"


def _other_cut(case: Case) -> tuple[str, dict[str, float]]:
    """Why more of the examples at hand may be trained on, and the cut; {} if they may not."""
    train, dev = (int(case.data.get(part, 0)) for part in ("train", "dev"))
    given = case.spec.data.fractions
    if given is None and not train:
        return "", {}
    share = given.train / (given.train + given.dev) if given else train / (train + dev)
    test = {"test": 0.2} if given is None or given.test else {}
    if share < USUAL_SHARE - 0.01:
        why = f"only {100 * share:.0f} % of train and dev together is trained on"
        return why, ({"train": 0.6, "dev": 0.2} if test else {"train": 0.75, "dev": 0.25}) | test
    if share < 0.85 and dev >= 2 * LEAST_DEV:
        why = f"{train} examples were trained on; the dev part could give some up"
        return why, ({"train": 0.7, "dev": 0.1} if test else {"train": 0.875, "dev": 0.125}) | test
    return "", {}


def _told_by_sizes(case: Case) -> str:
    """What trainings on parts of the data said, or that they would tell."""
    found = case.sizes
    if found is not None and found.gain is not None:
        if found.pays is False:
            return "last, since trainings on parts of them tell that more would hardly pay"
        about = f"twice as many would take off about {100 * found.gain:.1f} points"
        how = "trainings on parts of them tell that" if found.pays else "it is open whether"
        return f"{how} {about}"
    return "the command below tells whether it pays" if case.measure_sizes else ""


def _weight_penalty(case: Case) -> Step:
    decoupled = case.hyperparameters.get("optimizer") == "adamw"
    key = "weight_decay" if decoupled else "l2"
    place, why = f"regularization.{key}", "large weights are what fits noise"
    now = float(case.hyperparameters.get(key, 0.0))
    if now:
        why += f"; the trial had {now:.3g}, so search above it"
    wanted = span(now, 100 * now, log=True) if now else span(1e-5, 1e-1, log=True)
    return step(case, "variance", "a penalty on weights", why, {place: wanted})


def _dropout(case: Case) -> Step:
    held = case.value("regularization.keep_prob")
    why = "no unit can rely on another that may be missing"
    if held < 1:
        why += f"; the trial kept {held:.3g} of its units, so search below it"
    place, usual, less = "regularization.keep_prob", span(0.5, 1.0), span(held / 2, held)
    wanted = [{place: one} for one in ([usual, less] if held > 0.9 else [less])]
    return step(case, "variance", "dropout", why, *wanted)


def _augmentation(case: Case) -> Step:
    title = "augmentation"
    if case.images is False:
        loudest = max(0.25, case.range_of("augmentation.noise")[1])
        why = "examples with noise are new ones; caviar has nothing else for data without pixels"
        return step(case, "variance", title, why, {"augmentation.noise": span(0.0, 2 * loudest)})
    why = "shifted and turned images are new ones; flip too, if a mirrored one keeps its class"
    if case.images is None:
        why = f"if the examples are images: {why}; else augmentation.noise"
    usual = {"shift": 0.1, "flip": 0.5, "rotation": 10.0, "zoom": 0.1}
    most = {key: case.range_of(f"augmentation.{key}")[1] for key in WARPS}
    limits = {"shift": 0.5, "flip": 1.0, "rotation": 180.0, "zoom": 0.5}
    changes: dict[str, Any] = {
        f"augmentation.{key}": span(0.0, min(limits[key], max(usual[key], 2 * most[key])))
        for key in WARPS
        if key != "flip" or most[key]
    }
    return step(case, "variance", title, why, changes)


def _early_stopping(case: Case) -> Iterator[Step]:
    """Only where training on made it worse."""
    spec, place = case.spec, "training.patience"
    if Shape.OVERFITTING not in case.shapes or spec.training.patience or spec.is_raised:
        return
    why = (
        "dev loss turned up while training went on; yet it couples fitting with not overfitting, "
        "so try the others first"
    )
    epochs = max(1, min(10, spec.search.max_epochs // 5))
    yield step(case, "variance", "early stopping", why, {place: epochs})


def _smaller(case: Case) -> Iterator[Step]:
    layers = case.value("network.layers")
    if not layers:
        return
    title = "a smaller or another architecture"
    why = "last, since a big network that is regularised is seldom worse"
    if case.images:
        why += "; for images a convolutional one shares weights, which caviar does not train"
    units = case.value("network.units")
    fewer: dict[str, Any] = {
        "network.units": span(max(1, units // 8), max(2, units), log=True, whole=True)
    }
    shallower = {"network.layers": span(max(1, layers // 2), layers, whole=True)}
    if layers == 1:
        yield step(case, "variance", title, why, fewer)
    else:
        yield step(case, "variance", title, why, shallower | fewer, fewer)
