"""Make the vectors of words once, with the text half of a joint audio-text network.

Only ``lean-tag labels make`` uses this; tagging only needs the file that it writes.

Each phrase goes through the network alone. So there is no padding, which exported graphs handle
differently, and memory is that of one phrase.
"""

import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lean_tagger.card.label_vectors import MOST_DIM, MOST_NUMBERS
from lean_tagger.catalogue.text.word_list import Phrase
from lean_tagger.errors import ConfigError, ModelError, StateError

# Before the import, however this module was loaded: see lean_tagger/__init__.py.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
import onnxruntime as ort

LONGEST_TOKENS = 512
"""Most tokens of a phrase, if neither tokenizer nor graph has a limit."""

_INTEGERS: dict[str, type[np.signedinteger[Any]]] = {
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
}
_PADDING = ("<pad>", "[PAD]", "<|endoftext|>")

Vector = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class _Input:
    """One input of the graph: its name, its role, its type, and its length if that is fixed."""

    name: str
    role: str
    dtype: type[np.signedinteger[Any]]
    length: int | None


class TextModel:
    """A loaded text network with its tokenizer: call it with a text, get a vector.

    Parameters
    ----------
    model : Path
        The ONNX file. Inputs are recognised by the names ``input_ids``, ``attention_mask``,
        ``token_type_ids`` and ``position_ids``; if there are none of these, integer matrices
        are taken in order as ids and mask.
    tokenizer : Path
        Its ``tokenizer.json``.
    output : str, optional
        The name of the output to use. The default is the output shaped (1, dim) with a name
        like an embedding's, or the only such one; else the only one shaped (1, tokens, dim),
        averaged over the tokens.
    threads : int
        Threads of the network.

    Raises
    ------
    ConfigError
        The tokenizers library is missing, or cannot read the file.
    ModelError
        The network cannot be loaded, or needs input that is not text.
    """

    def __init__(
        self, model: Path, tokenizer: Path, *, output: str | None = None, threads: int = 1
    ) -> None:
        self._path, self._output = model, output
        self._tokenizer = _load_tokenizer(tokenizer)
        if not model.is_file():
            raise ModelError(f"there is no text model {model}")
        options = ort.SessionOptions()
        options.log_severity_level = 4  # errors arrive as exceptions
        options.intra_op_num_threads = threads
        with _runtime_errors(f"cannot load the text model {model}"):
            self._session = ort.InferenceSession(
                str(model), options, providers=["CPUExecutionProvider"]
            )
        self._inputs = _roles(self._session.get_inputs(), model)
        self._outputs = [it.name for it in self._session.get_outputs()]
        if output is not None and output not in self._outputs:
            names = ", ".join(self._outputs)
            raise ModelError(f"the text model {model} has no output {output!r}; it has {names}")
        self._length = next((it.length for it in self._inputs if it.role == "input_ids"), None)
        self._prepare()

    def __call__(self, text: str) -> Vector:
        """Return the vector of a text, (dim,) float32, of length 1.

        Raises
        ------
        ConfigError
            The text is longer than the network takes.
        ModelError
            The network failed, or its output is not a vector.
        """
        given = self._tokens(text)
        feed = {it.name: given[it.role].astype(it.dtype) for it in self._inputs}
        wanted = self._outputs if self._output is None else [self._output]
        with _runtime_errors(f"the text model {self._path} failed"):
            outputs = dict(zip(wanted, self._session.run(wanted, feed), strict=True))
        vector = self._pooled(outputs, given["attention_mask"][0])
        norm = float(np.linalg.norm(vector))
        if not np.isfinite(norm) or not norm > 0:
            raise ModelError(f"the text model {self._path} gave a zero vector for {text!r}")
        return (vector / norm).astype(np.float32)

    def _prepare(self) -> None:
        """Switch off the tokenizer's padding and truncation; we do both ourselves."""
        padding, cut = self._tokenizer.padding, self._tokenizer.truncation
        self._filler = padding["pad_id"] if padding else None
        self._most_tokens = self._length or (cut["max_length"] if cut else LONGEST_TOKENS)
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()

    def _tokens(self, text: str) -> Mapping[str, npt.NDArray[np.int64]]:
        """Return the values for each kind of input, all (1, tokens)."""
        encoded = self._tokenizer.encode(text)
        count = len(encoded.ids)
        if not count:
            raise ConfigError(f"the tokenizer makes nothing of {text!r}")
        if count > self._most_tokens:
            raise ConfigError(
                f"{text!r} is {count} tokens long, and the text model takes {self._most_tokens}; "
                "say it with fewer words"
            )
        missing = (self._length or count) - count
        filler = self._padding_id() if missing else 0
        rows = {
            "input_ids": [*encoded.ids, *[filler] * missing],
            "attention_mask": [1] * count + [0] * missing,
            "token_type_ids": [*encoded.type_ids, *[0] * missing],
            "position_ids": list(range(count + missing)),
        }
        return {role: np.array([row], np.int64) for role, row in rows.items()}

    def _padding_id(self) -> int:
        if self._filler is None:
            known = map(self._tokenizer.token_to_id, _PADDING)
            self._filler = next((it for it in known if it is not None), 0)
        return self._filler

    def _pooled(self, outputs: Mapping[str, Any], mask: npt.NDArray[np.int64]) -> Vector:
        floats = {
            name: it
            for name, it in outputs.items()
            if isinstance(it, np.ndarray) and it.dtype.kind == "f" and it.shape[:1] == (1,)
        }
        flat = {name: it for name, it in floats.items() if it.ndim == 2}
        embeds = {name: it for name, it in flat.items() if "embed" in name.lower()}
        long = {n: it for n, it in floats.items() if it.ndim == 3 and it.shape[1] == len(mask)}
        found = embeds if len(embeds) == 1 else flat or long
        if len(found) != 1:
            said = ", ".join(f"{n} {getattr(it, 'shape', ())}" for n, it in outputs.items())
            raise ModelError(
                f"the text model {self._path} gives {said}: which of these is the embedding? "
                "Name it with --output"
            )
        (rows,) = found.values()
        if not 0 < rows.shape[-1] <= MOST_DIM:
            raise ModelError(f"the text model {self._path} gives {rows.shape[-1]} numbers a text")
        vector = rows[0] if rows.ndim == 2 else (rows[0] * mask[:, None]).sum(axis=0) / mask.sum()
        return np.asarray(vector, np.float64).astype(np.float32)


def save(
    target: Path,
    phrases: Sequence[Phrase],
    vectors: Iterable[Vector],
    *,
    scale: float,
    bias: float | None = None,
) -> tuple[int, int]:
    """Write a file of words completely or not at all, and return its (n, dim).

    Parameters
    ----------
    target : Path
        The ``.npz``; `card.label_vectors` describes it.
    phrases : sequence of Phrase
        The words.
    vectors : iterable of (dim,) float32
        Of each phrase.
    scale, bias : float
        From cosine to logit; see `label_scores`.

    Raises
    ------
    ConfigError
        There are more numbers than one file may hold.
    StateError
        It cannot be written.
    """
    matrix = np.stack(list(vectors)).astype("<f4")
    if matrix.size > MOST_NUMBERS:
        raise ConfigError(f"{len(matrix)} words of {matrix.shape[1]} numbers are too many")
    arrays: dict[str, npt.NDArray[Any]] = {
        "names": np.array([phrase.name for phrase in phrases]),
        "kinds": np.array([phrase.kind for phrase in phrases]),
        "vectors": np.ascontiguousarray(matrix),
        "scale": np.array(scale, "<f4"),
    }
    if bias is not None:
        arrays["bias"] = np.array(bias, "<f4")
    try:
        with tempfile.NamedTemporaryFile(dir=target.parent, suffix=".npz", delete=False) as file:
            try:
                np.savez(file, allow_pickle=False, **arrays)
                file.flush()
                os.fsync(file.fileno())
                os.chmod(file.name, 0o666 & ~_umask())
                os.replace(file.name, target)
            except BaseException:
                with suppress(OSError):
                    os.unlink(file.name)
                raise
    except OSError as error:
        raise StateError(f"cannot write {target}: {error.strerror}") from error
    return int(matrix.shape[0]), int(matrix.shape[1])


def _umask() -> int:
    now = os.umask(0o022)
    os.umask(now)
    return now


def _load_tokenizer(path: Path) -> Any:
    try:
        import tokenizers
    except ImportError as error:
        raise ConfigError(
            "making labels needs the tokenizers library; install it with: "
            'pip install "lean-tagger[text]"'
        ) from error
    if not path.is_file():
        raise ConfigError(f"there is no tokenizer {path}")
    try:
        return tokenizers.Tokenizer.from_file(str(path))
    # The library raises plain Exception.
    except Exception as error:
        reason = str(error).splitlines()[0] if str(error) else repr(error)
        raise ConfigError(f"{path} is not a usable tokenizer.json: {reason}") from error


@contextmanager
def _runtime_errors(what: str) -> Iterator[None]:
    """Translate ONNX Runtime's exceptions, which only share the base Exception."""
    try:
        yield
    except MemoryError:
        raise
    except Exception as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else repr(error)
        raise ModelError(f"{what}: {reason}") from error


def _roles(inputs: Sequence[Any], model: Path) -> list[_Input]:
    """Return the role of each input of the graph."""
    known = ("input_ids", "attention_mask", "token_type_ids", "position_ids")
    odd = [it.name for it in inputs if it.type not in _INTEGERS or len(it.shape) != 2]
    if odd:
        raise ModelError(
            f"the text model {model} needs {', '.join(odd)}, which is not text; export only the "
            "text half of the network"
        )
    names = [it.name for it in inputs]
    roles = {name: name for name in names if name in known}
    if not roles and len(names) <= 2:
        roles = dict(zip(names, known, strict=False))
    if len(roles) != len(names) or "input_ids" not in roles.values():
        raise ModelError(
            f"the text model {model} has inputs {', '.join(names)}; {', '.join(known)} are known"
        )
    return [
        _Input(
            name=it.name,
            role=roles[it.name],
            dtype=_INTEGERS[it.type],
            length=it.shape[1] if isinstance(it.shape[1], int) else None,
        )
        for it in inputs
    ]
