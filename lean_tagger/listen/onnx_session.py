"""Run a network: execution providers, their memory, and bound inputs and outputs."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from lean_tagger.errors import ConfigError, ModelError
from lean_tagger.system import folders
from lean_tagger.system.memory import NO_MEMORY

# Before the import, however this module was loaded: see lean_tagger/__init__.py.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
import onnxruntime as ort

DeviceName = Literal["auto", "cpu", "cuda", "rocm"]

PROVIDERS: dict[str, str] = {
    "cuda": "CUDAExecutionProvider",
    "rocm": "MIGraphXExecutionProvider",
    "cpu": "CPUExecutionProvider",
}
"""In the order in which ``auto`` tries them. ONNX Runtime 1.23 dropped AMD's own provider;
MIGraphX is the one for AMD's cards now."""

BATCHES = (1, 2, 4, 8, 16, 32, 64)
"""Batches to try if the graph leaves the batch open."""

WORTH_IT = 1.1
"""A larger batch must be at least so many times faster, as it takes memory and time to fill."""

_NO_ARENA = ("Failed to allocate memory", "Available memory of", "out of memory", "ALLOC_FAILED")
"""Messages of ONNX Runtime's arena and of CUDA when there is no memory; on a GPU, its memory."""

Floats = npt.NDArray[np.float32]


class GpuMemoryError(ModelError):
    """The GPU has no memory left, or the limit on it is reached."""


@contextmanager
def reported(what: str, *, device: str) -> Iterator[None]:
    """Translate ONNX Runtime's exceptions.

    A lack of main memory becomes a MemoryError, as everywhere; a lack of GPU memory has nothing
    to do with the budget. ONNX Runtime's exception classes only share the base Exception (they
    come from the C++ binding), and which of them a bad file raises differs between versions.
    """
    try:
        yield
    except (ModelError, MemoryError):
        raise
    except Exception as error:
        no_arena = any(words in str(error) for words in _NO_ARENA)
        if no_arena and device != "cpu":
            raise GpuMemoryError(
                f"{what}: the GPU has no memory left for it; allow more with --max-gpu-mem "
                "if you gave one, or take --device cpu"
            ) from error
        if no_arena or any(words in str(error) for words in NO_MEMORY):
            raise MemoryError("the network could not get the memory that it needs") from error
        reason = str(error).strip().splitlines()[0] if str(error).strip() else repr(error)
        raise ModelError(f"{what}: {reason}") from error


def open_session(
    path: Path,
    device: DeviceName,
    *,
    threads: int = 1,
    gpu_bytes: int = 0,
    sha256: str = "",
    notice: Callable[[str], None] | None = None,
) -> tuple[str, Any]:
    """Load a network.

    Parameters
    ----------
    path : Path
        The weights.
    device : {'auto', 'cpu', 'cuda', 'rocm'}
        ``auto`` takes the first one that the installed ONNX Runtime offers and that starts.
    threads : int
        Threads of the CPU provider, above 0.
    gpu_bytes : int
        Limit of the network's arena on a GPU, without the driver's own share; 0 is no limit.
    sha256 : str
        Hash of the weights, used as the name for compiled code.
    notice : callable, optional
        Called once with a sentence when ``auto`` had to fall back.

    Returns
    -------
    device : str
        Where the session really runs.
    session : onnxruntime.InferenceSession
        Ready.

    Raises
    ------
    ModelError
        The chosen device does not exist, or the weights are not usable.
    """
    # If the build lacks a requested provider, ONNX Runtime prints to stdout.
    offered = [name for name, it in PROVIDERS.items() if it in ort.get_available_providers()]
    if device not in {"auto", *offered}:
        raise ModelError(
            f"this ONNX Runtime ({ort.__version__}) has no {PROVIDERS[device]} for --device "
            f"{device}; it offers {', '.join(offered)}"
        )
    tried = offered if device == "auto" else [device]
    for name, following in zip(tried, [*tried[1:], None], strict=True):
        what = "did not start"
        try:
            session = _session(path, name, threads=threads, gpu_bytes=gpu_bytes, sha256=sha256)
        except ModelError as error:
            if following is None:
                raise
            if isinstance(error, GpuMemoryError):
                what = "has too little memory, or may not have it"
        else:
            # If a provider cannot start, the CPU silently does its work.
            if PROVIDERS[name] in session.get_providers():
                return name, session
            if device != "auto":
                raise ModelError(f"--device {device} did not start: is its driver installed?")
        if notice is not None:
            notice(f"{PROVIDERS[name]} {what}; trying {following}")
    raise ModelError("no execution provider could be started")


def _session(path: Path, name: str, *, threads: int, gpu_bytes: int, sha256: str) -> Any:
    """Load the weights for one provider, with the CPU as a fallback for a GPU."""
    with reported(f"cannot load the model {path.name} on {name}", device=name):
        providers = [_provider(name, gpu_bytes, sha256)]
        if name != "cpu":
            providers.append(PROVIDERS["cpu"])
        return ort.InferenceSession(str(path), _session_options(threads), providers=providers)


def _provider(name: str, gpu_bytes: int, weights: str) -> str | tuple[str, dict[str, str]]:
    """Return a provider with its options, for these weights (their sha256).

    Sources: ONNX Runtime's ``cuda_provider_options.h`` and MIGraphX's
    ``migraphx_execution_provider_info.h``. The limit is the arena's; the driver's own context and
    cuDNN's code come on top. MIGraphX's provider reads its limit; whether every version of it
    keeps to it could not be tried.
    """
    if name == "cuda":
        # Grow by the requested size, not to the next power of two; and do not try every kernel
        # with a workspace of any size.
        options = {
            "arena_extend_strategy": "kSameAsRequested",
            "cudnn_conv_algo_search": "HEURISTIC",
        }
        limit = "gpu_mem_limit"
    elif name == "rocm":
        # Compiling takes longer than loading, so its result is cached, by a variable that every
        # version of MIGraphX's provider reads. It only compares names and shapes of models, so
        # other weights get another folder.
        with suppress(OSError, ConfigError):  # then it compiles each time
            folder = folders.cache() / "migraphx" / weights
            folder.mkdir(parents=True, exist_ok=True)
            os.environ["ORT_MIGRAPHX_MODEL_CACHE_PATH"] = str(folder)
        options = {"migraphx_arena_extend_strategy": "kSameAsRequested"}
        limit = "migraphx_mem_limit"
    else:
        return PROVIDERS[name]
    return PROVIDERS[name], options | ({limit: str(gpu_bytes)} if gpu_bytes else {})


def _session_options(threads: int) -> Any:
    """Return the session's options.

    Arena, memory pattern and prepacking keep their defaults: switching them off changes the
    peak of the shipped models by -4 to +2 MiB and their speed not at all
    (`profiling/README.md`). Lower optimisation levels lack the blocked convolutions and are
    half as fast.
    """
    options = ort.SessionOptions()
    options.log_severity_level = 4  # errors arrive as exceptions; stderr is the user's
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    # A spinning pool keeps a core busy while the decoder works.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


class Bound:
    """A session with its inputs and outputs bound: one copy to the device, one back.

    Parameters
    ----------
    session : onnxruntime.InferenceSession
        The network.
    input_name : str
        Its one input.
    outputs : sequence of str
        The wanted outputs.
    """

    def __init__(self, session: Any, input_name: str, outputs: Sequence[str]) -> None:
        self._session, self._input, self._outputs = session, input_name, outputs
        self._binding = session.io_binding()

    def run(self, staged: Floats) -> list[Floats]:
        """Run the network.

        Parameters
        ----------
        staged : (n, …) float32
            A contiguous buffer; the caller may use it again afterwards.

        Returns
        -------
        list of (n, …) float32
            One for each output; they belong to the caller.
        """
        # Bound each time, because binding copies the values to the device, and a bound output
        # keeps the shape of the previous run.
        self._binding.bind_cpu_input(self._input, staged)
        for name in self._outputs:
            self._binding.bind_output(name, "cpu")
        self._binding.synchronize_inputs()
        self._session.run_with_iobinding(self._binding)
        self._binding.synchronize_outputs()
        outputs: list[Floats] = self._binding.copy_outputs_to_cpu()
        return outputs


def best_batch(
    run: Callable[[int], object],
    *,
    batches: Sequence[int] = BATCHES,
    clock: Callable[[], float] = time.perf_counter,
) -> int:
    """Try larger and larger batches, as long as that makes a patch notably faster.

    Parameters
    ----------
    run : callable
        Runs a batch of this size. A lack of memory ends the search, and so does a graph that
        declares an open batch but takes only one patch.
    batches : sequence of int
        Sizes to try, ascending; the first must be possible.
    clock : callable
        Returns the time, in seconds.

    Returns
    -------
    int
        The last size that was worth it.
    """
    best, best_seconds = batches[0], 0.0
    for size in batches:
        try:
            run(size)  # the first run chooses kernels, and may compile
            started = clock()
            run(size)
        except (MemoryError, ModelError):
            if size == batches[0]:
                raise
            break
        seconds = (clock() - started) / size
        if best_seconds and seconds * WORTH_IT > best_seconds:
            break
        best, best_seconds = size, seconds
    return best
