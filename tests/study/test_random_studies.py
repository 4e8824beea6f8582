"""Whatever valid file a person writes: it is read, every trial has a signature, nothing is lost."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from study_files import study_tables, study_texts

from caviar.space.domain import Value
from caviar.study.describe import count_weights, describe, most_compiled_steps
from caviar.study.flat import key_of
from caviar.study.records import Signature
from caviar.study.signature import signature_of, units_of
from caviar.study.spec import StudySpec
from caviar.study.tables import OPTIMIZERS, SCHEDULES, TECHNIQUES

COORDINATES = st.sampled_from([0.0, 0.3, 0.5, 1.0])


def close(found: dict[str, Value]) -> dict[str, Value]:
    return {
        name: pytest.approx(value, rel=1e-9) if isinstance(value, float) else value
        for name, value in found.items()
    }


@settings(deadline=None, max_examples=60)
@given(study_texts(), st.data())
def test_every_valid_file_gives_trials(text: str, data: st.DataObject) -> None:
    spec = StudySpec.parse(text)
    assert StudySpec.from_json(spec.to_json()) == spec
    space = spec.space
    point = data.draw(st.tuples(*[COORDINATES] * space.dimensions))
    trial = space.decode(point)
    assert trial == close(space.decode(space.encode(trial)))
    assert list(trial) == [name for name in (*space.names, *space.fixed) if name in trial]
    signature = signature_of(spec, trial)
    assert Signature.parse(str(signature)) == signature
    _check_shape(signature, trial)
    _check_owned(trial)
    used = {key_of(n) for n, v in trial.items() if v != TECHNIQUES.get(key_of(n), v)}
    assert used & TECHNIQUES.keys() <= set(signature.techniques)


def _check_shape(signature: Signature, trial: dict[str, Value]) -> None:
    """The trial fits, and layers it lacks are as wide as the one before."""
    units = units_of(trial)
    widths = signature.widths
    assert bool(units) == bool(widths)
    assert len(units) <= len(widths)
    assert all(u <= w for u, w in zip(units, widths, strict=False))
    assert len(set(widths[max(len(units) - 1, 0) :])) <= 1 or len(units) == len(widths)


def _check_owned(trial: dict[str, Value]) -> None:
    """What an optimiser or a schedule needs is there, and only that."""
    for owner, kinds in (("optimizer", OPTIMIZERS), ("schedule", SCHEDULES)):
        owned = {name for names in kinds.values() for name in names}
        assert owned & trial.keys() == set(kinds[str(trial[owner])])


@settings(deadline=None, max_examples=30)
@given(study_tables(max_units=700), st.integers(0, 2**32 - 1))
def test_the_figures_of_a_study_bound_its_trials(tables: dict, seed: int) -> None:
    spec = StudySpec.model_validate(tables | {"search": {"trials": 1_000_000}})
    told = describe(spec, 64, 10)
    points = np.random.default_rng(seed).random((40, spec.space.dimensions))
    trials = [spec.space.decode(point) for point in points]
    assert len({signature_of(spec, trial) for trial in trials}) <= most_compiled_steps(spec)
    assert told.weights is not None
    for trial in trials:
        norm = bool(trial.get("batch_norm", True))
        weights = count_weights(units_of(trial), 64, 10, norm)
        assert told.weights[0] <= weights <= told.weights[1]
    named = {row.name for row in told.rows}
    assert {name for trial in trials for name in trial} <= named
    assert {row.name for row in told.rows if not row.when} <= set.intersection(*map(set, trials))
