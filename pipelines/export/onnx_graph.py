"""Pieces of ONNX graphs: the layers of this package as ONNX operators.

Shapes: B batch, T steps, D inputs, U units.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from pipelines.errors import UserError
from pipelines.layers.recurrent import Recurrent
from pipelines.layers.stack import RecurrentStack
from pipelines.text.vocabulary import PAD

OPSET = 17
Weights = npt.NDArray[np.float32]
# Gates in the order of ONNX, by their place in Keras: LSTM i f c o -> i o f c; GRU is the same.
GATES = {"LSTM": (0, 3, 1, 2), "GRU": (0, 1, 2), "RNN": (0,)}
CELLS = {"lstm": "LSTM", "gru": "GRU", "rnn": "RNN"}  # by module; `irnn` is an instance of rnn
TYPES = {"float": TensorProto.FLOAT, "int": TensorProto.INT64, "bool": TensorProto.BOOL}


class GraphBuilder:
    """Graph under construction; its methods add operators and return the names of results."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._initializers: list[onnx.TensorProto] = []
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []

    def input(self, name: str, kind: str, shape: tuple[str | int, ...]) -> str:
        """Add an input of the model, of kind `float` or `int`; names are variable dimensions."""
        self._inputs.append(helper.make_tensor_value_info(name, TYPES[kind], shape))
        return name

    def output(self, name: str, value: str, kind: str, shape: tuple[str | int, ...]) -> None:
        """Name a result as an output of the model."""
        self._nodes.append(helper.make_node("Identity", [value], [name]))
        self._outputs.append(helper.make_tensor_value_info(name, TYPES[kind], shape))

    def constant(self, value: Any, kind: Any = np.float32) -> str:
        """Add a constant."""
        name = f"constant_{len(self._initializers)}"
        self._initializers.append(numpy_helper.from_array(np.asarray(value, kind), name))
        return name

    def integers(self, *values: int) -> str:
        """Add a constant vector of integers, axes for instance."""
        return self.constant(values, np.int64)

    def add(self, operator: str, *inputs: str, outputs: int = 1, **attributes: Any) -> Any:
        """Add an operator; an empty input is omitted."""
        names = [f"{operator}_{len(self._nodes)}_{number}" for number in range(outputs)]
        self._nodes.append(helper.make_node(operator, inputs, names, **attributes))
        return names[0] if outputs == 1 else names

    def dense(self, value: str, kernel: Weights, bias: Weights | None) -> str:
        """Multiply by a kernel and add a bias."""
        product = self.add("MatMul", value, self.constant(kernel))
        return product if bias is None else str(self.add("Add", product, self.constant(bias)))

    def mask(self, ids: str) -> tuple[str, str]:
        """Return the mask (B, T) of real ids, and the lengths (B,) as 32-bit numbers."""
        real = self.add("Not", self.add("Equal", ids, self.constant(PAD, np.int64)))
        ones = self.add("Cast", real, to=TensorProto.INT32)
        return real, self.add("ReduceSum", ones, self.integers(1), keepdims=0)

    def embed(self, ids: str, vectors: Weights) -> str:
        """Return the vectors (B, T, D) of ids (B, T)."""
        return str(self.add("Gather", self.constant(vectors), ids))

    def model(self, description: str, metadata: dict[str, str]) -> onnx.ModelProto:
        """Return the model, with facts about it."""
        graph = helper.make_graph(
            self._nodes, "seqproof", self._inputs, self._outputs, self._initializers
        )
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=8,
            producer_name="seqproof",
            doc_string=description,
        )
        helper.set_model_props(model, metadata)
        onnx.checker.check_model(model)
        return model

    # Recurrent layers

    def stack(
        self, stack: RecurrentStack, inputs: str, lengths: str, states: list[list[str]] | None
    ) -> tuple[str, list[list[str]]]:
        """Add a stack of recurrent layers, each as one LSTM, GRU or RNN operator.

        Args:
            stack: the layers.
            inputs: (T, B, D), time first as in ONNX.
            lengths: (B,), or "" if no row has padding.
            states: states before the first step, (1, B, U) each; zeros if None.

        Returns:
            Outputs (T, B, U or 2 U), and the final states of each layer, (B, U or 2 U) each.
        """
        outputs, finals = inputs, []
        for height, forward in enumerate(stack.forwards):
            layers = [forward, *stack.backwards[height : height + 1]]
            initial = states[height] if states else []
            above, final = self._recurrent(layers, outputs, lengths, initial)
            outputs = self.add("Add", above, outputs) if stack.residual and height else above
            finals.append(final)
        return outputs, finals

    def last_output(self, stack: RecurrentStack, finals: list[list[str]]) -> str:
        """Return the outputs (B, U or 2 U) after each whole sequence."""
        parts = [final[0] for final in (finals if stack.residual else finals[-1:])]
        return str(self.add("Sum", *parts))

    def _recurrent(
        self, layers: list[Recurrent], inputs: str, lengths: str, initial: list[str]
    ) -> tuple[str, list[str]]:
        first = layers[0]
        operator = operator_of(first)
        arrays = [_weights(layer, operator) for layer in layers]
        kernels = [self.constant(np.stack(parts)) for parts in zip(*arrays, strict=True)]
        attributes: dict[str, Any] = {"hidden_size": first.units}
        if len(layers) == 2:
            attributes["direction"] = "bidirectional"
        if operator == "GRU":
            attributes["linear_before_reset"] = 1
        if operator == "RNN":
            name = "Relu" if getattr(first.cell, "activation", "") == "relu" else "Tanh"
            attributes["activations"] = [name] * len(layers)
        count = first.cell.states
        every, *finals = self.add(
            operator, inputs, *kernels, lengths, *initial, outputs=1 + count, **attributes
        )
        width = first.units * len(layers)
        joined = self.add("Transpose", every, perm=[0, 2, 1, 3])  # (T, B, directions, U)
        outputs = self.add("Reshape", joined, self.integers(0, 0, width))
        swapped = (self.add("Transpose", final, perm=[1, 0, 2]) for final in finals)
        return outputs, [self.add("Reshape", final, self.integers(0, width)) for final in swapped]


def operator_of(layer: Recurrent) -> str:
    """Return the operator of a layer's cell.

    Raises:
        UserError: ONNX has none.
    """
    cell = type(layer.cell).__module__.rpartition(".")[2]
    name = CELLS.get(cell)
    if name is None:
        raise UserError(
            f"ONNX has no operator for the cell '{cell}'. Export the model with "
            "--format saved-model."
        )
    return name


def _weights(layer: Recurrent, operator: str) -> tuple[Weights, Weights, Weights]:
    """Return W (gates U, D), R (gates U, U) and B (2 gates U) of one direction."""
    cell = layer.recurrence.cell
    kernel, recurrent, bias = (
        np.asarray(weight) for weight in (cell.kernel, cell.recurrent_kernel, cell.bias)
    )
    biases = bias if bias.ndim == 2 else np.stack([bias, np.zeros_like(bias)])

    def order(values: Weights) -> Weights:
        gates = np.split(values, len(GATES[operator]), axis=-1)
        return np.concatenate([gates[place] for place in GATES[operator]], axis=-1)

    return order(kernel).T, order(recurrent).T, order(biases).ravel()
