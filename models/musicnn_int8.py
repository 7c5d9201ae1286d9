"""The musicnn networks' front-end in 8-bit integers: not exact, and faster on some processors.

The convolutions become products with a matrix that holds each filter again for every band, or
every frame, so that no copies of single bytes are needed to line the input up. Inputs are 7
bits, weights are 8 with one scale per filter, sums are exact 32-bit integers.
The maximum over the bands is taken of these; scale and constant come behind it.

A filter over w bands at b places needs a matrix of (w + b - 1) x b, mostly zeros for a large b:
so the places are cut into a few groups that share one matrix.
"""

from collections.abc import Mapping, Sequence

import musicnn_graphs
import numpy as np
import numpy.typing as npt
import onnx
from graph_parts import N_MELS, PATCH_FRAMES, Array, Graph, Layer, Weights
from musicnn_graphs import MEL_HIGH, Bank, Maxima, Rewrites

# Seven bits for the input, up to the loudest that there can be: two products with a weight then
# fit into 16 bits, and processors that add up in these (AVX2 without VNNI) give the same sums.
_STEP = MEL_HIGH / 127
_PLACES = 20  # of a filter over bands that share a matrix: measured, the best of 8 to 60


def musicnn(
    variables: Mapping[str, npt.NDArray[np.float32]],
    *,
    name: str,
    description: str,
    rewrites: Rewrites,
) -> onnx.ModelProto:
    """Return `musicnn_graphs.musicnn` with its front-end in 8-bit integers."""
    return musicnn_graphs.musicnn(
        variables,
        name=name,
        description=description,
        rewrites=rewrites,
        maxima=_maxima(variables),
    )


def _maxima(variables: Mapping[str, npt.NDArray[np.float32]]) -> Maxima:
    """Return what adds the front-end's convolutions."""
    scale, shift = (float(value[0]) for value in Weights(variables).norm(0))

    def add(
        graph: Graph, _mel: str, banks: Sequence[Bank], _rewrites: Rewrites
    ) -> tuple[str, list[int]]:
        unsigned = _bytes(graph, "mel_bytes", np.uint8(0))
        signed = _bytes(graph, "mel_signed", np.int8(-64))
        rows = graph.constant("padding", [0, 3, 0, 0, 3, 0])
        padded = graph.add("Pad", [unsigned, rows], "mel_bytes_padded")
        parts = []
        for i, bank in enumerate(banks):
            whole, step, constant = _quantised(bank.layer, scale, shift)
            name = f"front{i}"
            if bank.layer.kernel.shape[1] > 1:
                x = _over_bands(graph, padded, whole, name)
            else:
                x = _over_frames(graph, signed, whole, name)
            x = graph.add("Cast", [x], f"{name}_float", to=1)
            steps = graph.constant(f"{name}_step", step[:, np.newaxis] * _STEP)
            x = graph.add("Mul", [x, steps], f"{name}_scaled")
            constants = graph.constant(f"{name}_constant", constant)
            parts.append(graph.add("Add", [x, constants], name))
        x = graph.add("Concat", parts, "front_channels", axis=1)
        return x, [feature for bank in banks for feature in bank.features]

    return add


def _bytes(graph: Graph, name: str, zero: np.uint8 | np.int8) -> str:
    """Add the input as bytes, 0 being the byte `zero`."""
    names = [graph.constant(f"{name}_step", _STEP), graph.constant(f"{name}_zero", zero)]
    return graph.add("QuantizeLinear", ["mel", *names], name)


def _quantised(
    layer: Layer, scale: float, shift: float
) -> tuple[npt.NDArray[np.int8], Array, Array]:
    """Return (time, mel, out) bytes, what one is worth per channel, and (out, frame) constants.

    The network pads its *normalised* input with zeros; the bytes outside are zero, too. What
    the normalisation's shift adds, therefore, depends on how much of a filter lies inside.
    """
    kernel = (layer.kernel * layer.scale)[:, :, 0] * scale
    step = np.maximum(np.abs(kernel).max(axis=(0, 1)), 1e-30) / 127
    whole = _diffused(kernel / step)
    rows = whole.sum(axis=1, dtype=np.int64) * step * (shift / scale)
    constant = np.tile(layer.bias * layer.scale + layer.shift, (PATCH_FRAMES, 1))
    for frame in range(PATCH_FRAMES):
        first, end = _inside(frame, len(rows))
        constant[frame] += rows[first:end].sum(axis=0)
    return whole, step, constant.T


def _diffused(kernel: Array) -> npt.NDArray[np.int8]:
    """Round a (time, mel, out) kernel to whole numbers, passing on what that takes away.

    Half goes to the next frame, half to the next band, as in R. W. Floyd and L. Steinberg, "An
    adaptive algorithm for spatial greyscale", 1976: spectrograms are smooth, so that what one
    tap has too much and its neighbour too little hardly shows.
    """
    height, width, n_out = kernel.shape
    rest = np.zeros((height + 1, width + 1, n_out))
    rest[:height, :width] = kernel
    whole = np.zeros(kernel.shape)
    for time, band in np.ndindex(height, width):
        whole[time, band] = np.clip(np.rint(rest[time, band]), -127, 127)
        missing = rest[time, band] - whole[time, band]
        later, higher = time + 1 < height, band + 1 < width
        share = 1.0 / max(1, later + higher)
        rest[time + 1, band] += share * later * missing
        rest[time, band + 1] += share * higher * missing
    return whole.astype(np.int8)


def _inside(frame: int, height: int) -> tuple[int, int]:
    """Return which taps of a filter around a frame fall inside the patch."""
    before = (height - 1) // 2
    return max(0, before - frame), min(height, PATCH_FRAMES - frame + before)


def _over_bands(graph: Graph, padded: str, whole: npt.NDArray[np.int8], name: str) -> str:
    """Add filters of 7 frames by some bands, and their maxima: (n, out, frame) integers."""
    height, width, n_out = whole.shape
    n_places = N_MELS - width + 1
    groups = -(-n_places // _PLACES)
    places = -(-n_places // groups)
    bands = width + places - 1
    matrix = np.zeros((height, bands, places, n_out), np.int8)
    for place in range(places):
        matrix[:, place : place + width, place] = whole
    # The last group overlaps the one before: a maximum does not mind.
    starts = [min(group * places, n_places - places) for group in range(groups)]
    parts = [
        _cut(graph, padded, (2, start, start + bands), f"{name}_bands{start}") for start in starts
    ]
    axis = graph.constant(f"{name}_axis", [2])
    parts = [graph.add("Unsqueeze", [part, axis], f"{part}_group") for part in parts]
    x = graph.add("Concat", parts, f"{name}_groups", axis=2)
    rows = [
        _cut(graph, x, (1, row, row + PATCH_FRAMES), f"{name}_row{row}") for row in range(height)
    ]
    x = graph.add("Concat", rows, f"{name}_rows", axis=3)
    weights = graph.constant(f"{name}_matrix", matrix.reshape(height * bands, places * n_out))
    x = graph.add("MatMulInteger", [x, weights], f"{name}_sums")
    shape = graph.constant(f"{name}_shape", [0, PATCH_FRAMES, groups * places, n_out])
    x = graph.add("Reshape", [x, shape], f"{name}_places")
    x = graph.add("ReduceMax", [x], f"{name}_most", axes=[2], keepdims=0)
    return graph.add("Transpose", [x], f"{name}_whole", perm=[0, 2, 1])


def _over_frames(graph: Graph, signed: str, whole: npt.NDArray[np.int8], name: str) -> str:
    """Add filters over frames, and their maxima over all bands: (n, out, frame) integers."""
    height, _, n_out = whole.shape
    matrix = np.zeros((n_out, PATCH_FRAMES, PATCH_FRAMES), np.int16)
    for frame in range(PATCH_FRAMES):
        first, end = _inside(frame, height)
        start = frame - (height - 1) // 2
        matrix[:, frame, start + first : start + end] = whole[first:end, 0].T
    # The weights on the left, unsigned: only so do the bands end up side by side, and the
    # maximum over them is four times faster.
    inputs = [
        graph.constant(f"{name}_matrix", (matrix + 128).astype(np.uint8).reshape(-1, PATCH_FRAMES)),
        signed,
        graph.constant(f"{name}_zero", np.uint8(128)),
        "mel_signed_zero",
    ]
    x = graph.add("MatMulInteger", inputs, f"{name}_sums")
    x = graph.add("ReduceMax", [x], f"{name}_most", axes=[2], keepdims=0)
    shape = graph.constant(f"{name}_shape", [0, n_out, PATCH_FRAMES])
    return graph.add("Reshape", [x, shape], f"{name}_whole")


def _cut(graph: Graph, x: str, where: tuple[int, int, int], name: str) -> str:
    """Add a slice: axis, start and end."""
    axis, start, end = (
        graph.constant(f"{name}_{key}", [value])
        for key, value in zip(("axis", "start", "end"), where, strict=True)
    )
    return graph.add("Slice", [x, start, end, axis], name)
