"""What the tests of the search share: a small space, curves with ties and mishaps, a strategy."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from caviar.search.caviar import CaviarStrategy
from caviar.search.drawing import Drawing
from caviar.search.quasi_random import Sobol
from caviar.search.searcher import Searcher
from caviar.search.simulate import Curve
from caviar.search.zoom import Zoom
from caviar.space.domain import Choice, Float
from caviar.space.search_space import SearchSpace
from caviar.study.records import Measurement, Signature, Value

SPACE = SearchSpace({"x": Float(0.0, 1.0), "y": Float(0.0, 1.0), "batch": Choice((32, 64, 128))})


decode = SPACE.decode


def signature_of(hyperparameters: Mapping[str, Value]) -> Signature:
    return Signature((64, 64), int(hyperparameters["batch"]), "adam")


def smooth(hyperparameters: Mapping[str, Value], epoch: int) -> float:
    """Better near x = 0.6 and with every epoch; x > 0.95 diverges in the second epoch."""
    x, y = float(hyperparameters["x"]), float(hyperparameters["y"])
    if x > 0.95 and epoch == 2:
        return math.nan
    return 1 - abs(x - 0.6) ** 1.5 - 0.3 * (1 - y) / epoch


def rough(seed: int, levels: int, diverging: float) -> Curve:
    """Accuracies that say nothing about later ones, of few levels so that they tie."""

    def curve(hyperparameters: Mapping[str, Value], epoch: int) -> float:
        key = (seed, epoch, int(float(hyperparameters["x"]) * 2**30))
        draw, fate = np.random.default_rng(key).random(2)
        return math.nan if fate < diverging else round(draw * levels) / levels

    return curve


def rungs_of(grace: int, eta: int, top: int) -> tuple[int, ...]:
    rungs = []
    while grace < top:
        rungs.append(grace)
        grace *= eta
    return (*rungs, top)


def sobol() -> Searcher:
    return Sobol(3, 0)


def early_zoom() -> Searcher:
    """One that begins its rounds while a study of twenty trials is young."""
    return Zoom(SPACE.axes, 0, cover=6)


def maker(searcher: Callable[[], Searcher] = sobol, **options: Any) -> Callable[[], CaviarStrategy]:
    """Makes fresh strategies of one study."""
    given = {"trials": 27, "rungs": (1, 3, 9, 27), "slices": 1} | options

    def make() -> CaviarStrategy:
        return CaviarStrategy(
            drawing=Drawing(searcher(), SPACE), signature_of=signature_of, **given
        )

    return make


def measured(trial: int, epoch: int, accuracy: float = 0.5, **other: Any) -> Measurement:
    values = {
        "train_loss": 1.0,
        "train_accuracy": 0.5,
        "dev_loss": 1.0,
        "dev_accuracy": accuracy,
        "elapsed_s": 1.0,
    } | other
    return Measurement(trial, epoch, **values)
