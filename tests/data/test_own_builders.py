"""The data sets of our own: as published, read without TensorFlow."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn import datasets
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier

from caviar.data import tfds_source
from caviar.data.known import known_sizes
from caviar.data.load import load_dataset
from caviar.data.request import Request
from caviar.data.signals1d.signals import POINTS, TEMPLATES, make_signals
from caviar.errors import StudyError


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tfds")


@pytest.mark.parametrize("name", ["wine", "breast_cancer", "iris"])
def test_tables_are_scikit_learns(folder: Path, name: str) -> None:
    source = tfds_source.read(name, folder)
    train = source.splits["train"]
    published = getattr(datasets, f"load_{name}")()
    x = published.data.astype(np.float32)
    ours = sorted((bytes(row), label) for row, label in zip(train.x, train.y, strict=True))
    theirs = sorted((bytes(row), label) for row, label in zip(x, published.target, strict=True))
    assert ours == theirs
    assert known_sizes(name) == (x.shape[1], len(source.class_names))
    assert source.version == "1.0.0"


def test_all_of_them_are_read_without_tensorflow(tmp_path: Path) -> None:
    code = (
        "import sys; from caviar.data import Request, load_dataset\n"
        "from caviar.data.tfds_source import OWN\n"
        f"for name in OWN: load_dataset(Request(name, data_dir={str(tmp_path)!r}), 0)\n"
        "assert 'tensorflow' not in sys.modules"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=100, check=False
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


@pytest.mark.parametrize(
    ("name", "own"),
    [
        ("iris", True),
        ("iris:1.0.0", True),
        ("iris:2.1.0", False),  # TFDS's
        ("wine:9.9.9", True),
        ("wine_quality", False),
        ("signals1d", True),
    ],
)
def test_ours_goes_first_for_the_bare_name(name: str, own: bool) -> None:
    assert tfds_source.is_own(name) == own


def test_a_version_that_is_not_ours_is_refused(folder: Path) -> None:
    with pytest.raises(StudyError, match=r"wine cannot be loaded at version 9.9.9, only: 1.0.0"):
        load_dataset(Request("wine:9.9.9", data_dir=folder), 0)


def test_signals_are_a_function_of_the_generator() -> None:
    x, y = make_signals(100, np.random.default_rng(5))
    again, _ = make_signals(100, np.random.default_rng(5))
    np.testing.assert_array_equal(x, again)
    assert (x.shape, x.dtype) == ((100, POINTS), np.float32)
    assert np.bincount(y).tolist() == [10] * 10
    assert not np.array_equal(x, make_signals(100, np.random.default_rng(6))[0])


def test_templates_start_and_end_on_the_ground_and_differ() -> None:
    assert TEMPLATES.shape == (10, 12)
    assert (TEMPLATES[:, [0, -1]] == 5).all()
    apart = np.abs(TEMPLATES[:, None] - TEMPLATES[None]).max(axis=2)
    assert apart[~np.eye(10, dtype=bool)].min() > 1


def test_signals_bring_their_own_test_part(folder: Path) -> None:
    data = load_dataset(Request("signals1d", data_dir=folder), 0)
    assert data.test is not None
    assert (len(data.train), len(data.dev), len(data.test)) == (3200, 800, 1000)
    assert data.image_shape is None
    assert data.warnings == ()


@pytest.mark.slow
def test_signals_are_as_hard_as_published(folder: Path) -> None:
    """MNIST-1D: logistic regression 32 %, MLP 68 % (Greydanus and Kobak)."""
    splits = tfds_source.read("signals1d", folder).splits
    (x, y), (x_test, y_test) = ((s.x * 5, s.y) for s in (splits["train"], splits["test"]))
    linear = LogisticRegression(max_iter=1000).fit(x, y).score(x_test, y_test)
    network = MLPClassifier((100, 100), early_stopping=True, random_state=0, max_iter=100)
    deep = network.fit(x, y).score(x_test, y_test)
    assert 0.27 < linear < 0.38, linear
    assert 0.60 < deep < 0.76, deep


def test_every_builder_has_its_papers() -> None:
    for name in tfds_source.OWN:
        package = Path(tfds_source.__file__).parent / name
        assert {"README.md", "TAGS.txt", "CITATIONS.bib"} <= set(os.listdir(package))
