"""Whole study files, with whatever the search can do at once, keep the promises of the search."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from test_replay import Twins

from caviar.errors import StudyError
from caviar.search.caviar import CaviarStrategy
from caviar.search.factory import caviar_strategy
from caviar.search.simulate import Conditions, Simulation
from caviar.study.records import Measurement, Round, Trial, Value
from caviar.study.spec import StudySpec

KEYS = {
    "network": [
        ("layers = 2", "layers = 1", "layers = { low = 0, high = 3 }"),
        (
            "units = { low = 8, high = 64 }",
            "units = { low = 8, high = 32, expand = true }",
            "units = { choices = [16, 32] }",
        ),
    ],
    "training": [
        (
            'learning_rate = { low = 1e-4, high = 1.0, scale = "log" }',
            'learning_rate = { low = 1e-3, high = 1e-2, scale = "log", expand = true }',
            "learning_rate = { choices = [0.001, 0.005, 0.1] }",
        ),
        ('optimizer = "adam"', 'optimizer = { choices = ["sgd", "adam", "momentum"] }'),
        ("batch_size = 32", "batch_size = { choices = [32, 64] }"),
    ],
    "search": [
        ('searcher = "zoom"', 'searcher = "zoom"', 'searcher = "halton"'),
        ("trials = 9", "trials = 40", "trials = 70"),
        ("max_epochs = 1", "max_epochs = 9", "max_epochs = 10"),
        ("brackets = 1", "brackets = 2"),
        ("noise = 0.0", "noise = 0.05"),
        ("replicates = 0", "replicates = 3"),
        ('metric = "dev_loss"', 'metric = "dev_accuracy"'),
        ("where = []", 'where = ["units >= 16"]', 'where = ["batch_size == 32 or units > 20"]'),
        ("points = []", "points = [{ learning_rate = 0.005 }, { batch_size = 32 }]"),
    ],
    "budget": [("", "trial_epochs = 60", "trial_epochs = 300"), ("", "plateau = 20")],
}


@st.composite
def studies(draw: st.DrawFn) -> StudySpec:
    """Study files made of these lines."""
    text = ""
    for table, keys in KEYS.items():
        text += f"[{table}]\n" + "".join(f"{draw(st.sampled_from(lines))}\n" for lines in keys)
    try:
        return StudySpec.parse(text)
    except StudyError as error:
        assume("search.brackets" not in str(error))
        raise


def curve(hyperparameters: Mapping[str, Value], epoch: int) -> float:
    """Best at a rate of 0.03, better with every epoch, some luck; one epoch in 50 diverges."""
    known = repr((epoch, sorted(hyperparameters.items()))).encode()
    luck = int.from_bytes(hashlib.blake2b(known, digest_size=6).digest(), "big") / 2**48
    if luck < 0.02:
        return math.nan
    rate = math.log10(float(hyperparameters["learning_rate"]))
    return math.exp(-((rate + 1.5) ** 2)) * (1 - 0.5 / epoch) + 0.02 * luck


@settings(max_examples=25, deadline=None)
@given(spec=studies(), slices=st.integers(1, 3), seed=st.integers(0, 99))
def test_any_study_keeps_the_promises(spec: StudySpec, slices: int, seed: int) -> None:
    mishaps = Conditions(slices=slices, failure_rate=0.03, kill_rate=0.1, seed=seed)

    def make() -> CaviarStrategy:
        return caviar_strategy(spec, slices=slices)

    survivor = make()  # which the killed ones must agree with
    simulation = Simulation(lambda: Twins(make, survivor), curve, mishaps)
    entries = simulation.run().entries
    drawn = [e for e in entries if isinstance(e, Trial) and e.origin != "replicate"]
    assert len(drawn) <= spec.search.trials
    assert len({tuple(sorted(trial.hyperparameters.items())) for trial in drawn}) == len(drawn)
    for trial in drawn:
        assert trial.origin == "given" or spec.space.feasible(trial.hyperparameters)
    seen = [(e.trial, e.epoch) for e in entries if isinstance(e, Measurement)]
    assert len(set(seen)) == len(seen)
    assert len(seen) <= (spec.budget.trial_epochs or math.inf)
    for begun in (e for e in entries if isinstance(e, Round)):
        inside = zip(begun.box, begun.bounds, strict=True)
        assert all(low >= least and high <= most for (low, high), (least, most) in inside)


@pytest.mark.parametrize("table", KEYS)
def test_every_line_is_read(table: str) -> None:
    for lines in KEYS[table]:
        for line in lines:
            longer = "[search]\nmax_epochs = 9\n" if line == "brackets = 2" else f"[{table}]\n"
            StudySpec.parse(f"{longer}{line}\n")
