"""The table of the data: by name or by path, and what is done to them."""

import json
from pathlib import Path

import pytest

from caviar.errors import StudyError
from caviar.study.spec import StudySpec

TABLE = """
[data]
path = "measured/Iris flowers.csv"
label = "species"
drop = ["id"]
categorical = ["year", "site"]
missing = "median"
normalise = false
class_weights = { setosa = 1, virginica = 2.5 }
feed = "stream"
"""


def test_a_table_of_ones_own() -> None:
    data = StudySpec.parse(TABLE).data
    assert (data.name, data.path, data.title) == (
        "",
        "measured/Iris flowers.csv",
        "Iris flowers.csv",
    )
    assert (data.label, data.drop, data.categorical) == ("species", ("id",), ("year", "site"))
    assert (data.missing, data.normalise, data.feed) == ("median", False, "stream")
    assert data.class_weights == {"setosa": 1.0, "virginica": 2.5}
    spec = StudySpec.parse(TABLE)
    assert StudySpec.from_json(spec.to_json()) == spec


def test_a_name_stays_a_name() -> None:
    data = StudySpec.parse('[data]\nname = "wine"').data
    assert (data.name, data.path, data.title, data.class_weights) == ("wine", None, "wine", "none")


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("Iris flowers.csv", "iris-flowers"),
        ("/somewhere/photos", "photos"),
        ("_x.npz", "x"),
        ("Ä.npz", "study"),
        ("x" * 100, "x" * 64),
    ],
)
def test_a_nameless_study_is_called_after_its_file(path: str, name: str) -> None:
    assert StudySpec.parse(f'[data]\npath = "{path}"').name == name


def test_a_path_begins_at_the_study_files_folder(tmp_path: Path, monkeypatch) -> None:
    study = tmp_path / "there" / "study.toml"
    study.parent.mkdir()
    study.write_text(TABLE)
    monkeypatch.chdir(tmp_path)
    for asked in (study, "there/study.toml"):
        spec = StudySpec.load(asked)
        assert spec.data.path == str(tmp_path / "there" / "measured" / "Iris flowers.csv")
    assert spec.name == "iris-flowers"
    study.write_text("[data]\npath = '/elsewhere/x.npz'")
    assert StudySpec.load(study).data.path == "/elsewhere/x.npz"
    study.write_text("[data]\npath = '~/x.npz'")
    monkeypatch.setenv("HOME", "/home/somebody")
    assert StudySpec.load(study).data.path == "/home/somebody/x.npz"


def test_where_the_data_lie_and_how_they_are_fed_makes_no_other_study() -> None:
    spec = StudySpec.parse(TABLE)
    moved = TABLE.replace("measured", "/moved/to").replace('"stream"', '"resident"')
    assert spec.difference(StudySpec.parse(moved)) == []
    assert spec.fingerprint == StudySpec.parse(moved).fingerprint
    other = StudySpec.parse(TABLE.replace("Iris flowers", "tulips"))
    assert spec.difference(other)[-1] == "data.path: 'Iris flowers.csv' -> 'tulips.csv'"
    assert spec.fingerprint != other.fingerprint


def test_a_study_written_before_these_keys_existed_is_the_same_study() -> None:
    old = {
        "data": {"data_dir": None, "fractions": None, "name": "digits"},
        "name": "digits",
        "network": {
            "layers": {"high": 4, "low": 2, "scale": "linear"},
            "units": {"high": 100, "low": 50, "scale": "linear"},
        },
        "resources": {"checkpoint_s": 120.0, "stack": "auto"},
        "search": {"grace_epochs": 1, "max_epochs": 27, "metric": "dev_accuracy", "trials": 64},
        "seed": 0,
        "training": {
            "batch_size": {"choices": [32, 64, 128, 256]},
            "beta_1": {"high": 0.999, "low": 0.9, "scale": "one_minus"},
            "beta_2": {"high": 0.9999, "low": 0.9, "scale": "one_minus"},
            "diverged_above": 3.0,
            "epsilon": 1e-8,
            "learning_rate": {"high": 1.0, "low": 0.0001, "scale": "log"},
            "learning_rate_decay": 0.0,
            "momentum": 0.9,
            "optimizer": "adam",
        },
    }
    assert StudySpec.from_json(json.dumps(old)).difference(StudySpec()) == []
    assert StudySpec.from_json(json.dumps(old)) == StudySpec()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "name = 'wine'\npath = 'x.npz'",
            "path: must not stand beside name: a study has one data set",
        ),
        (
            "name = ''",
            "name: must be NAME, NAME/CONFIG or NAME:1.0.0 as TensorFlow Datasets writes it, "
            "got ''",
        ),
        ("path = ''", "path: must be a file or a folder, got ''"),
        ("path = 3", "path: must be text, got 3"),
        (
            "label = 'y'",
            "label: must not be given: only .csv and .parquet files have columns, "
            "got name 'digits'",
        ),
        (
            "path = 'x.npz'\ndrop = ['id']",
            "drop: must not be given: only .csv and .parquet files have columns, "
            "got path 'x.npz'",
        ),
        ("path = 'x.csv'\ndrop = 'id'", "drop: must be a list of columns' names, got 'id'"),
        ("path = 'x.csv'\ndrop = ['a', 'a']", "drop: must name a column once, got 'a' twice"),
        (
            "path = 'x.csv'\nlabel = 'y'\ndrop = ['y']",
            "drop: must not hold the label, got ['y']",
        ),
        (
            "path = 'x.csv'\ndrop = ['a']\ncategorical = ['b', 'a']",
            "categorical: must not hold a column of drop, got 'a'",
        ),
        (
            "missing = 'zero'",
            "missing: must be 'refuse', 'mean', 'median' or 'most_frequent', got 'zero'",
        ),
        (
            "class_weights = 'even'",
            'class_weights: must be "none", "balanced" or a table of weights by class name, '
            "got 'even'",
        ),
        (
            "class_weights = [1, 2]",
            'class_weights: must be "none", "balanced" or a table of weights by class name, '
            "got [1, 2]",
        ),
        ("class_weights = { a = 0 }", "class_weights.a: must be > 0, got 0.0"),
        ("class_weights = {}", 'class_weights: must name a class, or be "none", got {}'),
        (
            "task = 'regression'",
            "task: unknown key, caviar classifies only: it has no task or loss to choose, "
            "and no regression",
        ),
        ("target = 'y'", 'target: unknown key, the column of the class is "label"'),
    ],
)  # fmt: skip
def test_a_mistake_is_told_in_one_line(text: str, message: str) -> None:
    with pytest.raises(StudyError) as caught:
        StudySpec.parse(f"[data]\n{text}")
    assert str(caught.value) == f"study.toml: data.{message}"
