"""`search.where`: constraints of a study file, and what may be wrong with them."""

import io
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console
from study_files import Tables, study_tables

from caviar.errors import StudyError
from caviar.report.tables import print_description
from caviar.space.domain import Float, Integer
from caviar.space.search_space import SearchSpace
from caviar.study.describe import describe
from caviar.study.signature import signature_of
from caviar.study.spec import StudySpec
from caviar.study.where import MOST_CHARACTERS, share_feasible

OPTIMIZERS = """
[network]
layers = { low = 1, high = 3 }
units = [{ low = 10, high = 90 }, { low = 10, high = 90 }, 40]
[training]
optimizer = { choices = ["sgd", "momentum"] }
momentum = { low = 0.5, high = 0.99 }
[search]
where = """


def study(where: str, tables: str = "") -> StudySpec:
    return StudySpec.parse(f"{tables}\n[search]\nwhere = {where}")


def refused(where: str, tables: str = "") -> str:
    with pytest.raises(StudyError) as caught:
        study(where, tables)
    return str(caught.value)


def test_a_text_is_a_list_of_one() -> None:
    one, many = study('"units <= 80"'), study('["units <= 80"]')
    assert one == many
    assert one.search.where == ("units <= 80",)
    assert list(map(str, one.space.constraints)) == ["units <= 80"]
    assert StudySpec.from_json(one.to_json()) == one


def test_it_is_part_of_what_the_study_is() -> None:
    one, other = study('"units <= 80"'), study('"units <= 81"')
    assert one.fingerprint != other.fingerprint
    assert one.difference(other) == ["search.where: ['units <= 80'] -> ['units <= 81']"]


def test_its_space_is_the_same_cube() -> None:
    spec = study('["units * layers <= 200", "learning_rate < 0.1"]')
    assert spec.space.domains == StudySpec().space.domains
    trial = spec.space.decode([0.5] * spec.space.dimensions)
    assert (trial["units"], trial["layers"]) == (75, 3)
    assert not spec.space.feasible(trial)
    assert spec.space.feasible(trial | {"layers": 2})
    assert not spec.space.feasible(trial | {"layers": 2, "learning_rate": 0.2})


def test_layers_and_owned_hyperparameters_that_a_trial_lacks() -> None:
    spec = StudySpec.parse(OPTIMIZERS + '["units_2 < units_1", "units_3 >= units_2"]')
    for layers, feasible in ((1, True), (2, False), (3, False)):
        trial = {"layers": layers, "units_1": 20, "units_2": 50, "units_3": 40}
        present = {n: v for n, v in trial.items() if n == "layers" or int(n[-1]) <= layers}
        assert spec.space.feasible(present) is feasible
    spec = StudySpec.parse(OPTIMIZERS + '"momentum < 0.6"')
    for optimizer, feasible in (("sgd", True), ("momentum", False)):
        places = {"optimizer": spec.space.domains["optimizer"].encode(optimizer)}
        point = [places.get(name, 0.5) for name in spec.space.names]
        assert spec.space.feasible_point(point) is feasible


def test_values_that_change_nothing_can_be_named() -> None:
    spec = study('"keep_prob >= learning_rate and l2 < learning_rate"')
    assert (spec.space.fixed["keep_prob"], spec.space.fixed["l2"]) == (1.0, 0.0)
    assert spec.techniques == StudySpec().techniques == ()
    trial = spec.space.decode([0.5] * spec.space.dimensions)
    plain = StudySpec().space.decode([0.5] * spec.space.dimensions)
    assert signature_of(spec, trial) == signature_of(StudySpec(), plain)


def test_a_value_that_only_some_trials_have() -> None:
    tables = """
    [training]
    optimizer = { choices = ["sgd", "adam"] }
    [regularization]
    keep_prob = { value = 0.5, when = { optimizer = "sgd" } }
    """
    spec = study('"keep_prob * units <= 30 or units <= 60"', tables)
    assert spec.space.feasible({"units": 80})
    assert not spec.space.feasible({"units": 80, "keep_prob": 0.5})
    assert share_feasible(study('"keep_prob > 0.6"', tables).space) == pytest.approx(0.5, abs=0.05)


def test_a_value_that_follows_another() -> None:
    tables = '[training]\nschedule = { choices = ["cosine", "exponential"] }'
    spec = study('"decay_epochs > 20"', tables)
    assert spec.space.feasible({"decay_epochs": 27.0})
    assert share_feasible(spec.space) == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ('"unitz < 3"', 'unknown hyperparameter "unitz", did you mean "units"?'),
        ('"units_2 < 80"', 'unknown hyperparameter "units_2", did you mean "units"?'),
        ('"x < 3"', 'unknown hyperparameter "x", it must be a key such as optimizer'),
        (
            "\"optimizer != 'adamm' or units > 60\"",
            'optimizer is never "adamm", did you mean "adam"?',
        ),
        (
            "\"units < 60 or not 'rilu' == activation\"",
            'activation is never "rilu", did you mean "relu"?',
        ),
        (
            "\"optimizer in ['adam', 'nag']\"",
            'optimizer is never "nag", known are sgd, momentum, nesterov, rmsprop, adam, adamw',
        ),
        (
            '"momentum < 0.9"',
            'no trial has momentum, since "adam" does not use it, got "momentum < 0.9"',
        ),
        ('"units.real < 3"', 'must not hold an attribute, got "units.real"'),
        ('"units < 80 and"', 'is no expression: invalid syntax, got "units < 80 and"'),
        ('"units < optimizer"', "must compare like with like, got a number and text"),
        ('"batch_norm < units"', "must compare like with like, got a number and true or false"),
        ('"units"', 'must be true or false of a trial, as "units <= 400" is, got a number'),
        (
            '"batch_norm"',
            'must name a hyperparameter that is searched, got "batch_norm", which is always true',
        ),
        (
            '["units > 60", "epsilon > 1"]',
            'must name a hyperparameter that is searched, got "epsilon > 1", which is always false',
        ),
        (
            '"1 < 2"',
            'must name a hyperparameter that is searched, got "1 < 2", which is always true',
        ),
        ('"units * layers <= 4"', 'no point of 10,000 drawn fulfils "units * layers <= 4"'),
        (
            '["units < 90", "units > 100"]',
            'no point of 10,000 drawn fulfils "units > 100"',
        ),
        (
            '["units < 60", "units > 60"]',
            'no point of 10,000 drawn fulfils "units < 60" and "units > 60" together',
        ),
        ("3", "must be a text or a list of texts, got 3"),
        (
            str(["units < 90"] * 201),
            f"must have at most {MOST_CHARACTERS} characters in all, got 2010",
        ),
    ],
)
def test_mistakes_are_told_in_one_line(where: str, message: str) -> None:
    assert refused(where).startswith(f"study.toml: search.where: {message}")


def test_the_first_feasible_point_ends_the_search_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[object] = []
    decode = SearchSpace.decode
    monkeypatch.setattr(SearchSpace, "decode", lambda *a: drawn.append(a) or decode(*a))
    study('"units >= 50 and log(learning_rate) < 1"')
    assert len(drawn) == 1


def test_a_narrow_space_is_accepted() -> None:
    space = study('"units == 77 and layers == 3 and batch_size == 64"').space
    assert 0 < share_feasible(space, 10_000) < 0.01


def test_bounds_that_may_grow_have_not_done_so_yet() -> None:
    tables = "[network]\nunits = { low = 50, high = 100, expand = true }"
    assert share_feasible(study('"units >= 50 and units <= 100"', tables).space) == 1.0
    assert "no point of 10,000 drawn fulfils" in refused('"units > 100"', tables)


def test_many_constraints_are_not_all_told() -> None:
    several = [f"units < {bound}" for bound in (60, 61, 62, 63, 64)] + ["units > 70"]
    told = '"units < 60" and "units < 61" and "units < 62" and "units < 63" and 2 more together'
    assert refused(str(several)).endswith(f"fulfils {told}")


def test_a_study_without_constraints_is_all_feasible() -> None:
    told = describe(StudySpec())
    assert (told.constraints, told.feasible) == ((), 1.0)
    assert "where" not in printed(StudySpec())


def test_check_shows_the_constraints_and_their_share() -> None:
    spec = study('["layers <= 3", "optimizer == \'adam\' and units <= 100"]')
    told = describe(spec)
    assert told.constraints == ("layers <= 3", "optimizer == 'adam' and units <= 100")
    assert told.feasible == pytest.approx(2 / 3, abs=0.05)
    assert "where: layers <= 3\nwhere: optimizer == 'adam' and units <= 100\n" in printed(spec)
    assert f"  about {100 * told.feasible:.1f} % of the space is feasible\n" in printed(spec)


def printed(spec: StudySpec) -> str:
    console = Console(file=io.StringIO(), width=200)
    print_description(console, spec)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def _bounds(data: st.DataObject, spec: StudySpec) -> dict[str, Any]:
    """Some searched numbers, each with a value at two thirds of its domain as a bound."""
    numeric = [n for n, one in spec.space.domains.items() if isinstance(one, Float | Integer)]
    named = (
        data.draw(st.lists(st.sampled_from(numeric), unique=True, max_size=3)) if numeric else []
    )
    return {name: spec.space.domains[name].decode(0.66) for name in named}


@settings(deadline=None, max_examples=40)
@given(study_tables(), st.data())
def test_random_studies_with_constraints(tables: Tables, data: st.DataObject) -> None:
    free = StudySpec.model_validate(tables)
    bounds = _bounds(data, free)
    where = [f"{name} <= {bound!r}" for name, bound in bounds.items()]
    search = tables.get("search", {}) | {"where": where}
    spec = StudySpec.model_validate(tables | {"search": search})
    assert StudySpec.from_json(spec.to_json()) == spec
    assert spec.space.domains == free.space.domains
    places = st.sampled_from([0.0, 0.3, 0.5, 0.7, 1.0])
    point = data.draw(st.tuples(*[places] * spec.space.dimensions))
    trial = spec.space.decode(point)
    assert trial == free.space.decode(point)
    expected = all(name not in trial or trial[name] <= bound for name, bound in bounds.items())
    assert spec.space.feasible(trial) is spec.space.feasible_point(point) is expected
