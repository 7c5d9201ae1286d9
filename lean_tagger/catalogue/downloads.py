"""The networks that can be fetched, as data: ``downloads.toml``.

Nothing here opens a connection; `http_get` alone does.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from lean_tagger.card import shipped_models
from lean_tagger.card.from_json import build, did_you_mean
from lean_tagger.errors import ConfigError

_OURS = Path(__file__).with_name("downloads.toml")
_MOST_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where networks come from, and on what terms.

    Attributes
    ----------
    base : str
        Address below which they are; ends in a slash.
    holder, licence, notice : str
        Who made them; the licence's name; where it is said.
    """

    base: str
    holder: str
    licence: str
    notice: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """One network of an entry.

    Attributes
    ----------
    weights : str
        Where its weights are, below the source's address.
    size_bytes : int or None
        Their length, where a list of the server's names it.
    about_bytes : int or None
        The same, where it is only supposed; never checked.
    sha256 : str or None
        Of the weights, where it is known.
    """

    weights: str
    size_bytes: int | None = None
    about_bytes: int | None = None
    sha256: str | None = None

    @property
    def name(self) -> str:
        """The name of the model that becomes of it."""
        return PurePosixPath(self.weights).stem

    @property
    def metadata(self) -> str:
        """Where its metadata are, below the source's address."""
        return str(PurePosixPath(self.weights).with_suffix(".json"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What a user can ask for.

    Attributes
    ----------
    name : str
        By which.
    adds : str
        What it is good for.
    source : Source
        Where it comes from.
    networks : tuple of Network
        What is fetched.
    needs : str or None
        The backbone: a model that came with the package, or another entry.
    unsure : str
        What could not be confirmed of it; empty if nothing.
    """

    name: str
    adds: str
    source: Source
    networks: tuple[Network, ...]
    needs: str | None = None
    unsure: str = ""

    @property
    def models(self) -> tuple[str, ...]:
        """The names of its models."""
        return tuple(network.name for network in self.networks)

    @property
    def size_bytes(self) -> int:
        """Length of all weights, as far as it is known or supposed."""
        return sum(it.size_bytes or it.about_bytes or 0 for it in self.networks)


def entries(path: str | None = None) -> Mapping[str, Entry]:
    """Return the entries by name.

    Parameters
    ----------
    path : str, optional
        Another list than the one that came with the package.

    Raises
    ------
    ConfigError
        The list cannot be read, or makes no sense.
    """
    file = Path(path) if path else _OURS
    try:
        if not file.is_file():
            raise ConfigError(f"cannot read {file}: it is no file")
        with file.open("rb") as opened:
            data = tomllib.loads(opened.read(_MOST_BYTES).decode())
    except OSError as error:
        raise ConfigError(f"cannot read {file}: {error.strerror}") from error
    except ValueError as error:  # no TOML, or no UTF-8
        raise ConfigError(f"{file}: {error}") from error
    sources = _table(data, "source", file)
    found = {
        name: _entry(name, it, sources, file) for name, it in _table(data, "entry", file).items()
    }
    for entry in found.values():
        _check(entry, found, file)
    return found


def _entry(name: str, data: object, sources: Mapping[str, Any], file: Path) -> Entry:
    where = f"{file}: entry {name}"
    if not isinstance(data, dict):
        raise ConfigError(f"{where}: expected a table")
    source = data.get("source")
    if not isinstance(source, str) or source not in sources:
        raise ConfigError(f"{where}: there is no source {source!r}")
    entry: Entry = build(Entry, {**data, "name": name, "source": sources[source]}, where=where)
    return entry


def _check(entry: Entry, found: Mapping[str, Entry], file: Path) -> None:
    where = f"{file}: entry {entry.name}"
    if not entry.networks:
        raise ConfigError(f"{where}: it names no networks")
    if not entry.source.base.endswith("/"):
        raise ConfigError(f"{where}: the base of its source must end in a slash")
    for network in entry.networks:
        path = PurePosixPath(network.weights)
        if path.suffix != ".onnx" or path.is_absolute() or ".." in path.parts:
            raise ConfigError(f"{where}: {network.weights!r} is no path of an .onnx file")
    needed = found.get(entry.needs or "")
    if entry.needs is None or entry.needs in shipped_models():
        return
    if needed is None:
        raise ConfigError(f"{where}: there is no entry or model {entry.needs!r} for it to need")
    if len(needed.networks) != 1 or needed.needs is not None:
        raise ConfigError(f"{where}: {entry.needs!r} is no one network that could be its backbone")


def named(name: str, found: Mapping[str, Entry]) -> Entry:
    """Return the entry of a name.

    Raises
    ------
    ConfigError
        There is none.
    """
    if name not in found:
        raise ConfigError(
            f"there is no {name!r} to get{did_you_mean(name, found)}; there are {', '.join(found)}"
        )
    return found[name]


def models_of(name: str) -> tuple[str, ...]:
    """Return the names of the models of an entry; none where there is no such entry."""
    entry = entries().get(name)
    return () if entry is None else entry.models


def _table(data: Mapping[str, Any], key: str, file: Path) -> Mapping[str, Any]:
    table = data.get(key)
    if not isinstance(table, dict):
        raise ConfigError(f"{file}: the table {key!r} is missing")
    return table
