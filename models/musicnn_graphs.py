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
    blocked convolutions.
phases
    A block that 7 filters would leave half empty takes each of them several times instead,
    each time a frame later, and the convolution moves on by as many frames: the sums are the
    same, and few of them are wasted. The least work decides how often (`_phases`).
halves
    Two sums over the mel bands from three of half the length, where four would be expected
    (S. Winograd, "Arithmetic Complexity of Computations", 1980). With even and odd bands
    ``e, o`` and taps ``g, h`` of a filter: ``y[2i] = g (e - o) + (g + h) o`` and
    ``y[2i + 1] = h (e' - o) + (g + h) o``, ``e'`` being the next even band. The differences
    are of one channel, and the two additions ride on the convolutions: they cost nothing.
crop
    The vgg networks' pools drop rows and columns at the far ends, and their first pool every
    second column: what nobody looks at is not computed. Of 187 x 96, 161 x 94 matter.

Phases and halves are for the musicnn networks, crop is for the vgg ones.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from graph_parts import N_MELS, PATCH_FRAMES, Array, Graph, Layer, Term, Weights, substitute

BLOCK = 16  # float32 values in a 512-bit register; ONNX Runtime's blocks are 8 or 16
# Bounds of log10(1 + 10000 * mel power): a full-scale square wave gives 6.93, music up to 6.5.
# What is louder is not a mistake; it moves a "constant" by as much more than SWING.
MEL_LOW, MEL_HIGH = 0.0, 8.0
# Features behind a batch norm are of the order of 1 to 10, where float32 steps are 1e-7 to
# 1e-6: what moves less over every possible input is lost in rounding.
SWING = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewrites:
    """Which rewritings to do; see the module's docstring."""

    constants: bool = True
    past_pool: bool = True
    blocks: bool = True
    phases: bool = True
    halves: bool = True
    crop: bool = True


@dataclass(frozen=True, slots=True)
class Bank:
    """Filters of one shape, and the number of the feature that each of them gives."""

    features: tuple[int, ...]
    layer: Layer


Maxima = Callable[[Graph, str, Sequence[Bank], Rewrites], tuple[str, list[int]]]
"""Adds each bank's convolution over the spectrogram and its maximum over all mel bands; returns
the result's name, (n, column, time), and each column's feature."""


def musicnn(
    variables: Mapping[str, npt.NDArray[np.float32]],
    *,
    name: str,
    description: str,
    rewrites: Rewrites,
    maxima: Maxima | None = None,
    with_dense: bool = False,
) -> onnx.ModelProto:
    """Return a musicnn network; its embedding is the penultimate layer, (n, 200).

    `with_dense` adds the output ``dense``: that layer before relu and batch norm, which is what
    Essentia calls ``model/dense/BiasAdd`` and gives to its heads.

    Front-end: filters over 7 frames x 38 or 67 mel bands, and over 128, 64 or 32 frames x 1
    band, each followed by the maximum over all bands. Middle: three convolutions over 7 frames
    with residuals. Back-end: maximum and mean over time of all of these, two dense layers.
    Another way to do the front-end's convolutions can be given as `maxima`.
    """
    weights = Weights(variables)
    graph = Graph(name)
    mel, low, high = _normalised(graph, weights, _image(graph))

    n_front = 0
    fixed: list[tuple[int, float]] = []  # features that are constants, by number
    banks: list[Bank] = []
    for i in range(5):
        layer = weights.layer(f"conv2d_{i}" if i else "conv2d", i + 1)
        bottom, top = layer.bounds(low, high)
        channels = range(len(layer.bias))
        live = [c for c in channels if not rewrites.constants or top[c] - bottom[c] >= SWING]
        fixed += [(n_front + c, float(layer.constant[c])) for c in channels if c not in live]
        banks.append(Bank(tuple(n_front + c for c in live), layer.take(live)))
        n_front += len(layer.bias)
    if fixed:
        banks[-1] = Bank((*banks[-1].features, _ONES), banks[-1].layer.with_ones())
    banks = [bank for bank in banks if bank.features]
    front, slots = _front_end(graph, mel, banks, rewrites, maxima or _maxima)
    terms = [(feature, slot, 1.0) for slot, feature in enumerate(slots) if feature >= 0]
    terms += [(feature, slots.index(_ONES), value) for feature, value in fixed]

    stages = [front]
    for i in range(3):
        layer = weights.layer(f"conv2d_{i + 5}", i + 6)
        # The original lays the features out along the second axis of a one-channel image. Here
        # they are the channels, and time is the last axis: the blocked convolutions take
        # several of its positions at once.
        kernel = layer.kernel.transpose(2, 0, 1, 3)
        if i == 0:
            kernel = substitute(kernel, terms, len(slots))
        x = graph.conv(stages[-1], kernel, layer.bias, f"middle{i}_conv", pads=[0, 3, 0, 3])
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
    bias = weights.get("dense/bias") + substitute(kernel, shifts, 1)[0]
    kernel = kernel * scale[:, np.newaxis]
    # Flattened, the original's rows alternate between maximum and mean of each feature.
    n_rest = len(kernel) // 2 - n_front
    terms += [(n_front + i, len(slots) + i, 1.0) for i in range(n_rest)]
    halves = [substitute(kernel[side::2], terms, len(slots) + n_rest) for side in (0, 1)]
    x = graph.dense(x, np.concatenate(halves), bias, "dense")
    x = graph.add("Relu", [x], "dense_relu")
    embedding = graph.affine(x, *weights.norm(10), "embedding")
    graph.dense(embedding, weights.get("dense_1/kernel"), weights.get("dense_1/bias"), "logits")
    return graph.model(len(bias), description, more={"dense": len(bias)} if with_dense else None)


_ONES, _EMPTY = -1, -2  # in place of a feature's number: the channel of ones; whatever


def _front_end(
    graph: Graph, mel: str, banks: Sequence[Bank], rewrites: Rewrites, maxima: Maxima
) -> tuple[str, list[int]]:
    """Add the convolutions over the spectrogram, and what is behind their maxima.

    Returns the result's name, (n, channel, 1, time), and each channel's feature.
    """
    x, columns = maxima(graph, mel, banks, rewrites)
    slots = [feature for bank in banks for feature in bank.features]
    kept = [columns.index(feature) for feature in slots]
    missing = -len(kept) % BLOCK if rewrites.blocks else 0
    kept, slots = kept + kept[:1] * missing, slots + [_EMPTY] * missing
    x = graph.add("Gather", [x, graph.constant("front_kept", kept)], "front_pooled", axis=1)
    if rewrites.past_pool:
        # The relu in terms of what is behind the batch norm: not below the shift where the
        # scale is positive, not above it where it is negative.
        scale = np.concatenate([bank.layer.scale for bank in banks])
        shift = np.concatenate([bank.layer.shift for bank in banks])
        repeated = np.asarray([*range(len(scale)), *[0] * missing])
        scale, shift = scale[repeated, np.newaxis], shift[repeated, np.newaxis]
        furthest = float(np.finfo(np.float32).max)
        floor = graph.constant("front_floor", np.where(scale >= 0, shift, -furthest))
        ceiling = graph.constant("front_ceiling", np.where(scale >= 0, furthest, shift))
        x = graph.add("Max", [x, floor], "front_floored")
        x = graph.add("Min", [x, ceiling], "front_limited")
    return graph.add("Unsqueeze", [x, graph.constant("front_axis", [2])], "front"), slots


def _maxima(
    graph: Graph, mel: str, banks: Sequence[Bank], rewrites: Rewrites
) -> tuple[str, list[int]]:
    """Add the convolutions and their maxima over all mel bands, as `Maxima` says."""
    block = BLOCK if rewrites.blocks else 1
    images = [mel, *(_halves(graph, mel) if rewrites.halves else [])]
    parts: list[str] = []
    columns: list[int] = []
    for i, bank in enumerate(banks):
        phases = _phases(bank.layer, block) if rewrites.phases else 1
        layer = bank.layer.padded(max(1, block // phases))
        x = _over_bands(graph, images, layer, f"front{i}", phases, past_pool=rewrites.past_pool)
        # Rows of phases of filters: the same numbers, read as frames of filters.
        shape = graph.constant(f"front{i}_shape", [0, -1, len(layer.bias)])
        parts.append(graph.add("Reshape", [x, shape], f"front{i}_frames"))
        if PATCH_FRAMES % phases:
            ends = [
                graph.constant(f"front{i}_{key}", value)
                for key, value in (("start", [0]), ("end", [PATCH_FRAMES]), ("axis", [1]))
            ]
            parts[-1] = graph.add("Slice", [parts[-1], *ends], f"front{i}")
        columns += [*bank.features, *[_EMPTY] * (len(layer.bias) - len(bank.features))]
    x = graph.add("Concat", parts, "front_frames", axis=2)
    return graph.add("Transpose", [x], "front_channels", perm=[0, 2, 1]), columns


def _phases(layer: Layer, block: int) -> int:
    """Return how many frames one position of a convolution should give, for the least work."""

    def work(phases: int) -> float:
        channels = len(layer.padded(max(1, block // phases)).bias) * phases
        taps = len(layer.kernel) + phases - 1
        # One block leaves too few sums in flight to keep the arithmetic units busy.
        slow = 4 / 3 if channels == block else 1.0
        return slow * channels * taps * -(-PATCH_FRAMES // phases)

    return min((1 << power for power in range(block.bit_length())), key=work)


def _halves(graph: Graph, mel: str) -> list[str]:
    """Add what `_over_bands` convolves, (n, 1, time, 48): odd, even - odd, next even - odd."""
    even, odd = (np.eye(N_MELS)[:, start::2] for start in (0, 1))
    following = np.eye(N_MELS, k=-2)[:, 0::2]
    ways = {"odd": odd, "before": even - odd, "behind": following - odd}
    return [
        graph.add("MatMul", [mel, graph.constant(f"halves_{key}_map", way)], f"halves_{key}")
        for key, way in ways.items()
    ]


def _over_bands(
    graph: Graph, images: Sequence[str], layer: Layer, name: str, phases: int, *, past_pool: bool
) -> str:
    """Add a convolution, and the maximum over all mel bands: (n, row, 1, channel).

    `images` is the spectrogram, and its halves where these are to be used. Each row holds
    `phases` frames, and so each channel `phases` times.
    """
    height, width = layer.kernel.shape[:2]
    layer = layer.phased(phases)
    kernel, bias = layer.kernel, layer.bias
    if past_pool:
        kernel, bias = kernel * layer.scale, bias * layer.scale + layer.shift
    rows = -(-PATCH_FRAMES // phases)
    before = (height - 1) // 2  # as TensorFlow pads for "same": the odd one goes behind
    behind = rows * phases - PATCH_FRAMES + height - 1 - before
    where: dict[str, Any] = {"pads": [before, 0, behind, 0], "strides": [phases, 1]}
    bands = N_MELS - width + 1
    if len(images) == 1 or width == 1:
        sums = [(graph.conv(images[0], kernel, bias, f"{name}_conv", **where), bands)]
    else:
        kernel = np.concatenate([kernel, np.zeros_like(kernel[:, : width % 2])], axis=1)
        even, odd, none = kernel[:, 0::2], kernel[:, 1::2], np.zeros_like(bias)
        both = graph.conv(images[1], even + odd, bias, f"{name}_both", **where)
        x = graph.conv(images[2], even, none, f"{name}_even", **where)
        y = graph.conv(images[3], odd, none, f"{name}_odd", **where)
        sums = [
            (graph.add("Add", [x, both], f"{name}_even_sum"), -(-bands // 2)),
            (graph.add("Add", [y, both], f"{name}_odd_sum"), bands // 2),
        ]
    maxima = []
    for i, (x, count) in enumerate(sums):
        y = x
        if not past_pool:
            y = graph.add("Relu", [y], f"{name}_relu{i}")
            y = graph.norm(y, layer.scale, layer.shift, f"{name}_norm{i}")
        size = [1, count]
        y = graph.add("MaxPool", [y], f"{name}_pool{i}", kernel_shape=size, strides=size)
        maxima.append(graph.add("Transpose", [y], f"{name}_pooled{i}", perm=[0, 2, 3, 1]))
    return graph.add("Max", maxima, f"{name}_pooled") if len(maxima) > 1 else maxima[0]


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
    weights = Weights(variables)
    graph = Graph(name)
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

        kept = replace(layer, kernel=substitute(layer.kernel, terms, n_slots)).take(live)
        kept = (kept.with_ones() if fixed else kept).padded(BLOCK if rewrites.blocks else 1)
        n_slots = len(kept.bias)
        terms = [(channel, slot, 1.0) for slot, channel in enumerate(live)] + fixed

        # Cropped, there are no zeros where the picture goes on; and the first convolution
        # takes over its pool's stride along the mel bands, where that pool is 1 wide.
        pads, steps = [1, 1, 1, 1], [1, 1]
        if rewrites.crop:
            pads = [1, 1, 0, 0]
            if pool[1] == 1:
                steps, strides = [1, strides[1]], [strides[0], 1]  # noqa: PLW2901 - of this pool only
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


def _image(graph: Graph) -> str:
    """Add the one-channel image, (n, 1, time, mel), of the input."""
    return graph.add("Unsqueeze", ["mel", graph.constant("image_axis", [1])], "image")


def _normalised(graph: Graph, weights: Weights, image: str) -> tuple[str, Array, Array]:
    """Add the batch norm of the input; return its name, and the least and greatest value."""
    scale, shift = weights.norm(0)
    ends = scale * np.array([[MEL_LOW], [MEL_HIGH]]) + shift
    return graph.affine(image, scale, shift, "normalised"), ends.min(axis=0), ends.max(axis=0)
