"""Run the network: patches in, logits out."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lean_tagger.card import ModelSpec, PatchLayout, onnx_graph
from lean_tagger.errors import ModelError
from lean_tagger.listen.label_scores import Words
from lean_tagger.listen.onnx_session import Bound, DeviceName, best_batch, open_session, reported

CLIP = 1e-6
"""Limits probabilities: a window closer to 0 or 1 would outweigh all others."""

LAYOUTS: dict[PatchLayout, Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float32]]] = {
    "frames_bands": lambda patches: patches,
    "1_frames_bands": lambda patches: patches[:, None],
    "frames_bands_1": lambda patches: patches[..., None],
    "bands_frames": lambda patches: patches.swapaxes(1, 2),
    "1_bands_frames": lambda patches: patches.swapaxes(1, 2)[:, None],
    "bands_frames_1": lambda patches: patches.swapaxes(1, 2)[..., None],
    "samples": lambda patches: patches,
    "1_samples": lambda patches: patches[:, None],
    "samples_1": lambda patches: patches[..., None],
    "embedding": lambda patches: patches,
}
"""From the front-ends' patches to the input tensor; these are views."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """The network's output for a batch of patches.

    Attributes
    ----------
    logits : (n, n_labels) float32
        Before the sigmoid. If the network gives probabilities (also from a softmax), these are
        ``log p - log(1 - p)``, with p kept `CLIP` away from 0 and 1. There are no columns if it
        gives only an embedding, unless that is compared with words. Numbers (the activation
        ``numbers``) are unchanged.
    embedding : (n, dim) float32 or None
        If the card names one.
    """

    logits: npt.NDArray[np.float32]
    embedding: npt.NDArray[np.float32] | None


class Network:
    """A loaded network: call it with patches, get a `Prediction`.

    Loading compares the weights with the card, runs one silent patch, and checks the shape and
    values of the output, so that a wrong model is found before any music is opened.

    Parameters
    ----------
    spec : ModelSpec
        The card.
    device, threads, notice, gpu_bytes
        As for `onnx_session.open_session`.
    backbone : Network, optional
        For a head: the network that gives it embeddings instead of patches.

    Raises
    ------
    ModelError
        The weights are missing, damaged or not what the card says, or the chosen device does
        not exist.

    Attributes
    ----------
    of_silence : Prediction
        The output for the silent patch.
    words : Words or None
        Computes its logits, if its labels are words.
    batch : int or None
        Patches per call; fewer take as long. None is any number. With CUDA a short measurement
        chooses it, unless the graph requires a number.
    """

    def __init__(
        self,
        spec: ModelSpec,
        *,
        device: DeviceName = "auto",
        threads: int = 1,
        notice: Callable[[str], None] | None = None,
        backbone: "Network | None" = None,
        gpu_bytes: int = 0,
    ) -> None:
        self.spec = spec
        self.words = Words(spec) if spec.label_vectors else None
        _check_weights(spec.path, spec.sha256)
        self.device, session = open_session(
            spec.path,
            device,
            threads=threads,
            gpu_bytes=gpu_bytes,
            sha256=spec.sha256,
            notice=notice,
        )
        tensors = spec.tensors
        self._outputs = [name for name in (tensors.logits, tensors.embedding) if name is not None]
        self._patch_shape, self.batch = _check_input(session, spec)
        self._input = np.empty(0, np.float32)
        self._bound = Bound(session, tensors.input, self._outputs)
        self.of_silence = self._try(backbone)
        self._check_outputs()

    def __call__(self, patches: npt.NDArray[np.float32]) -> Prediction:
        """Score patches.

        Parameters
        ----------
        patches : (n, patch_frames, n_mels) or (n, samples) float32
            From the front-end, n above 0; for a head (n, dim) embeddings. Not kept.

        Raises
        ------
        ModelError
            The network failed, or its output holds something that is not a number.
        """
        size = self.batch or len(patches)
        parts = [self._run(patches[at : at + size]) for at in range(0, len(patches), size)]
        outputs = (
            parts[0] if len(parts) == 1 else list(map(np.concatenate, zip(*parts, strict=True)))
        )
        found = dict(zip(self._outputs, outputs, strict=True))
        tensors, name = self.spec.tensors, self.spec.name
        logits = np.empty((len(patches), 0), np.float32)
        embedding = found[tensors.embedding] if tensors.embedding else None
        if self.words is not None:
            logits = self.words.logits(self.words.check(embedding, model=name))
        elif tensors.logits is not None:
            logits = found[tensors.logits]
        if not np.isfinite(logits).all():
            raise ModelError(f"the model {name} gave scores that are not numbers")
        if self.words is None and self.spec.activation in {"sigmoid", "softmax"}:
            logits = _logits(logits, name, self.spec.activation)
        return Prediction(logits, embedding)

    def _run(self, patches: npt.NDArray[np.float32]) -> list[npt.NDArray[np.float32]]:
        """Return the outputs for at most as many patches as the graph takes at once."""
        arranged = LAYOUTS[self.spec.tensors.layout](patches)
        size = self.batch or len(arranged)
        if len(arranged) < size or not arranged.flags.c_contiguous:
            if self._input.shape != (size, *arranged.shape[1:]):
                self._input = np.zeros((size, *arranged.shape[1:]), np.float32)
            # Other rows hold old values; they do not affect these rows and are ignored.
            self._input[: len(arranged)] = arranged
            arranged = self._input
        with reported(f"the model {self.spec.name} failed", device=self.device):
            outputs = self._bound.run(arranged)
        rows = min(output.shape[0] if output.ndim else 0 for output in outputs)
        if rows < len(arranged):
            raise ModelError(
                f"the model {self.spec.name} gave {rows} rows for {len(arranged)} patches"
            )
        return [output[: len(patches)] for output in outputs]

    def of(self, said: Prediction) -> Prediction:
        """Score the output of a head's backbone.

        Raises
        ------
        ModelError
            As for a call; or the backbone gave no embedding.
        """
        if said.embedding is None:
            raise ModelError(f"the model {self.spec.name} is a head, and got no embedding")
        return self(said.embedding)

    def _try(self, backbone: "Network | None") -> Prediction:
        """Return the output for silence; on a GPU, choose the batch."""
        if backbone is not None:
            if self.device != "cpu" and self.batch is None:
                self.batch = backbone.batch
            return self.of(backbone.of_silence)
        silence = np.zeros((1, *self._patch_shape), np.float32)
        said = self(silence)
        if self.device == "cuda" and self.batch is None:
            self.batch = best_batch(lambda size: self(np.repeat(silence, size, axis=0)))
        elif self.device != "cpu" and self.batch is None:
            self.batch = 1  # MIGraphX compiles for each shape, which takes about a minute
        return said

    def _check_outputs(self) -> None:
        """Check the output for silence."""
        spec, said = self.spec, self.of_silence
        shape = said.logits.shape
        none = spec.tensors.logits is None and self.words is None
        labels = 0 if none else len(spec.labels)
        if shape != (1, labels):
            raise ModelError(
                f"the model {spec.name} gives {'x'.join(map(str, shape))} scores, "
                f"but its card names {labels} labels"
            )
        if said.embedding is not None:
            shape = said.embedding.shape
            if len(shape) != 2 or shape[0] != 1 or not np.isfinite(said.embedding).all():
                raise ModelError(
                    f"the model {spec.name} gives {'x'.join(map(str, shape))} numbers as an "
                    "embedding, not one row of finite numbers for each patch"
                )


def _check_input(session: Any, spec: ModelSpec) -> tuple[tuple[int, ...], int | None]:
    """Compare the graph's input with the card.

    Returns
    -------
    patch_shape : tuple of int
        Shape of the model's input without the first axis.
    batch : int or None
        Number of patches that the graph requires.
    """
    inputs = {tensor.name: tensor for tensor in session.get_inputs()}
    named = spec.tensors.input
    if named not in inputs:
        raise ModelError(
            f"the model {spec.name} has no input {named!r}, which its card names, "
            f"but {', '.join(map(repr, inputs))}"
        )
    # An open size is a name or None.
    sizes = [size if isinstance(size, int) else None for size in inputs[named].shape]
    patch = spec.patch_shape
    if spec.head_of is not None:
        patch = tuple(size or 1 for size in sizes[1:])
    wanted = LAYOUTS[spec.tensors.layout](np.empty((1, *patch), np.float32)).shape
    fits = len(sizes) == len(wanted) and all(
        size in {None, want} for size, want in zip(sizes[1:], wanted[1:], strict=True)
    )
    batch = sizes[0] if sizes and sizes[0] else spec.tensors.batch
    if not fits or spec.tensors.batch not in {None, batch}:
        shown = "x".join("n" if size is None else str(size) for size in sizes)
        said = "x".join(map(str, (spec.tensors.batch or "n", *wanted[1:])))
        raise ModelError(f"the model {spec.name} takes {shown}, but its card gives {said}")
    return patch, batch


def _logits(scores: npt.NDArray[np.float32], name: str, activation: str) -> npt.NDArray[np.float32]:
    """Return the logits of these probabilities."""
    # A little beyond is rounding; far beyond, the card is wrong, and every tag would be too.
    if scores.size and not -1e-3 < scores.min() <= scores.max() < 1 + 1e-3:
        raise ModelError(
            f"the model {name} gave scores beyond 0 and 1, but its card says {activation}"
        )
    clipped = np.clip(scores.astype(np.float64), CLIP, 1.0 - CLIP)
    logits: npt.NDArray[np.float32] = (np.log(clipped) - np.log1p(-clipped)).astype(np.float32)
    return logits


def _check_weights(path: Path, sha256: str) -> None:
    """Compare the weights with their card; a damaged copy must not tag music."""
    found = onnx_graph.sha256(path)
    if found != sha256:
        raise ModelError(
            f"the model {path} is not the one its card describes (sha256 {found[:12]}…, "
            f"expected {sha256[:12]}…): damaged or exchanged; install it again"
        )
    onnx_graph.read(path)  # refuses graphs for which ONNX Runtime would open other files
