"""Read an ONNX file's tensors and operators, and where its weights are.

This is a reader of our own, so that a process without libraries can examine a file from anywhere.
It skips the weights without reading them. The numbers are ONNX Runtime's work, in a worker under
its limits.

Source: the messages and field numbers of onnx.proto.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from lean_tagger.card.protobuf import DamageError, Message
from lean_tagger.errors import ModelError
from lean_tagger.system.digest import sha256_of
from lean_tagger.system.files import NotRegularError, open_regular

_BLOCK_BYTES = 1 << 16

MOST_BYTES = 2 << 30
"""A protocol buffer cannot be longer."""

MOST_NODES = 100_000

DEEPEST = 24
"""Depth of graphs in graphs: the bodies of loops and branches."""

KNOWN_DOMAINS = frozenset(
    {"", "ai.onnx", "ai.onnx.ml", "com.microsoft", "com.microsoft.nchwc", "com.microsoft.nhwc"}
)
"""Domains of the operators in every ONNX Runtime; "" is the standard's own."""

FLOAT = 1
"""TensorProto.DataType: float32."""

# Operators that pass values on unchanged or only in another shape.
_SHAPING = frozenset({"Identity", "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Cast", "Dropout"})


@dataclass(frozen=True, slots=True)
class Tensor:
    """An input or output of the graph.

    Attributes
    ----------
    name : str
        Its name for the runtime.
    shape : tuple of int, str or None
        Length of each axis; the name of an axis that may vary; ``None`` for an unknown one. The
        whole is ``None`` if not even the number of axes is known.
    kind : int
        Type of its numbers, as ONNX counts them; 1 is float32.
    """

    name: str
    shape: tuple[int | str | None, ...] | None
    kind: int


@dataclass(slots=True)
class Graph:
    """The contents of a file.

    Attributes
    ----------
    inputs, outputs : list of Tensor
        In the file's order; constants that older files list as inputs are left out.
    made_by : dict
        Operator and name of its first input, by the tensor that it computes.
    """

    inputs: list[Tensor] = field(default_factory=list)
    outputs: list[Tensor] = field(default_factory=list)
    made_by: dict[str, tuple[str, str]] = field(default_factory=dict)

    def operator(self, name: str) -> str:
        """Return the operator that computes a tensor's values; "" if that is not known."""
        operator, _ = self._origin(name)
        return operator

    def before(self, name: str) -> str:
        """Return the name of the first input of the operator that computes a tensor."""
        _, first = self._origin(name)
        return first

    def _origin(self, name: str) -> tuple[str, str]:
        operator, first = "", name
        for _ in range(32):  # a file may pretend that a tensor is made of itself
            if first not in self.made_by:
                break
            operator, first = self.made_by[first]
            if operator not in _SHAPING:
                return operator, first
        return "", ""


@contextmanager
def opened(path: Path) -> Iterator[int]:
    """Open a model's file and yield its descriptor.

    Raises
    ------
    ModelError
        It cannot be read, is too large, or is not a regular file.
    """
    try:
        fd = open_regular(path)
    except NotRegularError as error:
        raise ModelError(f"cannot read the model {path}: it is not a regular file") from error
    except OSError as error:
        raise ModelError(f"cannot read the model {path}: {error.strerror}") from error
    except ValueError as error:  # a NUL in the name
        raise ModelError(f"cannot read the model {path}: {error}") from error
    try:
        if os.fstat(fd).st_size > MOST_BYTES:
            raise ModelError(
                f"cannot load the model {path.name}: it is larger than 2 GiB, which no ONNX file "
                "can be"
            )
        yield fd
    finally:
        os.close(fd)


def sha256(path: Path) -> str:
    """Return the SHA-256 of a model's file, in hexadecimal digits.

    Raises
    ------
    ModelError
        As `opened`.
    """
    with opened(path) as fd:
        try:
            with open(fd, "rb", closefd=False) as file:
                return sha256_of(iter(lambda: file.read(_BLOCK_BYTES), b""))
        except OSError as error:
            raise ModelError(f"cannot read the model {path}: {error.strerror}") from error


def read(path: Path) -> Graph:
    """Examine a model's file.

    Parameters
    ----------
    path : Path
        The ``.onnx`` file; its weights are not read.

    Raises
    ------
    ModelError
        It is not an ONNX file or is damaged; it keeps weights in other files; or it needs
        operators that ONNX Runtime does not have.
    """
    refused = f"cannot load the model {path.name}:"
    with opened(path) as fd:
        found = _Reader(Message(fd, os.fstat(fd).st_size))
        try:
            found.model()
        except DamageError as error:
            raise ModelError(
                f"{refused} it is not an ONNX file, or is damaged ({error}); fetch it again"
            ) from error
        except OSError as error:
            raise ModelError(f"cannot read the model {path}: {error.strerror}") from error
    if found.elsewhere is not None:
        raise ModelError(
            f"{refused} it keeps weights in another file, {found.elsewhere!r}; save it as one "
            "file (onnx.save_model without save_as_external_data)"
        )
    foreign = sorted(found.operators - found.functions)
    if foreign:
        domain, operator = foreign[0]
        raise ModelError(
            f"{refused} it needs the operator {operator!r} of {domain!r}, which ONNX Runtime "
            "does not have; export it with standard operators"
        )
    if not found.graph.outputs:
        raise ModelError(f"{refused} it has no outputs")
    return found.graph


class _Reader:
    """Reads one file; each method reads one message of onnx.proto, from start to end."""

    def __init__(self, file: Message) -> None:
        self._file = file
        self._nodes = 0
        self._constants: set[str] = set()
        self.graph = Graph()
        self.elsewhere: str | None = None
        self.operators: set[tuple[str, str]] = set()
        self.functions: set[tuple[str, str]] = set()

    def model(self) -> None:
        """ModelProto."""
        graphs = 0
        for number, start, end in self._file.fields():
            if number == 7:  # graph
                graphs += 1
                self._graph(start, end, depth=0)
            elif number == 20:  # training_info: initialization, algorithm
                for part, first, last in self._file.inside(start, end):
                    if part in {1, 2}:
                        self._graph(first, last, depth=1)
            elif number == 25:  # functions
                self._function(start, end)
        if not graphs:
            raise DamageError("it has no graph")
        outer = self.graph
        outer.inputs = [it for it in outer.inputs if it.name not in self._constants]

    def _graph(self, start: int, end: int, *, depth: int) -> None:
        """GraphProto; the tensors of the outermost one are kept."""
        if depth > DEEPEST:
            raise DamageError("its graphs are nested too deeply")
        for number, first, last in self._file.inside(start, end):
            if number == 1:  # node
                self._node(first, last, depth=depth)
            elif number == 5:  # initializer
                name = self._tensor(first, last)
                if depth == 0:
                    self._constants.add(name)
            elif number == 15:  # sparse_initializer
                self._sparse(first, last)
            elif number == 11 and depth == 0:
                self.graph.inputs.append(self._value(first, last))
            elif number == 12 and depth == 0:
                self.graph.outputs.append(self._value(first, last))

    def _function(self, start: int, end: int) -> None:
        """FunctionProto: an operator that the file itself defines."""
        name = domain = ""
        for number, first, last in self._file.inside(start, end):
            if number == 1:
                name = self._file.text(first, last)
            elif number == 10:
                domain = self._file.text(first, last)
            elif number == 7:  # node
                self._node(first, last, depth=1)
            elif number == 11:  # attribute_proto
                self._attribute(first, last, depth=1)
        self.functions.add((domain, name))

    def _node(self, start: int, end: int, *, depth: int) -> None:
        """NodeProto."""
        self._nodes += 1
        if self._nodes > MOST_NODES:
            raise DamageError("it holds too many parts")
        first_input, outputs, operator, domain = "", [], "", ""
        for number, first, last in self._file.inside(start, end):
            if number == 1:
                first_input = first_input or self._file.text(first, last)
            elif number == 2:
                outputs.append(self._file.text(first, last))
            elif number == 4:
                operator = self._file.text(first, last)
            elif number == 7:
                domain = self._file.text(first, last)
            elif number == 5:
                self._attribute(first, last, depth=depth)
        if domain not in KNOWN_DOMAINS:
            self.operators.add((domain, operator))
        if depth == 0:
            self.graph.made_by.update(dict.fromkeys(outputs, (operator, first_input)))

    def _attribute(self, start: int, end: int, *, depth: int) -> None:
        """AttributeProto: it may hold tensors and graphs."""
        for number, first, last in self._file.inside(start, end):
            if number in {5, 10}:  # t, tensors
                self._tensor(first, last)
            elif number in {6, 11}:  # g, graphs
                self._graph(first, last, depth=depth + 1)
            elif number in {22, 23}:  # sparse_tensor, sparse_tensors
                self._sparse(first, last)

    def _sparse(self, start: int, end: int) -> None:
        """SparseTensorProto."""
        for number, first, last in self._file.inside(start, end):
            if number in {1, 2}:  # values, indices
                self._tensor(first, last)

    def _tensor(self, start: int, end: int) -> str:
        """TensorProto: return its name, and note if its data are elsewhere."""
        name = ""
        for number, first, last in self._file.inside(start, end):
            if number == 8:
                name = self._file.text(first, last)
            elif number == 14 and first == 1 and last < 0:  # data_location: EXTERNAL
                self.elsewhere = self.elsewhere or "?"
            elif number == 13:  # external_data
                entry = {key: self._file.text(a, b) for key, a, b in self._file.inside(first, last)}
                if entry.get(1) == "location":
                    self.elsewhere = entry.get(2, "?")
        return name

    def _value(self, start: int, end: int) -> Tensor:
        """ValueInfoProto."""
        name, kind, shape = "", 0, None
        for number, first, last in self._file.inside(start, end):
            if number == 1:
                name = self._file.text(first, last)
            elif number == 2:  # type
                for which, a, b in self._file.inside(first, last):
                    if which == 1:  # tensor_type
                        kind, shape = self._tensor_type(a, b)
        return Tensor(name, shape, kind)

    def _tensor_type(self, start: int, end: int) -> tuple[int, tuple[int | str | None, ...] | None]:
        """TypeProto.Tensor: kind of number, and shape."""
        kind, shape = 0, None
        for number, first, last in self._file.inside(start, end):
            if number == 1:
                kind = first
            elif number == 2:  # shape
                axes = [
                    self._axis(a, b) for each, a, b in self._file.inside(first, last) if each == 1
                ]
                if len(axes) > 16:
                    raise DamageError("a tensor in it has too many axes")
                shape = tuple(axes)
        return kind, shape

    def _axis(self, start: int, end: int) -> int | str | None:
        """TensorShapeProto.Dimension."""
        axis: int | str | None = None
        for number, first, last in self._file.inside(start, end):
            if number == 1 and last < 0:
                axis = first if first < 1 << 63 else None  # some exporters write -1
            elif number == 2:
                axis = self._file.text(first, last) or None
        return axis
