"""`expand = true`: bounds of a study's ranges that the search may move."""

import copy
import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from study_files import study_tables

from caviar.errors import StudyError
from caviar.search.box import Box
from caviar.search.factory import caviar_strategy, some_trials
from caviar.space.domain import Float, Integer, Value
from caviar.study.describe import describe, most_compiled_steps
from caviar.study.flat import rule_of
from caviar.study.records import Signature, Trial
from caviar.study.run_tables import SEARCHERS
from caviar.study.signature import is_small, padded_widths, signature_of, units_of
from caviar.study.spec import StudySpec

RATE = '{ low = 1e-4, high = 1e-2, scale = "log", expand = true }'
BOTH = StudySpec.parse(
    f"[network]\nlayers = 2\n[training]\nlearning_rate = {RATE}\nbatch_size = 64"
)
UNITS = "[network]\nlayers = {depth}\nunits = {{ low = {low}, high = {high}, expand = true }}"


def study(text: str) -> StudySpec:
    return StudySpec.parse(text)


def test_the_axis_reaches_as_far_as_the_bounds_may_and_the_home_is_the_files() -> None:
    place = BOTH.space.names.index("learning_rate")
    domain = BOTH.space.domains["learning_rate"]
    assert isinstance(domain, Float)
    assert (domain.low, domain.high, domain.home) == (1e-8, 100.0, (1e-4, 1e-2))
    assert BOTH.home[place] == (pytest.approx(0.4), pytest.approx(0.6))
    assert all(pair == (0.0, 1.0) for axis, pair in enumerate(BOTH.home) if axis != place)


def test_a_study_without_expand_is_as_it_was() -> None:
    spec = StudySpec()
    assert set(spec.home) == {(0.0, 1.0)}
    assert study(f"[training]\nlearning_rate = {RATE.replace('true', 'false')}") == study(
        f"[training]\nlearning_rate = {RATE.replace(', expand = true', '')}"
    )


def test_it_is_kept_in_the_journals_specification() -> None:
    again = StudySpec.from_json(BOTH.to_json())
    assert again == BOTH
    assert again.home == BOTH.home
    assert '"learning_rate":{"expand":true,"high":0.01,"low":0.0001,"scale":"log"}' in (
        BOTH.to_json()
    )
    without = study(f"[network]\nlayers = 2\n[training]\nbatch_size = 64\nlearning_rate = "
                    f"{RATE.replace('true', 'false')}")  # fmt: skip
    assert [line.split(":")[0] for line in without.difference(BOTH)] == ["training.learning_rate"]
    assert BOTH.fingerprint != without.fingerprint


def test_trials_are_drawn_from_the_home_and_points_given_beyond_it_are_tried() -> None:
    text = f"""
        [training]
        learning_rate = {RATE}
        [search]
        searcher = "sobol"
        trials = 40
        max_epochs = 1
        [[search.points]]
        learning_rate = 0.5
        """
    strategy = caviar_strategy(study(text))
    strategy.next_assignment()
    rates = [trial.hyperparameters["learning_rate"] for trial in strategy.trials]
    assert rates[0] == 0.5  # to the digit, whatever the cube makes of it
    assert len(rates) == 40
    assert min(rates[1:]) > 1e-4
    assert max(rates[1:]) < 1e-2
    assert min(rates) < 2e-4
    assert max(rates[1:]) > 5e-3


@pytest.mark.parametrize("searcher", SEARCHERS)
def test_every_searcher_keeps_to_the_home(searcher: str) -> None:
    if searcher in {"tpe", "gp"}:
        pytest.importorskip("optuna" if searcher == "tpe" else "torch")
    if searcher == "cmaes":
        pytest.importorskip("cmaes")
    spec = study(
        f"[network]\nlayers = 2\n[training]\nlearning_rate = {RATE}\n"
        "batch_size = { low = 16, high = 64, step = 16, expand = true }\n"
        f'[search]\nsearcher = "{searcher}"\ntrials = 12\nmax_epochs = 1'
    )
    strategy = caviar_strategy(spec)
    for _ in range(12):
        strategy.next_assignment()
    assert strategy.trials
    for trial in strategy.trials:
        assert trial.hyperparameters["learning_rate"] * (1 + 1e-9) >= 1e-4
        assert trial.hyperparameters["learning_rate"] <= 1e-2 * (1 + 1e-9)
        assert 16 <= trial.hyperparameters["batch_size"] <= 64


def test_networks_to_check_gradients_of_are_of_the_home() -> None:
    spec = study(f"[network]\nunits = {{ low = 10, high = 20, expand = true }}\nlayers = 2\n"
                 f"[training]\nlearning_rate = {RATE}")  # fmt: skip
    (trial,) = some_trials(spec).values()
    assert isinstance(trial, Trial)
    assert 1e-4 <= trial.hyperparameters["learning_rate"] <= 1e-2
    assert 10 <= trial.hyperparameters["units"] <= 20
    assert Box.between(spec.home).contains(trial.point)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            "[training]\nbatch_size = { choices = [32, 64], expand = true }",
            "training.batch_size: expand is for a range: only low and high could grow",
        ),
        (
            "[training]\nlearning_rate = { value = 0.1, expand = true }",
            "training.learning_rate: expand is for a range: only low and high could grow",
        ),
        (
            "[training]\nlearning_rate = { low = 0.1, high = 1.0, expand = 3 }",
            "training.learning_rate: expand must be true or false, got 3",
        ),
        (
            "[network]\nlayers = { low = 1, high = 3, expand = true }",
            "network.layers: must have no `expand`: its bounds cannot grow during a study",
        ),
        (
            "[augmentation]\nflip = { low = 0.0, high = 1.0, expand = true }",
            "augmentation.flip: expand must have room: low and high are at their limits already, "
            "got low 0.0 and high 1.0",
        ),
        (
            "[training]\nlearning_rate = { low = 0.1, high = 1.0, expnd = true }",
            "training.learning_rate: unknown key 'expnd', did you mean \"expand\"?",
        ),
    ],
)
def test_mistakes(text: str, line: str) -> None:
    with pytest.raises(StudyError, match=f"^study.toml: {re.escape(line)}$"):
        study(text)


@pytest.mark.parametrize(
    ("text", "name", "low", "high"),
    [
        ("[regularization]\nkeep_prob = {{ low = 0.5, high = 0.9{} }}", "keep_prob", 0.03125, 1.0),
        ('[training]\nbeta_1 = {{ low = 0.9, high = 0.99, scale = "one_minus"{} }}', "beta_1",
         0.0, 0.9999),
        ("[network]\nunits = {{ low = 50, high = 100{} }}", "units", 1, 202),
        ("[training]\nbatch_size = {{ low = 32, high = 128, step = 32{} }}", "batch_size", 32, 384),
    ],
)  # fmt: skip
def test_no_bound_grows_past_what_its_key_allows(text, name, low, high) -> None:
    domain = study(text.format(", expand = true")).space.domains[name]
    assert isinstance(domain, Float | Integer)
    assert (domain.low, domain.high) == (low, pytest.approx(high))
    study(text.format("").replace(str(domain.home[0]), str(low)))  # the file may say so too


def test_units_a_layer_grow_too() -> None:
    spec = study("[network]\nunits = [{ low = 20, high = 40, expand = true }, 30]\n")
    assert spec.space.domains["units_1"].bounds == (1, 82)
    assert padded_widths(spec, (40, 30)) == (48, 30)
    assert padded_widths(spec, (50, 30)) == (96, 30)


def test_only_networks_beyond_the_home_are_padded_to_what_units_may_grow_to() -> None:
    spec = study(UNITS.format(depth=2, low=50, high=100))
    assert padded_widths(spec, (100, 100)) == (112, 112)
    assert padded_widths(spec, (101, 101)) == (208, 208)
    plain = study("[network]\nlayers = 2\nunits = { low = 50, high = 100 }")
    assert most_compiled_steps(spec) == 2 * most_compiled_steps(plain)
    values = spec.space.decode([low for low, _ in spec.home])
    assert signature_of(spec, values) == Signature((112, 112), 32, "adam")


def test_small_networks_may_grow_large() -> None:
    spec = study(UNITS.format(depth=2, low=100, high=250))
    assert is_small(spec)
    assert not is_small(spec, grown=True)
    assert padded_widths(spec, (250, 250)) == (256, 256)
    assert padded_widths(spec, (300, 300)) == (384, 384)  # by buckets, as of any large network


def test_check_tells_the_persons_bounds_and_how_far_they_may_grow() -> None:
    row = next(row for row in describe(BOTH).rows if row.name == "learning_rate")
    assert (row.low, row.high, row.grows) == (1e-4, 1e-2, (1e-8, 100.0))
    assert row.samples == pytest.approx([10**-e for e in (3.8, 3.4, 3.0, 2.6, 2.2)])
    assert all(row.grows is None for row in describe(BOTH).rows if row.name != "learning_rate")


def test_constraints_are_judged_where_trials_are_drawn() -> None:
    rule = '[search]\nwhere = "learning_rate > 0.05"'
    with pytest.raises(StudyError, match=r"no point of 10,000 drawn fulfils"):
        study(f"[training]\nlearning_rate = {RATE}\n{rule}")


def test_a_condition_on_a_range_that_may_grow_always_leaves_some_out() -> None:
    spec = study(
        "[network]\nlayers = 1\nunits = { low = 4, high = 5, expand = true }\n"
        "[regularization]\nl2 = { value = 0.1, when = { units = [4, 5] } }"
    )
    assert "l2" in spec.space.conditions


def ranges(tables: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every range of a study's tables, entries a layer included."""
    for table in ("network", "regularization", "augmentation", "training"):
        for held in tables.get(table, {}).values():
            for one in held if isinstance(held, list) else [held]:
                if isinstance(one, dict) and "low" in one:
                    yield one


def letting_grow(tables: dict[str, Any]) -> dict[str, Any]:
    """The same study with `expand` on every range that may have it."""
    for one in ranges(tables):
        one["expand"] = True
        try:
            StudySpec.model_validate(tables)
        except ValidationError:
            del one["expand"]
    return tables


@settings(deadline=None, max_examples=12)
@given(study_tables(max_units=700), st.integers(0, 2**32 - 1))
def test_whatever_may_grow_keeps_trials_within_limits_and_signatures_counted(tables, seed) -> None:
    plain = StudySpec.model_validate(copy.deepcopy(tables))
    spec = StudySpec.model_validate(letting_grow(tables) | {"search": {"trials": 1_000_000}})
    assert StudySpec.from_json(spec.to_json()) == spec
    rng = np.random.default_rng(seed)
    points = rng.random((20, spec.space.dimensions))
    trials = [spec.space.decode(point) for point in points]
    assert len({signature_of(spec, trial) for trial in trials}) <= most_compiled_steps(spec)
    for trial in trials:
        for name, value in trial.items():
            if isinstance(value, int | float) and not isinstance(value, bool):
                rule_of(name).read_number(value)
        widths = signature_of(spec, trial).widths
        assert all(u <= w for u, w in zip(units_of(trial), widths, strict=False))
    # Drawn from the home a trial is one of the study that does not grow, and compiled as there.
    home = Box.between(spec.home)
    for point in points:
        trial = spec.space.decode(home.place(point))
        plain.space.encode({**trial, **_clipped(plain, trial)})
        assert signature_of(spec, trial).widths == signature_of(plain, trial).widths


def _clipped(spec: StudySpec, trial: Mapping[str, Value]) -> dict[str, Value]:
    """Real numbers without the last digits, by which a home may miss a person's bound."""
    found = {}
    for name, domain in spec.space.domains.items():
        if name in trial and isinstance(domain, Float) and domain.step is None:
            value = float(trial[name])
            found[name] = min(max(value, domain.low), domain.high)
            assert found[name] == pytest.approx(value, rel=1e-9)
    return found
