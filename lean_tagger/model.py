"""Run the network: patches in, logits out."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from lean_tagger import onnxfile
from lean_tagger.errors import ModelError
from lean_tagger.spec import ModelSpec

# Before the import, however this module was reached: see lean_tagger/__init__.py.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
import onnxruntime as ort

__all__ = ["DeviceName", "Model", "Prediction"]

DeviceName = Literal["auto", "cpu", "cuda", "rocm"]

PROVIDERS: dict[str, str] = {
    "cuda": "CUDAExecutionProvider",
    "rocm": "MIGraphXExecutionProvider",
    "cpu": "CPUExecutionProvider",
}
"""In the order that ``auto`` tries them. AMD's own provider left ONNX Runtime with 1.23;
MIGraphX is what serves its cards now."""


_NO_MEMORY = ("bad_alloc", "bad allocation", "Failed to allocate memory")
"""How ONNX Runtime says that there is none left."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """What the network says of a batch of patches.

    Attributes
    ----------
    logits : (n, n_labels) float32
        Before the sigmoid.
    embedding : (n, dim) float32 or None
        Where the card names one.
    """

    logits: npt.NDArray[np.float32]
    embedding: npt.NDArray[np.float32] | None


@contextmanager
def _runtime_errors(what: str) -> Iterator[None]:
    """Translate what ONNX Runtime raises; the only place that knows its exceptions.

    Its exception classes share no base but Exception (they come from the C++ binding), and
    which of them a bad file raises differs between versions.
    """
    try:
        yield
    except (ModelError, MemoryError):
        raise
    except Exception as error:
        if any(words in str(error) for words in _NO_MEMORY):
            raise MemoryError("the network could not get the memory that it needs") from error
        reason = str(error).strip().splitlines()[0] if str(error).strip() else repr(error)
        raise ModelError(f"{what}: {reason}") from error


class Model:
    """A loaded network: call it with patches, get a `Prediction`.

    Loading checks the weights against the card, runs one silent patch through them, and
    checks shape and finiteness of what comes out, so that a wrong model is found before any
    music is opened.

    Parameters
    ----------
    spec : ModelSpec
        The card.
    device : {'auto', 'cpu', 'cuda', 'rocm'}
        ``auto`` takes the first that the installed ONNX Runtime offers and that starts.
    threads : int
        Threads of the CPU provider, above 0.
    notice : callable, optional
        Told, once and in one sentence, when ``auto`` had to fall back.

    Raises
    ------
    ModelError
        The weights are missing, damaged or not what the card says; the device asked for is
        not there.
    """

    def __init__(
        self,
        spec: ModelSpec,
        *,
        device: DeviceName = "auto",
        threads: int = 1,
        notice: Callable[[str], None] | None = None,
    ) -> None:
        self.spec = spec
        _check_weights(spec.path, spec.sha256)
        self.device, self._session = _open_session(spec.path, device, threads, notice)
        wanted = [spec.tensors.logits]
        if spec.tensors.embedding is not None:
            wanted.append(spec.tensors.embedding)
        self._outputs = wanted
        self._check_outputs()

    def __call__(self, patches: npt.NDArray[np.float32]) -> Prediction:
        """Score patches.

        Parameters
        ----------
        patches : (n, patch_frames, n_mels) float32
            Not kept.

        Raises
        ------
        ModelError
            The network failed, or gave something that is no number.
        """
        with _runtime_errors(f"the model {self.spec.name} failed"):
            outputs = self._session.run(self._outputs, {self.spec.tensors.input: patches})
        if not np.isfinite(outputs[0]).all():
            raise ModelError(f"the model {self.spec.name} gave scores that are no numbers")
        return Prediction(outputs[0], outputs[1] if len(outputs) > 1 else None)

    def _check_outputs(self) -> None:
        """Run silence through the network and look at what comes out."""
        spec = self.spec
        silence = np.zeros((1, *spec.patch_shape), np.float32)
        logits = self(silence).logits
        if logits.shape != (1, len(spec.labels)):
            raise ModelError(
                f"the model {spec.name} gives {'x'.join(map(str, logits.shape))} scores, "
                f"but its card names {len(spec.labels)} labels"
            )


def _check_weights(path: Path, sha256: str) -> None:
    """Compare the weights with their card; a damaged copy must not tag anybody's music."""
    found = onnxfile.sha256(path)
    if found != sha256:
        raise ModelError(
            f"the model {path} is not the one its card describes (sha256 {found[:12]}…, "
            f"expected {sha256[:12]}…): damaged or exchanged; install it again"
        )
    onnxfile.read(path)  # refuses what ONNX Runtime would go and look for elsewhere


def _open_session(
    path: Path, device: DeviceName, threads: int, notice: Callable[[str], None] | None
) -> tuple[str, Any]:
    """Return the device that the session really runs on, and the session."""
    # Asking for a provider that the build lacks makes ONNX Runtime print to stdout.
    offered = [name for name, it in PROVIDERS.items() if it in ort.get_available_providers()]
    if device not in {"auto", *offered}:
        raise ModelError(
            f"this ONNX Runtime ({ort.__version__}) has no {PROVIDERS[device]} for --device "
            f"{device}; it offers {', '.join(offered)}"
        )
    tried = offered if device == "auto" else [device]
    for name, following in zip(tried, [*tried[1:], None], strict=True):
        try:
            with _runtime_errors(f"cannot load the model {path.name} on {name}"):
                providers = list(dict.fromkeys([PROVIDERS[name], PROVIDERS["cpu"]]))
                session = ort.InferenceSession(
                    str(path), _session_options(threads), providers=providers
                )
        except ModelError:
            if following is None:
                raise
        else:
            # A provider that cannot start leaves its work to the CPU without an error.
            if PROVIDERS[name] in session.get_providers():
                return name, session
            if device != "auto":
                raise ModelError(f"--device {device} did not start: is its driver installed?")
        if notice is not None:
            notice(f"{PROVIDERS[name]} did not start; trying {following}")
    raise ModelError("no execution provider could be started")


def _session_options(threads: int) -> Any:
    """Return the session's options.

    Arena, memory pattern and prepacking stay as they come: switched off, singly or together,
    they change the peak of the shipped models by -4 to +2 MiB and their speed by nothing
    (`profiling/README.md`). Levels below full optimisation lack the blocked convolutions: twice
    as slow.
    """
    options = ort.SessionOptions()
    options.log_severity_level = 4  # errors arrive as exceptions; stderr is the person's
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    # A spinning pool burns a core while the decoder works.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options
