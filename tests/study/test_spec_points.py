"""`[[search.points]]`, spaces too small, and what a study needs before it can run."""

from __future__ import annotations

import pytest

from caviar.errors import StudyError
from caviar.study import readiness
from caviar.study.readiness import check_ready
from caviar.study.remarks import remarks
from caviar.study.spec import StudySpec

NETWORK = """
[network]
layers = { low = 1, high = 3 }
units = { low = 16, high = 128, step = 16 }
[training]
optimizer = { choices = ["adam", "sgd"] }
learning_rate = { low = 1e-4, high = 1.0, scale = "log" }
beta_1 = { low = 0.8, high = 0.99, scale = "one_minus" }
batch_size = 64
"""
FIXED = """
[network]
layers = 2
units = 64
[training]
optimizer = "adam"
learning_rate = 0.01
beta_1 = 0.9
beta_2 = 0.999
batch_size = 64
"""


def study(points: str, more: str = "", network: str = NETWORK) -> StudySpec:
    rows = "".join(f"[[search.points]]\n{row}\n" for row in points.split("|") if points)
    return StudySpec.parse(f"{network}\n[search]\n{more}\n{rows}")


@pytest.mark.parametrize(
    ("points", "rule"),
    [
        ("unitz = 64", 'row 1: unknown hyperparameter "unitz", did you mean "units"?'),
        ("units = 64|units = 999", "row 2: units must be a whole number in [16, 128], got 999"),
        ("units = 17", "row 1: units must be 16 plus whole steps of 16, got 17"),
        ("learning_rate = nan", "row 1: learning_rate must be in [0.0001, 1.0], got nan"),
        ('optimizer = "adagrad"', "row 1: optimizer must be one of ['adam', 'sgd'], got 'adagrad'"),
        ("batch_size = 32", "row 1: batch_size is not searched: it must be 64, got 32"),
        ("momentum = 0.9", 'row 1: no trial has momentum, since none of "adam", "sgd" uses it'),
        (
            'optimizer = "sgd"\nbeta_1 = 0.9',
            "row 1: beta_1: plays only beside optimizer = adam, got sgd",
        ),
        ("", ""),
    ],
)
def test_points_are_checked_when_the_study_is_read(points: str, rule: str) -> None:
    if not rule:
        with pytest.raises(StudyError, match=r"search.points: row 1: must name a hyperparameter"):
            StudySpec.parse("[[search.points]]")
        return
    with pytest.raises(StudyError) as caught:
        study(points)
    assert str(caught.value) == f"study.toml: search.points: {rule}"


def test_points_may_be_partial_and_repeat_what_is_fixed() -> None:
    spec = study('units = 64\nbatch_size = 64|optimizer = "adam"\nbeta_1 = 0.9|learning_rate = 1')
    assert [dict(point) for point in spec.search.points] == [
        {"units": 64, "batch_size": 64},
        {"optimizer": "adam", "beta_1": 0.9},
        {"learning_rate": 1},
    ]
    assert StudySpec.from_json(spec.to_json()) == spec
    assert not [line for line in remarks(spec) if "points" in line]


def test_a_point_outside_the_constraints_is_remarked_on() -> None:
    spec = study("units = 128\nlayers = 3|units = 128", 'where = "units * layers <= 256"')
    assert [line for line in remarks(spec) if "points" in line] == [
        'search.points: row 1 does not fulfil "units * layers <= 256": it is tried all the same'
    ]


def test_more_points_than_trials_are_remarked_on() -> None:
    spec = study("units = 16|units = 32|units = 48", "trials = 2")
    assert "search.points: of 3 only the first trials = 2 are tried" in remarks(spec)


SMALL = FIXED.replace("units = 64", "units = { choices = [16, 32, 64] }")


def test_a_space_smaller_than_the_trials_is_remarked_on() -> None:
    line = "search.trials: the space holds only 3 configurations: the study ends after them"
    assert line in remarks(study("", "trials = 4", SMALL))
    assert line not in remarks(study("", "trials = 3", SMALL))
    assert not [one for one in remarks(study("", "trials = 999")) if "holds" in one]


def test_a_grid_smaller_than_the_trials_is_remarked_on() -> None:
    network = FIXED.replace("0.01", '{ low = 1e-4, high = 1.0, scale = "log" }').replace(
        "units = 64", "units = { low = 16, high = 1024 }"
    )
    line = "search.trials: the grid has only 56 points: the study ends after them"
    assert line in remarks(study("", 'trials = 60\nsearcher = "grid"', network))
    assert not remarks(study("", 'trials = 64\nsearcher = "grid"', network))


def test_nothing_to_search_is_refused_for_many_trials() -> None:
    with pytest.raises(
        StudyError, match=r"search.trials: nothing is searched.*it must be 1, got 4"
    ):
        check_ready(study("", "trials = 4", FIXED))
    check_ready(study("", "trials = 1", FIXED))
    check_ready(study("", 'trials = 4\nstrategy = "panda"', FIXED))
    check_ready(study("", "trials = 4"))


def test_a_grid_without_a_number_of_trials_is_refused() -> None:
    table = '\n[search]\nsearcher = "grid"\n[budget]\n'
    for bound in ("trial_epochs = 500", "hours = 1.0"):
        with pytest.raises(StudyError, match=r"search\.trials: a grid is laid out for a number of"):
            check_ready(StudySpec.parse(table + bound))
    check_ready(StudySpec.parse(table.replace("grid", "halton") + "hours = 1.0"))
    check_ready(StudySpec.parse(table + "target = 0.9"))


@pytest.mark.parametrize("searcher", ["tpe", "cmaes"])
def test_a_missing_package_is_named_with_the_command(searcher: str, monkeypatch) -> None:
    spec = study("", f'searcher = "{searcher}"')
    check_ready(spec)
    monkeypatch.setattr(readiness, "find_spec", lambda package: None)
    with pytest.raises(StudyError) as caught:
        check_ready(spec)
    package = "optuna" if searcher == "tpe" else "cmaes"
    install = "pip install 'caviar[optuna]'"
    assert str(caught.value) == f"search.searcher: {searcher} needs {package}: {install}"
