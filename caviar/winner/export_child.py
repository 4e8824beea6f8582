"""The child of `export`: writes Keras's and TensorFlow's models, and loads them again.

`python -m caviar.winner.export_child FOLDER SCRATCH` is its command line; nobody else calls it. The
folder holds `checkpoint.npz` and `classes.json`, the scratch folder examples `x.npy`. It prints, as
JSON, how far the models' probabilities are from caviar's own.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

from caviar.errors import StudyError
from caviar.winner.about import CHECKPOINT, FILE, About
from caviar.winner.export import KERAS, MISTAKE, TENSORFLOW
from caviar.winner.network import Network
from caviar.winner.weights import Array


def main(folder: Path, scratch: Path) -> int:
    """Writes, loads, compares; 0 if all went well."""
    try:
        x = np.load(scratch / "x.npy", allow_pickle=False)
        sys.stdout.write(f"{json.dumps(write(folder, x))}\n")
    except (StudyError, OSError) as error:
        sys.stdout.write(f"{error}\n")
        return MISTAKE
    return 0


def write(folder: Path, x: Array) -> dict[str, float]:
    """Writes the models into a folder.

    Args:
        folder: with a checkpoint and what is about it.
        x: examples `[n, *feature_shape]` as they lie on disk.

    Returns:
        By file, the most that a probability lies from caviar's own.
    """
    from caviar.winner.keras_model import keras_model, save_keras, save_tensorflow

    about = About.load(folder / FILE)
    network = Network.load(folder / CHECKPOINT, about.shape)
    model = keras_model(network)
    save_keras(model, folder / KERAS, about.to_json())
    save_tensorflow(model, folder / TENSORFLOW, about.classes, np.dtype(about.dtype))
    own = network.probabilities(x)
    found = {KERAS: by_keras(folder / KERAS, x), TENSORFLOW: by_tensorflow(folder / TENSORFLOW, x)}
    return {name: float(np.abs(each - own).max()) for name, each in found.items()}


def by_keras(path: Path, x: Array) -> Array:
    """What a `.keras` file says of examples."""
    import keras

    return np.asarray(keras.models.load_model(path).predict(x, verbose=0))


def by_tensorflow(folder: Path, x: Array) -> Array:
    """What a SavedModel says of examples."""
    import tensorflow as tf

    from caviar.winner.keras_model import SIGNATURE

    loaded = tf.saved_model.load(str(folder))
    return np.asarray(loaded.signatures[SIGNATURE](example=tf.constant(x))["probabilities"])


if __name__ == "__main__":
    sys.exit(main(*map(Path, sys.argv[1:])))
