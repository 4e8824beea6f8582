"""A network as an ONNX graph; the only file that imports onnx, which is an extra.

The graph is written node by node, since it is a small one: converters of Keras's models bring a
second TensorFlow's worth of packages. It does what `Network` does in the same order: the mean is
subtracted before anything is multiplied.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from caviar.errors import StudyError
from caviar.study.filesystem import write_durably
from caviar.winner.about import About
from caviar.winner.network import LEAK, Network
from caviar.winner.weights import Array, Layer

if TYPE_CHECKING:
    import onnx

OPSET: Final = 17
"""Of the operators; every runtime of the last years has it."""
_IR: Final = 8
"""Of the file, as old as the operators."""
_OPERATORS: Final = {"relu": "Relu", "tanh": "Tanh", "sigmoid": "Sigmoid"}


def check_installed() -> None:
    """Does nothing if there is the package that it takes.

    Raises:
        StudyError: there is not.
    """
    if find_spec("onnx") is None:
        raise StudyError("export: ONNX needs the package onnx: pip install 'caviar[onnx]'")


def save(network: Network, path: Path, about: About) -> Callable[[Array], Array]:
    """Writes the model: `example [n, *shape]` to `probabilities [n, classes]`.

    The class names are in the file's metadata under `classes`, as JSON.

    Returns:
        What the file says of examples, by onnxruntime if it is there, else by onnx's own reference.
    """
    import onnx

    model = _Graph(network, about).model()
    onnx.checker.check_model(model, full_check=True)
    write_durably(path, model.SerializeToString())
    return runner(path)


def runner(path: Path) -> Callable[[Array], Array]:
    """What an ONNX file says of examples."""
    if find_spec("onnxruntime") is not None:
        import onnxruntime

        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        return lambda x: np.asarray(session.run(["probabilities"], {"example": x})[0])
    from onnx.reference import ReferenceEvaluator

    reference = ReferenceEvaluator(str(path))
    return lambda x: np.asarray(reference.run(["probabilities"], {"example": x})[0])


class _Graph:
    """Nodes and constants of one network, in the order of the computation."""

    def __init__(self, network: Network, about: About):
        self._network, self._about = network, about
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []

    def model(self) -> onnx.ModelProto:
        """The whole file."""
        from onnx import TensorProto, helper

        self._nodes_of_all()
        kind = TensorProto.UINT8 if self._about.dtype == "uint8" else TensorProto.FLOAT
        example = helper.make_tensor_value_info("example", kind, ["n", *self._about.shape])
        out = ["n", len(self._about.classes)]
        probabilities = helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, out)
        graph = helper.make_graph(
            self._nodes, "caviar_winner", [example], [probabilities], self._constants
        )
        opsets = [helper.make_opsetid("", OPSET)]
        model = helper.make_model(graph, opset_imports=opsets, producer_name="caviar")
        model.ir_version = _IR
        helper.set_model_props(model, {"classes": self._about.to_json()})
        return model

    def _nodes_of_all(self) -> None:
        from onnx import TensorProto

        network = self._network
        a = self._node("Cast", "example", to=TensorProto.FLOAT)
        a = self._node("Reshape", a, self._constant(np.array([-1, network.features], np.int64)))
        a = self._node("Sub", a, self._constant(network.mean))
        a = self._node("Mul", a, self._constant(network.scale))
        for layer in network.layers[:-1]:
            a = self._activated(self._summed(a, layer))
        self._node("Softmax", self._summed(a, network.layers[-1]), out="probabilities", axis=-1)

    def _summed(self, a: str, layer: Layer) -> str:
        """A layer's z, normalised or with its bias added."""
        z = self._node("MatMul", a, self._constant(layer.w))
        if layer.gamma is None or layer.variance is None:
            return self._node("Add", z, self._constant(layer.b))
        scale = layer.gamma / np.sqrt(layer.variance + np.float32(self._network.epsilon))
        z = self._node("Sub", z, self._constant(layer.mean))
        return self._node(
            "Add", self._node("Mul", z, self._constant(scale)), self._constant(layer.beta)
        )

    def _activated(self, z: str) -> str:
        name = self._network.activation
        if name == "leaky_relu":
            return self._node("LeakyRelu", z, alpha=LEAK)
        if name != "gelu":
            return self._node(_OPERATORS[name], z)
        # The operator Gelu is younger than most runtimes: z (1 + erf(z / sqrt 2)) / 2.
        erf = self._node("Erf", self._node("Mul", z, self._constant(np.float32(0.5**0.5))))
        share = self._node("Add", erf, self._constant(np.float32(1.0)))
        half = self._node("Mul", z, self._constant(np.float32(0.5)))
        return self._node("Mul", half, share)

    def _node(self, operator: str, *inputs: str, out: str = "", **attributes: Any) -> str:
        from onnx import helper

        out = out or f"{operator.lower()}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, list(inputs), [out], **attributes))
        return out

    def _constant(self, array: Any) -> str:
        from onnx import numpy_helper

        name = f"constant_{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name
