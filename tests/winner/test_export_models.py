"""What is handed over: Keras, TensorFlow and ONNX say what caviar's own prediction says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path

import made_networks
import numpy as np
import pytest

from caviar.errors import StudyError
from caviar.nn.activations import ACTIVATIONS
from caviar.winner import export as exporting
from caviar.winner import export_child, keras_model
from caviar.winner import onnx as onnx_file
from caviar.winner.about import FILE, About
from caviar.winner.columns import Column
from caviar.winner.export import KERAS, ONNX, TENSORFLOW, Exported, export
from caviar.winner.network import Network

CLASSES = ("cat", "dog\udcff", "ünit", "<script>")
NAMES = ["cat", "dog\\udcff", "ünit", "<script>"]
SHAPES = [(5,), (3, 2), (4, 2, 3)]

needs_onnx = pytest.mark.skipif(find_spec("onnx") is None, reason="onnx is an extra")


def network_of(shape=(3, 2), units=(8, 6), activation="relu", batch_norm=True, **more):
    data = made_networks.checkpoint(shape, units, activation, batch_norm, **more)
    return Network.from_checkpoint(data, shape)


@pytest.fixture
def no_child(monkeypatch):
    """Exports in this process; a child would import TensorFlow again."""
    monkeypatch.setattr(exporting, "_in_child", export_child.write)


@pytest.mark.parametrize("batch_norm", [True, False])
@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
def test_keras_says_the_same(activation, batch_norm):
    network = network_of((3, 2), (8, 6, 7), activation, batch_norm, batch_norm_epsilon=0.05)
    x = made_networks.raw(40, (3, 2))
    found = np.asarray(keras_model.keras_model(network)(x))
    np.testing.assert_allclose(found, network.probabilities(x), atol=2e-6)


def test_a_network_without_hidden_layers_too():
    network, x = network_of((5,), ()), made_networks.raw(40)
    found = np.asarray(keras_model.keras_model(network)(x))
    np.testing.assert_allclose(found, network.probabilities(x), atol=2e-6)


@pytest.mark.parametrize(
    ("mean", "std"), [(1e-9, 1e-9), (1e9, 64.0), (0.0, 1e25), (0.0, 1.0), (1e-20, 1e-25)]
)
def test_inputs_of_any_size_are_normalised(mean, std):
    from dataclasses import replace

    n = 5
    given = network_of((n,))
    means = np.full(n, mean, np.float32)
    network = replace(given, mean=means, scale=np.full(n, 1 / std, np.float32))
    rng = np.random.default_rng(0)
    x = (means + np.float32(std) * rng.normal(size=(40, n))).astype(np.float32)
    found = np.asarray(keras_model.keras_model(network)(x))
    assert found.std(axis=0).max() > 0.01
    np.testing.assert_allclose(found, network.probabilities(x), atol=1e-5)


def test_batch_norm_has_the_debiased_moments():
    """A step of 1: the averages as they are kept would be a hundredth of the moments."""
    network = network_of(step=1)
    kept = keras_model.keras_model(network).get_layer("batch_norm_1").get_weights()
    for array, own in zip(kept, network.layers[0][2:], strict=True):
        np.testing.assert_array_equal(array, own)


@pytest.mark.parametrize("kind", [np.uint8, np.float32])
@pytest.mark.parametrize("shape", SHAPES)
def test_all_files_are_there_and_say_the_same(tmp_path, no_child, shape, kind):
    import tensorflow as tf

    network, x = network_of(shape), made_networks.raw(30, shape).astype(kind)
    found = export(tmp_path, network, CLASSES, sample=x.reshape(30, -1))
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(found.files)
    assert set(found.difference) == {KERAS, TENSORFLOW}
    assert (tmp_path / "checkpoint.npz").read_bytes() == network.checkpoint
    with zipfile.ZipFile(tmp_path / KERAS) as archive:
        assert json.loads(archive.read(keras_model.CLASSES_MEMBER))["classes"] == list(CLASSES)
    about = About.load(tmp_path / FILE)
    assert (about.classes, about.shape, about.dtype) == (CLASSES, shape, kind.__name__)
    assert (about.low, about.high) == (x.min(), x.max())
    loaded = tf.saved_model.load(str(tmp_path / TENSORFLOW))
    answer = loaded.signatures["serving_default"](example=tf.constant(x))
    own = network.probabilities(x)
    np.testing.assert_allclose(answer["probabilities"], own, atol=1e-5)
    names = [name.decode() for name in answer["class"].numpy()]
    assert names == [NAMES[place] for place in own.argmax(axis=1)]
    known = loaded.signatures["class_names"]()["names"].numpy()
    assert [name.decode() for name in known] == NAMES
    variables = tf.train.list_variables(str(tmp_path / TENSORFLOW / "variables" / "variables"))
    assert sum("VARIABLE_VALUE" in name for name, _ in variables) == 12


def test_without_examples_some_are_drawn(tmp_path, no_child):
    assert export(tmp_path, network_of(), CLASSES).tolerance == exporting.TOLERANCE
    assert About.load(tmp_path / FILE).dtype == "float32"


@pytest.mark.parametrize("broken", [KERAS, TENSORFLOW])
def test_a_model_that_says_something_else_is_refused(tmp_path, no_child, monkeypatch, broken):
    name = "by_keras" if broken == KERAS else "by_tensorflow"
    sound = getattr(export_child, name)
    monkeypatch.setattr(export_child, name, lambda path, x: sound(path, x) + 2e-5)
    with pytest.raises(StudyError, match=f"export: {broken} must give the probabilities of"):
        export(tmp_path, network_of(), CLASSES, sample=made_networks.raw(30, (3, 2)))


def test_weights_that_went_wrong_on_the_way_are_noticed(tmp_path, no_child, monkeypatch):
    fill = keras_model._fill

    def wrong(model, network):
        fill(model, network)
        dense = model.get_layer("hidden_2")
        dense.set_weights([weights.T.reshape(weights.shape) for weights in dense.get_weights()])

    monkeypatch.setattr(keras_model, "_fill", wrong)
    with pytest.raises(StudyError, match="must give the probabilities of caviar's own prediction"):
        export(tmp_path, network_of(), CLASSES, sample=made_networks.raw(30, (3, 2)))


def test_a_difference_that_is_no_number_is_one():
    with pytest.raises(StudyError, match="got a difference of nan"):
        exporting._check({KERAS: float("nan")}, 1e-5)


def test_huge_logits_may_differ_by_what_float32_rounds():
    """Else a network that trained at a high learning rate could not be handed over."""
    from dataclasses import replace

    network, x = network_of(), made_networks.raw(400, (3, 2))
    *hidden, last = network.layers
    wild = replace(network, layers=(*hidden, last._replace(b=last.b + np.float32(1e4))))
    rounding = abs(wild.probabilities(x) - wild.probabilities(x, np.float64)).max()
    assert exporting._tolerance(network, x) == exporting.TOLERANCE
    assert exporting._tolerance(wild, x) == 8 * rounding > exporting.TOLERANCE


def test_models_are_compared_on_examples_from_all_of_the_data():
    network, x = network_of(), np.arange(6 * 2000).reshape(-1, 6) % 251
    found = exporting._sample(network, x)
    assert (found.shape, found.dtype) == ((500, 3, 2), np.float32)
    np.testing.assert_array_equal(found.reshape(-1, 6), x[::4])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"class_names": ("a", "b")}, "export: must have 4 class names, got 2"),
        ({"columns": (Column("a"),)}, "export: the table's columns must give 6 features"),
        ({"sample": np.full((3, 6), np.nan)}, "must be finite numbers, some are not"),
        ({"sample": np.ones((3, 7))}, "x: an example must be 3 x 2, got 7"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path, no_child, change, message):
    asked = {"class_names": CLASSES, "sample": made_networks.raw(3, (3, 2)), **change}
    with pytest.raises(StudyError) as caught:
        export(tmp_path, network_of(), **asked)
    assert message in str(caught.value)


def test_a_child_that_dies_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(
        exporting, "_child", lambda *_: [sys.executable, "-c", "import nothing_at_all"]
    )
    with pytest.raises(StudyError) as caught:
        export(tmp_path, network_of(), CLASSES)
    assert str(caught.value) == (
        "export: TensorFlow could not write the model: "
        "ModuleNotFoundError: No module named 'nothing_at_all'"
    )


def test_what_the_child_found_wrong_is_told(tmp_path, capfd):
    np.save(tmp_path / "x.npy", made_networks.raw(3, (3, 2)))
    assert export_child.main(tmp_path, tmp_path) == exporting.MISTAKE
    assert f"{tmp_path / FILE}: cannot be read" in capfd.readouterr().out


def test_onnx_that_is_not_there_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(onnx_file, "find_spec", lambda name: None)
    with pytest.raises(
        StudyError, match=r"ONNX needs the package onnx: pip install 'caviar\[onnx\]'"
    ):
        export(tmp_path, network_of(), CLASSES, onnx=True)
    assert not list(tmp_path.iterdir())


@needs_onnx
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("batch_norm", [True, False])
@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
def test_onnx_says_the_same(tmp_path, activation, batch_norm, shape):
    import onnx

    kind = "uint8" if batch_norm else "float32"
    network = network_of(shape, (8, 6, 7), activation, batch_norm)
    x = made_networks.raw(30, shape).astype(kind)
    run = onnx_file.save(network, tmp_path / ONNX, About(CLASSES, shape, kind))
    np.testing.assert_allclose(run(x), network.probabilities(x), atol=2e-6)
    told = {entry.key: entry.value for entry in onnx.load(tmp_path / ONNX).metadata_props}
    assert json.loads(told["classes"])["classes"] == list(CLASSES)


@needs_onnx
def test_onnx_is_written_beside_the_others(tmp_path, no_child):
    found = export(tmp_path, network_of(), CLASSES, sample=made_networks.raw(30, (3, 2)), onnx=True)
    assert ONNX in found.files
    assert found.difference[ONNX] < 1e-6
    assert (tmp_path / ONNX).is_file()


@needs_onnx
def test_without_a_runtime_onnxs_own_reference_checks(tmp_path, monkeypatch):
    monkeypatch.setattr(onnx_file, "find_spec", lambda name: None)
    network, x = network_of(), made_networks.raw(30, (3, 2))
    run = onnx_file.save(network, tmp_path / ONNX, About(CLASSES, (3, 2), "uint8"))
    np.testing.assert_allclose(run(x), network.probabilities(x), atol=2e-6)


FRESH = """
import sys
sys.modules["caviar"] = None  # importing it fails
import keras, numpy as np, tensorflow as tf
folder, x = sys.argv[1], np.load(sys.argv[2])
by_keras = keras.models.load_model(f"{folder}/model.keras").predict(x, verbose=0)
signature = tf.saved_model.load(f"{folder}/saved_model").signatures["serving_default"]
by_tensorflow = signature(example=tf.constant(x))
np.savez(
    sys.argv[3],
    keras=by_keras,
    tensorflow=by_tensorflow["probabilities"],
    names=by_tensorflow["class"].numpy().astype("S"),
)
assert sys.modules["caviar"] is None
assert not [name for name in sys.modules if name.startswith("caviar.")]
"""


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_fresh_process_without_caviar_says_the_same_of_raw_digits(tmp_path):
    """Train on the real digits, export through the child, load where caviar cannot be imported."""
    from caviar.data.load import load_dataset

    data = load_dataset("digits", 0)
    network = Network.from_checkpoint(_trained(data), data.feature_shape)
    dev = network.probabilities(data.dev.x)
    assert (dev.argmax(axis=1) == data.dev.y).mean() > 0.9
    folder = tmp_path / "winner"
    folder.mkdir()
    found = export(folder, network, data.class_names, sample=data.dev.x)
    assert isinstance(found, Exported)
    assert max(found.difference.values()) <= 1e-5
    x = data.test.x.reshape(-1, *data.feature_shape)
    np.save(tmp_path / "x.npy", x)
    out = tmp_path / "out.npz"
    kept = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    command = [sys.executable, "-c", FRESH, str(folder), str(tmp_path / "x.npy"), str(out)]
    subprocess.run(command, check=True, timeout=240, cwd=tmp_path, env=kept, capture_output=True)
    own = network.probabilities(data.test.x)
    with np.load(out) as answers:
        np.testing.assert_allclose(answers["keras"], own, atol=1e-5)
        np.testing.assert_allclose(answers["tensorflow"], own, atol=1e-5)
        expected = [data.class_names[place].encode() for place in own.argmax(axis=1)]
        assert answers["names"].tolist() == expected


def _trained(data):
    """The checkpoint of a small network after a few epochs of digits."""
    from caviar.study.records import Claim, Lane, Signature, Trial
    from caviar.train.trainer import Settings, Trainer

    values = {
        "layers": 2,
        "units": 32,
        "learning_rate": 0.01,
        "batch_size": 64,
        "optimizer": "adam",
    }
    lane = Lane(Trial(0, (), values), 0, None)
    claim = Claim(0, 1, (lane,), 4, Signature((32, 32), 64, "adam"), None, 100)
    *_, last = Trainer(data, Settings(seed=0)).train(claim, 1)
    _, found = last.checkpoints()[0]
    return found


def test_the_saved_model_needs_no_keras_settings(monkeypatch, tmp_path):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    child = exporting._environment(str(tmp_path))
    assert (child["KERAS_BACKEND"], child["KERAS_HOME"]) == ("tensorflow", str(tmp_path))
    assert child["CUDA_VISIBLE_DEVICES"] == ""
    assert child["PYTHONPATH"].startswith(str(Path(__file__).parents[2]))
