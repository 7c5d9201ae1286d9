"""What the networks are made of: layers as numbers, and ONNX graphs in the making.

All sums here run in float64 in a fixed order, without BLAS: the files are the same bytes on
every machine.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

Array = npt.NDArray[np.float64]
Term = tuple[int, int, float]  # feature = sum of coefficient * slot: (feature, slot, coefficient)

PATCH_FRAMES, N_MELS, N_LABELS = 187, 96, 50
EPSILON = 1e-3  # of TensorFlow 1's batch norm
OPSET, IR_VERSION = 17, 8  # of 2022: any ONNX Runtime since 1.12 reads them


@dataclass(frozen=True, slots=True)
class Layer:
    """Convolution, relu and batch norm: ``scale * relu(conv(x, kernel) + bias) + shift``.

    `kernel` is (time, mel, in, out), the others are (out,).
    """

    kernel: Array
    bias: Array
    scale: Array
    shift: Array

    def take(self, channels: Sequence[int]) -> "Layer":
        """Return the layer with these output channels only, in this order."""
        index = np.asarray(channels, dtype=np.intp)
        return Layer(
            self.kernel[..., index], self.bias[index], self.scale[index], self.shift[index]
        )

    def with_ones(self) -> "Layer":
        """Return the layer with one more output channel, which is 1 everywhere."""
        one, zero = np.ones(1), np.zeros(1)
        return joined([self, Layer(np.zeros((*self.kernel.shape[:3], 1)), one, one, zero)])

    def phased(self, phases: int) -> "Layer":
        """Return each filter `phases` times, a frame later each time; all filters, then again."""
        late = []
        for phase in range(phases):
            kernel = np.zeros((len(self.kernel) + phases - 1, *self.kernel.shape[1:]))
            kernel[phase : phase + len(self.kernel)] = self.kernel
            late.append(replace(self, kernel=kernel))
        return joined(late)

    def padded(self, multiple: int) -> "Layer":
        """Return the layer with output channels of zeros up to a multiple."""
        missing = -len(self.bias) % multiple
        zero, one = np.zeros(missing), np.ones(missing)
        empty = np.zeros((*self.kernel.shape[:3], missing))
        return joined([self, Layer(empty, zero, one, zero)])

    def bounds(self, low: Array, high: Array) -> tuple[Array, Array]:
        """Return least and greatest output, for inputs between `low` and `high`, or padding."""
        reach = np.abs(self.kernel) * np.maximum(np.abs(low), np.abs(high))[:, np.newaxis]
        reach = reach.sum(axis=(0, 1, 2))
        ends = [
            self.scale * np.maximum(self.bias + side, 0.0) + self.shift for side in (reach, -reach)
        ]
        return np.minimum(*ends), np.maximum(*ends)

    @property
    def constant(self) -> Array:
        """The output of a channel whose kernel does nothing."""
        return self.scale * np.maximum(self.bias, 0.0) + self.shift


def joined(layers: Sequence[Layer]) -> Layer:
    """Return the layers' output channels side by side."""
    return Layer(
        np.concatenate([layer.kernel for layer in layers], axis=-1),
        np.concatenate([layer.bias for layer in layers]),
        np.concatenate([layer.scale for layer in layers]),
        np.concatenate([layer.shift for layer in layers]),
    )


def substitute(matrix: Array, terms: Sequence[Term], n_slots: int) -> Array:
    """Return a linear map of the slots, given (..., feature, out) and features by slots."""
    result = np.zeros((*matrix.shape[:-2], n_slots, matrix.shape[-1]))
    for feature, slot, coefficient in terms:
        result[..., slot, :] += coefficient * matrix[..., feature, :]
    return result


class Weights:
    """A checkpoint's variables in float64, by the numbers that TensorFlow 1 gave them."""

    def __init__(self, variables: Mapping[str, npt.NDArray[np.float32]]) -> None:
        self._variables = variables

    def get(self, name: str) -> Array:
        """Return a variable."""
        return self._variables[name].astype(np.float64)

    def norm(self, number: int) -> tuple[Array, Array]:
        """Return scale and shift of a batch norm."""
        name = f"batch_normalization_{number}" if number else "batch_normalization"
        deviation = np.sqrt(self.get(f"{name}/moving_variance") + EPSILON)
        scale = self.get(f"{name}/gamma") / deviation
        return scale, self.get(f"{name}/beta") - self.get(f"{name}/moving_mean") * scale

    def layer(self, convolution: str, norm: int) -> Layer:
        """Return a convolution with the batch norm behind it."""
        name = convolution
        return Layer(self.get(f"{name}/kernel"), self.get(f"{name}/bias"), *self.norm(norm))


class Graph:
    """A graph in the making; every method returns the name of what it made."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []

    def constant(self, name: str, values: npt.ArrayLike) -> str:
        """Add a constant: bytes as they are, other integers as int64, all else as float32."""
        array = np.asarray(values)
        if array.dtype.itemsize > 1:
            array = array.astype(np.int64 if array.dtype.kind == "i" else np.float32)
        self._constants.append(numpy_helper.from_array(array.copy(order="C"), name))
        return name

    def add(self, operator: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:
        """Add a node, named as its output."""
        node = helper.make_node(operator, list(inputs), [output], name=output, **attributes)
        self._nodes.append(node)
        return output

    def affine(self, x: str, scale: Array, shift: Array, output: str) -> str:
        """Multiply and add; the arrays' shapes broadcast."""
        x = self.add("Mul", [x, self.constant(f"{output}_scale", scale)], f"{output}_scaled")
        return self.add("Add", [x, self.constant(f"{output}_shift", shift)], output)

    def norm(self, x: str, scale: Array, shift: Array, output: str) -> str:
        """Multiply and add per channel, in the form that blocked layouts understand."""
        zero, one = np.zeros_like(scale), np.ones_like(scale)
        parts = {"scale": scale, "shift": shift, "mean": zero, "variance": one}
        names = [self.constant(f"{output}_{key}", value) for key, value in parts.items()]
        return self.add("BatchNormalization", [x, *names], output, epsilon=0.0)

    def conv(self, x: str, kernel: Array, bias: Array, output: str, **attributes: Any) -> str:
        """Convolve with a (time, mel, in, out) kernel."""
        names = [
            self.constant(f"{output}_kernel", kernel.transpose(3, 2, 0, 1)),
            self.constant(f"{output}_bias", bias),
        ]
        return self.add(
            "Conv", [x, *names], output, kernel_shape=list(kernel.shape[:2]), **attributes
        )

    def dense(self, x: str, kernel: Array, bias: Array, output: str) -> str:
        """Multiply by an (in, out) matrix, and add."""
        names = [
            self.constant(f"{output}_kernel", kernel),
            self.constant(f"{output}_bias", bias),
        ]
        return self.add("Gemm", [x, *names], output)

    def model(
        self, embedding_size: int, description: str, *, more: Mapping[str, int] | None = None
    ) -> onnx.ModelProto:
        """Return the checked model; `more` are further outputs and their lengths."""
        shapes: dict[str, list[int | str | None]] = {
            "mel": ["n", PATCH_FRAMES, N_MELS],
            "logits": ["n", N_LABELS],
            "embedding": ["n", embedding_size],
            **{name: ["n", size] for name, size in (more or {}).items()},
        }
        ends = {
            name: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
            for name, shape in shapes.items()
        }
        graph = helper.make_graph(
            self._nodes,
            self.name,
            [ends.pop("mel")],
            list(ends.values()),
            self._constants,
        )
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
            producer_name="lean-tag",
            producer_version="",
            doc_string=description,
        )
        onnx.checker.check_model(model, full_check=True)
        return model
