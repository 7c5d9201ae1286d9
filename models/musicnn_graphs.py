"""The networks of musicnn as ONNX graphs, rewritten exactly for speed.

Both kinds are stacks of "convolution, bias, relu, batch norm, max-pool" (Pons & Serra,
"musicnn: pre-trained convolutional neural networks for music audio tagging", 2019). Batch norm
at inference is ``scale * x + shift`` per channel. What is rewritten, each exact up to float32
rounding, and each with its own switch in `Rewrites` so that it can be measured:

constants
    Weight decay and relu have killed most filters: their kernels have norms down to
    1e-29, and the channel is a constant. It is one when interval arithmetic over all inputs
    from `MEL_LOW` to `MEL_HIGH` says that it moves by less than `SWING`. What constants
    add downstream is not quite a bias: a convolution that pads with zeros sees them end at
    the border. So one channel that is 1 everywhere carries all of them, and its kernel is
    the sum of theirs; the padding then cuts it off in the same places.
past_pool
    Batch norm and relu go behind the max-pool, where there are 30 to 96 times fewer values
    (musicnn), or 4. For a negative scale the pool has to become a minimum:
    ``max(s * relu(y)) = min(max(s * y), 0)`` for ``s < 0``, a maximum over the scaled kernel.
blocks
    Output channels are padded with zeros to a multiple of 16, the width of ONNX Runtime's
    blocked convolutions; the temporal filters of 128, 64 and 32 taps are packed into as few
    blocks as hold them, shorter ones padded with zero taps.
crop
    The vgg networks' pools drop rows and columns at the far ends, and their first pool every
    second column: what nobody looks at is not computed. Of 187 x 96, 161 x 94 matter.

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

__all__ = ["Rewrites", "musicnn", "vgg"]

Array = npt.NDArray[np.float64]
Term = tuple[int, int, float]  # feature = sum of coefficient * slot: (feature, slot, coefficient)

PATCH_FRAMES, N_MELS, N_LABELS = 187, 96, 50
EPSILON = 1e-3  # of TensorFlow 1's batch norm
BLOCK = 16  # float32 values in a 512-bit register; ONNX Runtime's blocks are 8 or 16
# Bounds of log10(1 + 10000 * mel power): a full-scale square wave gives 6.93, music up to 6.5.
# What is louder is not a mistake; it moves a "constant" by as much more than SWING.
MEL_LOW, MEL_HIGH = 0.0, 8.0
# Features behind a batch norm are of the order of 1 to 10, where float32 steps are 1e-7 to
# 1e-6: what moves less over every possible input is lost in rounding.
SWING = 1e-6
OPSET, IR_VERSION = 17, 8  # of 2022: any ONNX Runtime since 1.12 reads them


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewrites:
    """Which rewritings to do; see the module's docstring."""

    constants: bool = True
    past_pool: bool = True
    blocks: bool = True
    crop: bool = True


@dataclass(frozen=True, slots=True)
class _Layer:
    """Convolution, relu and batch norm: ``scale * relu(conv(x, kernel) + bias) + shift``.

    `kernel` is (time, mel, in, out), the others are (out,).
    """

    kernel: Array
    bias: Array
    scale: Array
    shift: Array

    def take(self, channels: Sequence[int]) -> "_Layer":
        """Return the layer with these output channels only, in this order."""
        index = np.asarray(channels, dtype=np.intp)
        return _Layer(
            self.kernel[..., index], self.bias[index], self.scale[index], self.shift[index]
        )

    def with_ones(self) -> "_Layer":
        """Return the layer with one more output channel, which is 1 everywhere."""
        one, zero = np.ones(1), np.zeros(1)
        return _joined([self, _Layer(np.zeros((*self.kernel.shape[:3], 1)), one, one, zero)])

    def heightened(self, height: int) -> "_Layer":
        """Return the layer with zero taps around, centred as "same" padding centres."""
        old = len(self.kernel)
        before = (height - 1) // 2 - (old - 1) // 2
        kernel = np.zeros((height, *self.kernel.shape[1:]))
        kernel[before : before + old] = self.kernel
        return replace(self, kernel=kernel)

    def padded(self, multiple: int) -> "_Layer":
        """Return the layer with output channels of zeros up to a multiple."""
        missing = -len(self.bias) % multiple
        zero, one = np.zeros(missing), np.ones(missing)
        empty = np.zeros((*self.kernel.shape[:3], missing))
        return _joined([self, _Layer(empty, zero, one, zero)])

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


def _joined(layers: Sequence[_Layer]) -> _Layer:
    """Return the layers' output channels side by side."""
    return _Layer(
        np.concatenate([layer.kernel for layer in layers], axis=-1),
        np.concatenate([layer.bias for layer in layers]),
        np.concatenate([layer.scale for layer in layers]),
        np.concatenate([layer.shift for layer in layers]),
    )


def _substitute(matrix: Array, terms: Sequence[Term], n_slots: int) -> Array:
    """Return a linear map of the slots, given (..., feature, out) and features by slots."""
    result = np.zeros((*matrix.shape[:-2], n_slots, matrix.shape[-1]))
    for feature, slot, coefficient in terms:
        result[..., slot, :] += coefficient * matrix[..., feature, :]
    return result


class _Weights:
    """A checkpoint's variables in float64, by the numbers that TensorFlow 1 gave them."""

    def __init__(self, variables: Mapping[str, npt.NDArray[np.float32]]) -> None:
        self._variables = variables

    def get(self, name: str) -> Array:
        return self._variables[name].astype(np.float64)

    def norm(self, number: int) -> tuple[Array, Array]:
        """Return scale and shift of a batch norm."""
        name = f"batch_normalization_{number}" if number else "batch_normalization"
        deviation = np.sqrt(self.get(f"{name}/moving_variance") + EPSILON)
        scale = self.get(f"{name}/gamma") / deviation
        return scale, self.get(f"{name}/beta") - self.get(f"{name}/moving_mean") * scale

    def layer(self, convolution: str, norm: int) -> _Layer:
        """Return a convolution with the batch norm behind it."""
        name = convolution
        return _Layer(self.get(f"{name}/kernel"), self.get(f"{name}/bias"), *self.norm(norm))


class _Graph:
    """A graph in the making; every method returns the name of what it made."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []

    def constant(self, name: str, values: npt.ArrayLike) -> str:
        """Add a constant: float32, or int64 where the values are integers."""
        array = np.asarray(values)
        array = array.astype(np.int64 if array.dtype.kind == "i" else np.float32)
        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
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
        names = [
            self.constant(f"{output}_kernel", kernel),
            self.constant(f"{output}_bias", bias),
        ]
        return self.add("Gemm", [x, *names], output)

    def model(self, embedding_size: int, description: str) -> onnx.ModelProto:
        """Return the checked model."""
        shapes: dict[str, list[int | str | None]] = {
            "mel": ["n", PATCH_FRAMES, N_MELS],
            "logits": ["n", N_LABELS],
            "embedding": ["n", embedding_size],
        }
        ends = {
            name: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
            for name, shape in shapes.items()
        }
        graph = helper.make_graph(
            self._nodes,
            self.name,
            [ends["mel"]],
            [ends["logits"], ends["embedding"]],
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


def musicnn(
    variables: Mapping[str, npt.NDArray[np.float32]],
    *,
    name: str,
    description: str,
    rewrites: Rewrites,
) -> onnx.ModelProto:
    """Return a musicnn network; its embedding is the penultimate layer, (n, 200).

    Front-end: filters over 7 frames x 38 or 67 mel bands, and over 128, 64 or 32 frames x 1
    band, each followed by the maximum over all bands. Middle: three convolutions over 7 frames
    with residuals. Back-end: maximum and mean over time of all of these, two dense layers.
    """
    weights = _Weights(variables)
    graph = _Graph(name)
    mel, low, high = _normalised(graph, weights, _image(graph))

    filters: list[tuple[int, _Layer]] = []  # those to compute, by the feature's number
    fixed: list[tuple[int, float]] = []  # features that are constants
    for i in range(5):
        layer = weights.layer(f"conv2d_{i}" if i else "conv2d", i + 1)
        bottom, top = layer.bounds(low, high)
        for channel in range(len(layer.bias)):
            feature = len(filters) + len(fixed)
            if rewrites.constants and top[channel] - bottom[channel] < SWING:
                fixed.append((feature, float(layer.constant[channel])))
            else:
                filters.append((feature, layer.take([channel])))
    n_front = len(filters) + len(fixed)
    if fixed:
        filters.append((_ONES, layer.take([]).with_ones()))

    banks, slots = _banks(filters, BLOCK if rewrites.blocks else 1)
    terms = [(feature, slot, 1.0) for slot, feature in enumerate(slots) if feature >= 0]
    terms += [(feature, slots.index(_ONES), value) for feature, value in fixed]
    front = _front_end(graph, mel, banks, past_pool=rewrites.past_pool)

    stages = [front]
    for i in range(3):
        layer = weights.layer(f"conv2d_{i + 5}", i + 6)
        # The original lays the features out along the second axis of a one-channel image.
        kernel = layer.kernel.transpose(0, 2, 1, 3)
        if i == 0:
            kernel = _substitute(kernel, terms, len(slots))
        x = graph.conv(stages[-1], kernel, layer.bias, f"middle{i}_conv", pads=[3, 0, 3, 0])
        x = graph.add("Relu", [x], f"middle{i}_relu")
        x = graph.norm(x, layer.scale, layer.shift, f"middle{i}_norm")
        stages.append(graph.add("Add", [x, stages[-1]], f"middle{i}") if i else x)
    x = graph.add("Concat", stages, "features", axis=1)

    pooled = [
        graph.add("GlobalMaxPool", [x], "features_max"),
        graph.add("GlobalAveragePool", [x], "features_mean"),
    ]
    x = graph.add("Flatten", [graph.add("Concat", pooled, "pooled", axis=1)], "pooled_flat")
    scale, shift = weights.norm(9)
    kernel = weights.get("dense/kernel")
    shifts = [(row, 0, float(value)) for row, value in enumerate(shift)]
    bias = weights.get("dense/bias") + _substitute(kernel, shifts, 1)[0]
    kernel = kernel * scale[:, np.newaxis]
    # Flattened, the original's rows alternate between maximum and mean of each feature.
    n_rest = len(kernel) // 2 - n_front
    terms += [(n_front + i, len(slots) + i, 1.0) for i in range(n_rest)]
    halves = [_substitute(kernel[side::2], terms, len(slots) + n_rest) for side in (0, 1)]
    x = graph.dense(x, np.concatenate(halves), bias, "dense")
    x = graph.add("Relu", [x], "dense_relu")
    embedding = graph.affine(x, *weights.norm(10), "embedding")
    graph.dense(embedding, weights.get("dense_1/kernel"), weights.get("dense_1/bias"), "logits")
    return graph.model(len(bias), description)


_ONES, _EMPTY = -1, -2  # in place of a feature's number: the channel of ones; zeros


def _banks(filters: Sequence[tuple[int, _Layer]], block: int) -> tuple[list[_Layer], list[int]]:
    """Pack single filters into as few convolutions as their shapes allow.

    Returns the convolutions, with output channels in multiples of `block`, and the feature's
    number for each channel of all of them. Filters in the same block get the height of its
    highest: sorted by height, that is the least work.
    """
    banks: list[_Layer] = []
    slots: list[int] = []
    for width in sorted({layer.kernel.shape[1] for _, layer in filters}):
        alike = [pair for pair in filters if pair[1].kernel.shape[1] == width]
        alike.sort(key=lambda pair: -pair[1].kernel.shape[0])
        by_height: dict[int, list[tuple[int, _Layer]]] = {}
        for start in range(0, len(alike), block):
            chunk = alike[start : start + block]
            by_height.setdefault(chunk[0][1].kernel.shape[0], []).extend(chunk)
        for height, members in by_height.items():
            bank = _joined([layer.heightened(height) for _, layer in members]).padded(block)
            banks.append(bank)
            slots += [feature for feature, _ in members]
            slots += [_EMPTY] * (len(bank.bias) - len(members))
    return banks, slots


def _front_end(graph: _Graph, mel: str, banks: Sequence[_Layer], *, past_pool: bool) -> str:
    """Add the convolutions over the spectrogram, and their maxima over all mel bands."""
    parts = []
    for i, bank in enumerate(banks):
        height, width = bank.kernel.shape[:2]
        # As TensorFlow pads an even kernel for "same": the odd one goes behind.
        pads = [(height - 1) // 2, 0, height // 2, 0]
        if past_pool:
            bias = bank.bias * bank.scale + bank.shift
            x = graph.conv(mel, bank.kernel * bank.scale, bias, f"front{i}_conv", pads=pads)
        else:
            x = graph.conv(mel, bank.kernel, bank.bias, f"front{i}_conv", pads=pads)
            x = graph.add("Relu", [x], f"front{i}_relu")
            x = graph.norm(x, bank.scale, bank.shift, f"front{i}_norm")
        all_bands = [1, N_MELS - width + 1]
        parts.append(graph.add("MaxPool", [x], f"front{i}_pool", kernel_shape=all_bands))
    x = graph.add("Concat", parts, "front_pooled", axis=1)
    if not past_pool:
        return x
    # The relu in terms of what is behind the batch norm: not below the shift where the scale
    # is positive, not above it where it is negative.
    column = (-1, 1, 1)
    scale = np.concatenate([bank.scale for bank in banks]).reshape(column)
    shift = np.concatenate([bank.shift for bank in banks]).reshape(column)
    furthest = float(np.finfo(np.float32).max)
    floor = graph.constant("front_floor", np.where(scale >= 0, shift, -furthest))
    ceiling = graph.constant("front_ceiling", np.where(scale >= 0, furthest, shift))
    x = graph.add("Max", [x, floor], "front_floored")
    return graph.add("Min", [x, ceiling], "front")


def vgg(
    variables: Mapping[str, npt.NDArray[np.float32]],
    *,
    name: str,
    description: str,
    rewrites: Rewrites,
) -> onnx.ModelProto:
    """Return a vgg network; its embedding is the flattened last pool, (n, 256).

    Five convolutions of 3 x 3, each followed by a max-pool, and one dense layer.
    """
    weights = _Weights(variables)
    graph = _Graph(name)
    x = _image(graph)
    if rewrites.crop:
        names = [
            graph.constant(f"crop_{key}", values)
            for key, values in (("starts", [0, 0]), ("ends", [161, 94]), ("axes", [2, 3]))
        ]
        x = graph.add("Slice", [x, *names], "image_cropped")
    x, low, high = _normalised(graph, weights, x)

    terms: list[Term] = [(0, 0, 1.0)]
    n_slots = 1
    for i, (pool, strides) in enumerate(_VGG_POOLS):
        layer = weights.layer(f"{i + 1}CNN", i + 1)
        low, high = layer.bounds(low, high)
        channels = range(len(layer.bias))
        prune = rewrites.constants and i < len(_VGG_POOLS) - 1
        live = [c for c in channels if not prune or high[c] - low[c] >= SWING]
        fixed = [(c, len(live), float(layer.constant[c])) for c in channels if c not in live]

        kept = replace(layer, kernel=_substitute(layer.kernel, terms, n_slots)).take(live)
        kept = (kept.with_ones() if fixed else kept).padded(BLOCK if rewrites.blocks else 1)
        n_slots = len(kept.bias)
        terms = [(channel, slot, 1.0) for slot, channel in enumerate(live)] + fixed

        # Cropped, there are no zeros where the picture goes on; and the first convolution
        # takes over its pool's stride along the mel bands, where that pool is 1 wide.
        pads, steps = [1, 1, 1, 1], [1, 1]
        if rewrites.crop:
            pads = [1, 1, 0, 0]
            if pool[1] == 1:
                steps, strides = [1, strides[1]], [strides[0], 1]  # noqa: PLW2901
        if not rewrites.past_pool:
            x = graph.conv(x, kept.kernel, kept.bias, f"conv{i}", pads=pads, strides=steps)
            x = graph.add("Relu", [x], f"relu{i}")
            x = graph.norm(x, kept.scale, kept.shift, f"norm{i}")
            x = graph.add("MaxPool", [x], f"pool{i}", kernel_shape=pool, strides=strides)
            continue

        sign = np.where(kept.scale < 0, -1.0, 1.0)
        negative = bool((sign < 0).any())
        x = graph.conv(
            x, kept.kernel * sign, kept.bias * sign, f"conv{i}", pads=pads, strides=steps
        )
        x = x if negative else graph.add("Relu", [x], f"relu{i}")
        x = graph.add("MaxPool", [x], f"pool{i}", kernel_shape=pool, strides=strides)
        if negative:
            x = graph.norm(x, sign, np.zeros_like(sign), f"sign{i}")
            x = graph.add("Relu", [x], f"relu{i}")
        if fixed:  # then there is a channel of ones, and the next kernel does the rest
            terms = [(channel, slot, float(kept.scale[slot])) for slot, channel in enumerate(live)]
            terms += [(c, len(live), float(kept.shift[slot])) for slot, c in enumerate(live)]
            terms += fixed
        else:
            x = graph.norm(x, kept.scale, kept.shift, f"norm{i}")

    # TensorFlow keeps the channels last, and so flattens them fastest.
    x = graph.add("Transpose", [x], "pooled", perm=[0, 2, 3, 1])
    embedding = graph.add("Flatten", [x], "embedding")
    kernel = weights.get("dense/kernel")
    graph.dense(embedding, kernel, weights.get("dense/bias"), "logits")
    return graph.model(len(kernel), description)


# Kernel and stride (time, mel) of the max-pools behind the five convolutions.
_VGG_POOLS = (
    ([4, 1], [2, 2]),
    ([2, 2], [2, 2]),
    ([2, 2], [2, 2]),
    ([2, 2], [2, 2]),
    ([4, 4], [4, 4]),
)


def _image(graph: _Graph) -> str:
    """Add the one-channel image, (n, 1, time, mel), of the input."""
    return graph.add("Unsqueeze", ["mel", graph.constant("image_axis", [1])], "image")


def _normalised(graph: _Graph, weights: _Weights, image: str) -> tuple[str, Array, Array]:
    """Add the batch norm of the input; return its name, and the least and greatest value."""
    scale, shift = weights.norm(0)
    ends = scale * np.array([[MEL_LOW], [MEL_HIGH]]) + shift
    return graph.affine(image, scale, shift, "normalised"), ends.min(axis=0), ends.max(axis=0)
