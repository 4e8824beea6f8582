"""NPZ files and registered functions: how arrays become a data set, and what is refused."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from caviar.data import registry
from caviar.data.arrays import read_npz
from caviar.data.load import load_dataset
from caviar.data.registry import register_dataset
from caviar.data.request import Request
from caviar.errors import StudyError


@pytest.fixture(autouse=True)
def _forget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_registered", {})


def arrays(**others: object) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (60, 4, 4)).astype(np.uint8)
    made = {"x": x, "y": np.arange(60) % 3} | others
    return {name: array for name, array in made.items() if array is not None}


def save(folder: Path, made: Mapping[str, Any]) -> Path:
    path = folder / "made.npz"
    np.savez(path, **made)
    return path


def test_bytes_stay_bytes_and_the_shape_is_kept(tmp_path: Path) -> None:
    data = load_dataset(Request(path=save(tmp_path, arrays())), 0)
    assert data.train.x.dtype == np.uint8
    assert (data.train.x.shape, data.feature_shape) == ((36, 16), (4, 4))
    assert data.image_shape == (4, 4, 1)
    assert (data.class_names, data.version, data.name) == (("0", "1", "2"), "file", "made.npz")
    z = data.standardised(data.train)
    np.testing.assert_allclose(z.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(z.std(axis=0), 1, atol=1e-5)


def test_its_own_parts_stay_what_they_are(tmp_path: Path) -> None:
    extra = arrays()
    more = {"x_test": extra["x"][:30], "y_test": extra["y"][:30]}
    more |= {"x_dev": extra["x"][30:], "y_dev": extra["y"][30:]}
    data = load_dataset(Request(path=save(tmp_path, arrays(**more))), 0)
    assert data.test is not None
    np.testing.assert_array_equal(data.dev.x, extra["x"][30:].reshape(30, 16))
    np.testing.assert_array_equal(data.test.y, extra["y"][:30])
    keras = {"x_train": extra["x"], "y_train": extra["y"]}
    assert len(load_dataset(Request(path=save(tmp_path, keras)), 0).train) == 36


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (["b", "a", "c"], ("a", "b", "c")),
        ([7, -1, 3], ("-1", "3", "7")),
        ([2.0, 1.0, 5.0], ("1", "2", "5")),
        ([True, False, True], ("False", "True")),
        ([0.5, 1.5, 2.5], ("0.5", "1.5", "2.5")),
    ],
)
def test_the_values_that_occur_are_the_classes(labels: list[Any], names: tuple[str]) -> None:
    register_dataset("made", lambda: arrays(y=np.array(labels * 20)))
    data = load_dataset("made", 0)
    assert data.class_names == names
    assert data.version == "registered"
    given = [labels[row % 3] for row in range(60)]
    expected = [given.count(label) for label in sorted(set(labels))]
    assert data.test is not None
    together = np.concatenate([data.train.y, data.dev.y, data.test.y])
    assert np.bincount(together).tolist() == expected


def test_a_registered_name_wins_and_may_be_registered_again() -> None:
    register_dataset("digits", arrays)
    assert load_dataset("digits", 0).features == 16
    register_dataset("digits", lambda: arrays(x=np.ones((60, 2)) * np.arange(60)[:, None]))
    assert load_dataset("digits", 0).features == 2


def test_class_names_and_a_shape_can_be_told() -> None:
    told = arrays(class_names=["a", "b", "c"], feature_shape=(2, 8))
    register_dataset("made", lambda: told)
    data = load_dataset("made", 0)
    assert (data.class_names, data.feature_shape) == (("a", "b", "c"), (2, 8))


def test_a_functions_own_error_passes_through() -> None:
    def broken() -> dict[str, object]:
        raise ZeroDivisionError

    register_dataset("made", broken)
    with pytest.raises(ZeroDivisionError):
        load_dataset("made", 0)


@pytest.mark.parametrize(("name", "function"), [("Made", arrays), ("a/b", arrays), ("made", 3)])
def test_what_cannot_be_registered(name: str, function: Any) -> None:
    with pytest.raises(StudyError, match=r"^register_dataset: "):
        register_dataset(name, function)


NAMES = ["a", "b", "c"]


@pytest.mark.parametrize(
    ("others", "message"),
    [
        ({"y": None}, "array 'y' is missing, got x"),
        ({"x_test": np.ones((3, 4, 4))}, "array 'y_test' is missing"),
        ({"z": np.ones(3)}, "unknown array 'z'; the arrays may be x, y, x_dev, y_dev, x_test, "),
        ({"x_train": np.ones((60, 16))}, "must hold 'x' or 'x_train', got both"),
        ({"x": [[1.0], [1.0, 2.0]]}, "array 'x' must be an array: "),
        ({"y": np.arange(59)}, "arrays 'x' and 'y' must have one row an example, got shapes [60"),
        ({"x": np.ones(60)}, "array 'x' must be [examples, features, ..], got shape [60]"),
        ({"x": np.full((60, 2), "a")}, "array 'x' must be numbers, got <U1"),
        ({"y": np.full(60, 1)}, "must have examples of at least two classes, got only '1'"),
        ({"y": np.linspace(0, 1, 60)}, "must be classes, got 60 different numbers in 60 examples"),
        ({"y": np.arange(60)}, "caviar classifies only, it does no regression"),
        ({"y": np.array([0.0, 1, np.nan] * 20)}, "array 'y': must be a class, got nan in row 2"),
        ({"y": np.eye(3)[np.arange(60) % 3]}, "must be one label an example, got shape [60, 3]"),
        ({"class_names": NAMES[:2]}, "labels must be in [0, 2), got 2 in row 2"),
        ({"class_names": NAMES, "y": np.arange(60) % 3 + 2**32}, "labels must be in [0, 3)"),
        ({"class_names": ["a", "a", "b"]}, "class_names must differ, got 'a' twice"),
        ({"feature_shape": (3, 3)}, "feature_shape must hold the 16 features of an example"),
        ({"feature_shape": (-4, -4)}, "16 features of an example, got [-4, -4]"),
        ({"feature_shape": "wide"}, "16 features of an example, got ['wide']"),
        ({"class_names": "abc"}, "class_names must be a list of names, got shape []"),
        ({"x_test": np.ones((3, 5)), "y_test": np.arange(3)}, "array 'x_test' must have 16 feat"),
        (
            {"x_dev": np.ones((4, 16)), "y_dev": np.array([0, 1, 0, 1])},
            "the dev part must have examples of every class, got none of '2'",
        ),
    ],
)
def test_what_cannot_be_learned_is_one_line(others: dict[str, Any], message: str) -> None:
    register_dataset("made", lambda: arrays(**others))
    with pytest.raises(StudyError) as caught:
        load_dataset("made", 0)
    assert str(caught.value).startswith("data.name: 'made'")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_none_or_holds_pickles_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "made.npz"
    path.write_bytes(b"PK\x03\x04 torn")
    with pytest.raises(StudyError, match=r"data.path: 'made.npz': must be a .npz of arrays"):
        load_dataset(Request(path=path), 0)
    np.savez(path, x=np.array([{}, []], object), y=np.arange(2))
    with pytest.raises(StudyError, match="without pickles"):
        load_dataset(Request(path=path), 0)


@pytest.mark.parametrize("name", ["absent.npz", "notes.txt"])
def test_other_paths_are_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(StudyError, match=rf"^data.path: .*{name}"):
        load_dataset(Request(path=tmp_path / name), 0)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "array 'x' is missing, got none"),
        ({7: np.ones(3)}, "unknown array 7; the arrays may be x, y, "),
        ({"x": None, "y": np.ones(3)}, "array 'x' is missing, got y"),
    ],
)
def test_what_is_no_mapping_of_known_arrays_is_one_line(
    given: dict[Any, Any], message: str
) -> None:
    register_dataset("made", lambda: given)
    with pytest.raises(StudyError, match=message):
        load_dataset("made", 0)


def test_names_from_pandas_and_masked_values() -> None:
    names = np.array(["ant", "bee", "cow"] * 20, object)
    x = np.ma.masked_equal(np.arange(960.0).reshape(60, 16), 3.0)
    register_dataset("made", lambda: {"x": x, "y": names, "x_test": None})
    data = load_dataset(Request(name="made", missing="mean", fractions=(0.8, 0.2, 0.0)), 0)
    assert data.class_names == ("ant", "bee", "cow")
    with pytest.raises(StudyError, match="got nan in row 0, feature 3"):
        load_dataset("made", 0)


def test_an_npz_that_is_none_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "made.npz"
    for content in (b"", b"PK\x03\x04 and so on", b"text"):
        path.write_bytes(content)
        with pytest.raises(StudyError, match=r"'made.npz': must be a .npz of arrays"):
            read_npz(path)
    with path.open("wb") as file:
        np.save(file, np.ones((3, 4)))
    with pytest.raises(StudyError, match="named arrays, got a single one"):
        read_npz(path)
