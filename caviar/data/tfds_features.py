"""Which columns of a TFDS data set are the inputs and which is the class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from caviar.data.dataset import Examples, Source
from caviar.errors import StudyError

Path = tuple[str, ...]
"""The way to a column through nested features."""


@dataclass(frozen=True, slots=True)
class Columns:
    """The inputs and the label of a data set.

    Attributes:
        inputs: ways to the input columns, in the order in which they are laid side by side.
        shapes: of one example, one an input.
        label: the way to the label.
        label_names: names of the classes; None: the label is a bare integer, and the values that
            occur are the classes.
        dtype: of the flat array: bytes stay bytes until they are standardised.
        wanted: what TFDS is told to decode.
    """

    inputs: tuple[Path, ...]
    shapes: tuple[tuple[int, ...], ...]
    label: Path
    label_names: tuple[str, ...] | None
    dtype: type[np.generic]
    wanted: Mapping[str, Any]

    def empty(self, examples: int) -> tuple[NDArray[Any], NDArray[np.int32]]:
        """Arrays to be filled: x `[examples, features]`, y `[examples]`."""
        features = sum(int(np.prod(shape)) for shape in self.shapes)
        return np.empty((examples, features), self.dtype), np.empty(examples, np.int32)

    def fill(self, batch: Any, x: NDArray[Any], y: NDArray[np.int32]) -> int:
        """Writes a batch into the first rows of `x` and `y`; returns how many."""
        labels = _at(batch, self.label)
        rows, column = len(labels), 0
        for way in self.inputs:
            values = np.asarray(_at(batch, way)).reshape(rows, -1)
            x[:rows, column : column + values.shape[1]] = values
            column += values.shape[1]
        y[:rows] = labels
        return rows

    def stack(self, examples: Sequence[Any]) -> Any:
        """A batch in the form `fill` takes, from single examples."""
        batch: dict[str, Any] = {}
        for way in (*self.inputs, self.label):
            nest = batch
            for key in way[:-1]:
                nest = nest.setdefault(key, {})
            nest[way[-1]] = np.stack([_at(example, way) for example in examples])
        return batch

    def source(self, name: str, version: str, splits: Mapping[str, Examples]) -> Source:
        """The data set, with bare integer labels numbered by the values that occur."""
        names, values = self.label_names, None
        if names is None:
            values = np.unique(np.concatenate([s.y for s in splits.values()]))
            names = tuple(map(str, values.tolist()))
        numbered = {
            split: Examples(s.x, _numbers(s.y, values).astype(np.int32))
            for split, s in splits.items()
        }
        return Source(name, version, names, self._feature_shape(), numbered)

    def _feature_shape(self) -> tuple[int, ...]:
        if len(self.shapes) == 1:
            return self.shapes[0]
        return (sum(int(np.prod(shape)) for shape in self.shapes),)


def choose_columns(name: str, features: Any, supervised: Any) -> Columns:
    """Finds inputs and label: the data set's supervised keys, else its image and its class label.

    Args:
        name: as the study file names it, for messages.
        features: the builder's `FeaturesDict`.
        supervised: its supervised keys, (input, label), or None.

    Raises:
        StudyError: there is no label, no class to tell, or inputs of no fixed numeric shape.
    """
    place = f"data.name: {name!r}"
    inputs_key, label_key = supervised or _guess_keys(place, features)
    if not isinstance(inputs_key, str) or not isinstance(label_key, str):
        raise StudyError(
            f"{place}: must have one feature as input and one as label, got supervised keys of "
            f"{type(inputs_key).__name__} and {type(label_key).__name__}"
        )
    leaves = list(_leaves(features[inputs_key], (inputs_key,)))
    for way, leaf in leaves:
        _check_input(place, way, leaf)
    dtypes = {np.dtype(leaf.np_dtype) for _, leaf in leaves}
    return Columns(
        inputs=tuple(way for way, _ in leaves),
        shapes=tuple(tuple(leaf.shape) for _, leaf in leaves),
        label=(label_key,),
        label_names=_label_names(place, label_key, features[label_key]),
        dtype=np.uint8 if dtypes == {np.dtype(np.uint8)} else np.float32,
        wanted={inputs_key: _wanted(features[inputs_key]), label_key: True},
    )


def _guess_keys(place: str, features: Any) -> tuple[str, str]:
    from tensorflow_datasets import features as kinds

    labels = [key for key in features if isinstance(features[key], kinds.ClassLabel)]
    images = [key for key in features if isinstance(features[key], kinds.Image)]
    label = "label" if "label" in labels else labels[0] if len(labels) == 1 else None
    image = "image" if "image" in images else images[0] if len(images) == 1 else None
    if label is None or image is None:
        raise StudyError(
            f"{place}: must have a label and an image or supervised keys, "
            f"got the features {', '.join(features)}"
        )
    return image, label


def _label_names(place: str, key: str, feature: Any) -> tuple[str, ...] | None:
    from tensorflow_datasets import features as kinds

    if isinstance(feature, kinds.ClassLabel):
        return tuple(feature.names or map(str, range(feature.num_classes or 0)))
    scalar = isinstance(feature, kinds.Tensor | kinds.Scalar) and tuple(feature.shape) == ()
    if scalar and np.dtype(feature.np_dtype).kind in "iub":
        return None
    raise StudyError(f"{place}: label {key!r} must be a class or an integer, got {feature!r}"[:400])


def _leaves(feature: Any, way: Path) -> list[tuple[Path, Any]]:
    from tensorflow_datasets import features as kinds

    if not isinstance(feature, kinds.FeaturesDict):
        return [(way, feature)]
    return [leaf for key in sorted(feature) for leaf in _leaves(feature[key], (*way, key))]


def _check_input(place: str, way: Path, feature: Any) -> None:
    from tensorflow_datasets import features as kinds

    where = f"{place}: feature {'/'.join(way)!r}"
    if isinstance(feature, kinds.Sequence | kinds.Text | kinds.Audio | kinds.Video):
        raise StudyError(
            f"{where} must be numbers of one fixed shape, got {type(feature).__name__}"
        )
    shape = tuple(feature.shape)
    if None in shape:
        raise StudyError(f"{where} must have one fixed shape, got {shape}")
    if np.dtype(feature.np_dtype).kind not in "fiub":
        raise StudyError(f"{where} must be numbers, got {feature.np_dtype}")


def _wanted(feature: Any) -> Any:
    from tensorflow_datasets import features as kinds

    if not isinstance(feature, kinds.FeaturesDict):
        return True
    return {key: _wanted(feature[key]) for key in feature}


def _at(nest: Any, way: Path) -> Any:
    for key in way:
        nest = nest[key]
    return nest


def _numbers(labels: NDArray[Any], values: NDArray[Any] | None) -> NDArray[Any]:
    return labels if values is None else np.searchsorted(values, labels)
