"""Data sets through TFDS: our own digits, what is refused, and reading in a child process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow_datasets as tfds
from etils import epath
from sklearn.datasets import load_digits
from tensorflow_datasets import features as kinds

from caviar.data import Request, load_dataset, tfds_source
from caviar.data.child import read_in_child
from caviar.data.tfds_features import choose_columns
from caviar.errors import StudyError


class CaviarTestTabular(tfds.core.GeneratorBasedBuilder):
    """Nested numbers, a bare integer label, and a test split without answers."""

    VERSION = tfds.core.Version("1.0.0")
    pkg_dir_path = epath.Path(__file__).parent

    def _info(self) -> tfds.core.DatasetInfo:
        return tfds.core.DatasetInfo(
            builder=self,
            features=kinds.FeaturesDict(
                {
                    "features": {"b": np.float32, "a": kinds.Tensor(shape=(2,), dtype=np.int64)},
                    "grade": np.int32,
                }
            ),
            supervised_keys=("features", "grade"),
        )

    def _split_generators(self, dl_manager: object) -> dict[str, object]:
        return {"train": self._generate_examples(True), "test": self._generate_examples(False)}

    def _generate_examples(self, labelled: bool) -> object:
        for index in range(40):
            grade = (5 if index % 2 else 3) if labelled else -1
            row = {"b": index / 2, "a": np.array([index, -index])}
            yield index, {"features": row, "grade": grade}


@pytest.fixture(scope="module")
def digits_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("tfds")
    load_dataset(Request("digits", data_dir=directory), 0)
    return directory


def test_digits_are_scikit_learns(digits_dir: Path) -> None:
    source = tfds_source.read("digits", digits_dir)
    train = source.splits["train"]
    assert (source.feature_shape, source.version) == ((8, 8), "1.0.0")
    assert (train.x.shape, train.x.dtype) == ((1797, 64), np.uint8)
    published = load_digits()
    ours = sorted(map(bytes, np.c_[train.x, train.y].astype(np.uint8)))
    theirs = sorted(map(bytes, np.c_[published.data, published.target].astype(np.uint8)))
    assert ours == theirs


def test_digits_are_cut_60_20_20_and_the_same_every_time(digits_dir: Path) -> None:
    data = load_dataset(Request("digits", data_dir=digits_dir), 3)
    assert data.test is not None
    assert (len(data.train), len(data.dev), len(data.test)) == (1079, 359, 359)
    assert load_dataset(Request("digits", data_dir=digits_dir), 3).fingerprint == data.fingerprint
    assert load_dataset(Request("digits", data_dir=digits_dir), 4).fingerprint != data.fingerprint


def test_digits_go_to_the_users_cache_by_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert tfds_source.default_data_dir("digits") == tmp_path / "caviar" / "datasets"
    assert tfds_source.default_data_dir("mnist:3.0.1") is None


def test_two_drivers_prepare_at_once_and_neither_loads_tensorflow(tmp_path: Path) -> None:
    code = (
        "import sys; from caviar.data import Request, load_dataset;"
        f"print(load_dataset(Request('digits', data_dir={str(tmp_path)!r}), 0).fingerprint);"
        "assert 'tensorflow' not in sys.modules"
    )
    drivers = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    prints = [driver.communicate(timeout=60)[0] for driver in drivers]
    assert [driver.returncode for driver in drivers] == [0, 0, 0]
    assert len(set(prints)) == 1
    assert len(prints[0]) == 65  # nothing printed but the fingerprint


@pytest.mark.parametrize(
    "name", ["kaggle:mnist", "mnist/a=1", "../digits", "Digits", "", "mnist:3"]
)
def test_names_of_another_form_are_refused(name: str) -> None:
    with pytest.raises(StudyError, match=r"data.name: must have the form .* got "):
        load_dataset(name, 0)


def test_an_unknown_data_set_names_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"no data set 'fashion_mnits'; .*\bfashion_mnist\b"):
        tfds_source.read("fashion_mnits", tmp_path / "absent")
    assert not (tmp_path / "absent").exists()


def test_an_unknown_version_is_told_in_one_line(digits_dir: Path) -> None:
    with pytest.raises(StudyError, match=r"cannot be loaded at version 9.9.9, only: 1.0.0") as e:
        tfds_source.read("digits:9.9.9", digits_dir)
    assert "\n" not in str(e.value)


def test_nested_numbers_and_integer_labels_and_a_test_split_without_answers(tmp_path: Path) -> None:
    tfds.disable_progress_bar()
    config = tfds.download.DownloadConfig()
    builder = CaviarTestTabular(data_dir=tmp_path, file_format="array_record")
    builder.download_and_prepare(download_config=config)
    here = tfds_source.read("caviar_test_tabular", tmp_path)
    assert (here.class_names, here.feature_shape, list(here.splits)) == (
        ("3", "5"),
        (3,),
        ["train"],
    )
    train = here.splits["train"]
    np.testing.assert_array_equal(train.x[:, 1], -train.x[:, 0])
    np.testing.assert_array_equal(train.x[:, 2], train.x[:, 0] / 2)
    np.testing.assert_array_equal(train.y, train.x[:, 0].astype(int) % 2)
    child = read_in_child("caviar_test_tabular", tmp_path)  # from the files: it has not our class
    np.testing.assert_array_equal(child.splits["train"].x, train.x)
    np.testing.assert_array_equal(child.splits["train"].y, train.y)
    assert child.class_names == here.class_names


def test_what_the_child_finds_wrong_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="no data set 'nowhere_to_be_found'") as error:
        read_in_child("nowhere_to_be_found", tmp_path)
    assert "\n" not in str(error.value)


IMAGE = kinds.Image(shape=(None, None, 3))
LABEL = kinds.ClassLabel(num_classes=2)


@pytest.mark.parametrize(
    ("features", "supervised", "message"),
    [
        (
            {"image": IMAGE, "label": LABEL},
            ("image", "label"),
            "one fixed shape, got .None, None, 3",
        ),
        ({"text": kinds.Text(), "label": LABEL}, ("text", "label"), "fixed shape, got Text"),
        ({"text": kinds.Text(), "label": LABEL}, None, "must have a label and an image"),
        ({"image": IMAGE}, None, "must have a label and an image"),
        ({"x": np.float32, "y": np.float32}, ("x", "y"), "label 'y' must be a class or an integer"),
        ({"x": np.float32, "y": LABEL}, ({"x": "x"}, "y"), "one feature as input"),
    ],
)
def test_what_cannot_be_classified_is_refused_before_any_download(
    features: dict[str, object], supervised: object, message: str
) -> None:
    with pytest.raises(StudyError, match=message) as error:
        choose_columns("made", kinds.FeaturesDict(features), supervised)
    assert str(error.value).startswith("data.name: 'made': ")
    assert "\n" not in str(error.value)


@pytest.mark.slow
@pytest.mark.skipif("CAVIAR_TEST_DATA" not in os.environ, reason="CAVIAR_TEST_DATA is not set")
def test_fashion_mnist_is_read_in_a_child_and_brings_its_own_test_part() -> None:
    data = load_dataset(Request("fashion_mnist", data_dir=os.environ["CAVIAR_TEST_DATA"]), 0)
    assert data.test is not None
    assert (len(data.train), len(data.dev), len(data.test)) == (48_000, 12_000, 10_000)
    assert data.feature_shape == (28, 28, 1)
    assert np.bincount(data.test.y).tolist() == [1_000] * 10
    assert data.train.x.dtype == np.uint8
    np.testing.assert_allclose(data.standardised(data.train).mean(axis=0), 0.0, atol=1e-4)
