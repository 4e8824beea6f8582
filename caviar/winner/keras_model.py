"""A network as plain Keras 3, and as a TensorFlow SavedModel: raw example in, probabilities out.

Only layers that Keras brings are used, so both load where caviar is not installed. The inputs'
normalisation is a layer of the model, and batch norm's moments are caviar's debiased ones. Class
names lie in the `.keras` file as the asset `classes.json` (Keras passes it over), and the
SavedModel answers with them. This room imports TensorFlow; `export` runs it in a process of its
own.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import keras
import numpy as np
import tensorflow as tf

from caviar.winner.network import LEAK, Network
from caviar.winner.weights import MOMENTUM, Array, Layer

CLASSES_MEMBER: Final = "assets/classes.json"
"""What the class names are called inside a `.keras` file."""

SIGNATURE: Final = "serving_default"
"""The SavedModel's: `example` to `probabilities [n, classes]` and `class [n]`."""
NAMES_SIGNATURE: Final = "class_names"
"""The SavedModel's that takes nothing and gives the class names, `names [classes]`."""

_LEAST_STD, _LARGEST_STD = 1e-6, 1e18
"""Keras's Normalization takes no smaller deviation than 1e-7, and its square must be a float32."""


def keras_model(network: Network) -> keras.Model:
    """The network in Keras.

    Examples are `[n, *feature_shape]` as they lie on disk; numbers of any kind become float32.

    Returns:
        A model whose output is `[n, classes]`.
    """
    example = keras.Input(network.feature_shape, dtype="float32", name="example")
    a = example
    for layer in _layers(network):
        a = layer(a)
    model = keras.Model(example, a, name="caviar_winner")
    _fill(model, network)
    return model


def save_keras(model: keras.Model, path: Path, classes_json: str) -> None:
    """Writes a `.keras` file with the class names in it."""
    model.save(path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(CLASSES_MEMBER, classes_json)


def save_tensorflow(
    model: keras.Model, folder: Path, class_names: Sequence[str], dtype: Any
) -> None:
    """Writes a SavedModel.

    Args:
        model: of `keras_model`.
        folder: to be made.
        class_names: in the order of the class numbers.
        dtype: of examples on disk, which is what the signature takes: uint8 or float32.
    """
    names = tf.constant([name.encode("utf-8", "backslashreplace") for name in class_names])
    example = tf.TensorSpec((None, *model.input_shape[1:]), tf.as_dtype(dtype), name="example")

    def serve(example: tf.Tensor) -> dict[str, tf.Tensor]:
        found = model(tf.cast(example, tf.float32), training=False)
        return {"probabilities": found, "class": tf.gather(names, tf.argmax(found, axis=-1))}

    # Not by Keras's own export, which writes every weight twice.
    module = tf.Module(name="caviar_winner")
    module.weights = [variable.value for variable in model.variables]
    signatures = {
        SIGNATURE: tf.function(serve, input_signature=[example]),
        NAMES_SIGNATURE: tf.function(lambda: {"names": tf.identity(names)}, input_signature=[]),
    }
    tf.saved_model.save(module, str(folder), signatures)


def _layers(network: Network) -> Iterator[keras.layers.Layer]:
    """The model's layers in their order, not yet with their weights."""
    layers = keras.layers
    if len(network.feature_shape) > 1:
        yield layers.Flatten(data_format="channels_last", name="flatten")
    variance = np.ones_like(network.scale) if _folds(network) else _variance(network)
    yield layers.Normalization(
        mean=network.mean.tolist(),
        variance=variance.tolist(),
        name="normalization",
        dtype="float32",
    )
    for place, layer in enumerate(network.layers[:-1], 1):
        units, normed = layer.w.shape[1], layer.gamma is not None
        yield layers.Dense(units, use_bias=not normed, name=f"hidden_{place}", dtype="float32")
        if normed:
            momentum = float(network.hyperparameters.get("batch_norm_momentum", MOMENTUM))
            yield layers.BatchNormalization(
                momentum=momentum,
                epsilon=network.epsilon,
                name=f"batch_norm_{place}",
                dtype="float32",
            )
        yield _activation(network.activation, f"activation_{place}")
    yield layers.Dense(network.classes, name="logits", dtype="float32")
    yield layers.Softmax(name="probabilities", dtype="float32")


def _activation(name: str, layer_name: str) -> keras.layers.Layer:
    if name == "leaky_relu":  # Keras's own slope is another
        return keras.layers.LeakyReLU(negative_slope=LEAK, name=layer_name, dtype="float32")
    return keras.layers.Activation(name, name=layer_name, dtype="float32")


def _folds(network: Network) -> bool:
    """Whether the inputs' scale must go into the first weights, too extreme for Normalization."""
    std = 1.0 / network.scale.astype(np.float64)
    return not bool((std >= _LEAST_STD).all() and (std <= _LARGEST_STD).all())


def _variance(network: Network) -> Array:
    return np.asarray(1.0 / network.scale.astype(np.float64) ** 2)


def _fill(model: keras.Model, network: Network) -> None:
    """Gives the model's layers the network's weights."""
    scale = network.scale[:, np.newaxis] if _folds(network) else np.float32(1.0)
    for place, layer in enumerate(network.layers, 1):
        last = place == len(network.layers)
        w = layer.w * (scale if place == 1 else np.float32(1.0))
        dense = model.get_layer("logits" if last else f"hidden_{place}")
        dense.set_weights([w] if layer.b is None else [w, layer.b])
        if layer.gamma is not None:
            model.get_layer(f"batch_norm_{place}").set_weights(_moments(layer))


def _moments(layer: Layer) -> list[Array]:
    """In the order of Keras's BatchNormalization: gamma, beta, moving mean and variance."""
    return [array for array in layer[2:] if array is not None]
