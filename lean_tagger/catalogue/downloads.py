"""The networks that can be fetched, from the list ``downloads.toml``.

Nothing here opens a connection; only `http_get` does.
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
    """Where networks come from, and the terms of their use.

    Attributes
    ----------
    base : str
        Base address, with a slash at the end.
    holder, licence, notice : str
        Who made them; the licence's name; the page that states it.
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
        Path of its weights below the base address.
    size_bytes : int or None
        Their length, if a list of the server has it.
    about_bytes : int or None
        Their approximate length; never checked.
    sha256 : str or None
        Of the weights, if known.
    """

    weights: str
    size_bytes: int | None = None
    about_bytes: int | None = None
    sha256: str | None = None

    @property
    def name(self) -> str:
        """The name of the model made from it."""
        return PurePosixPath(self.weights).stem

    @property
    def metadata(self) -> str:
        """Path of its metadata below the base address."""
        return str(PurePosixPath(self.weights).with_suffix(".json"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An entry that a user can ask for.

    Attributes
    ----------
    name : str
        The name to ask for.
    adds : str
        What it adds.
    source : Source
        Where it comes from.
    networks : tuple of Network
        The networks to fetch.
    needs : str or None
        The backbone: a model from the package, or another entry.
    unsure : str
        What could not be confirmed about it; else empty.
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
        """Length of all weights, as far as known, perhaps approximately."""
        return sum(it.size_bytes or it.about_bytes or 0 for it in self.networks)


def entries(path: str | None = None) -> Mapping[str, Entry]:
    """Return the entries by name.

    Parameters
    ----------
    path : str, optional
        Another list than the package's.

    Raises
    ------
    ConfigError
        The list cannot be read, or makes no sense.
    """
    file = Path(path) if path else _OURS
    try:
        if not file.is_file():
            raise ConfigError(f"cannot read {file}: it is not a file")
        with file.open("rb") as opened:
            data = tomllib.loads(opened.read(_MOST_BYTES).decode())
    except OSError as error:
        raise ConfigError(f"cannot read {file}: {error.strerror}") from error
    except ValueError as error:  # not TOML, or not UTF-8
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
            raise ConfigError(f"{where}: {network.weights!r} is not the path of an .onnx file")
    needed = found.get(entry.needs or "")
    if entry.needs is None or entry.needs in shipped_models():
        return
    if needed is None:
        raise ConfigError(f"{where}: there is no entry or model {entry.needs!r} for it to need")
    if len(needed.networks) != 1 or needed.needs is not None:
        raise ConfigError(
            f"{where}: {entry.needs!r} is not a single network, so it cannot be its backbone"
        )


def named(name: str, found: Mapping[str, Entry]) -> Entry:
    """Return the entry with a name.

    Raises
    ------
    ConfigError
        There is no such entry.
    """
    if name not in found:
        raise ConfigError(
            f"there is no {name!r} to get{did_you_mean(name, found)}; there are {', '.join(found)}"
        )
    return found[name]


def models_of(name: str) -> tuple[str, ...]:
    """Return the names of an entry's models; empty if there is no such entry."""
    entry = entries().get(name)
    return () if entry is None else entry.models


def _table(data: Mapping[str, Any], key: str, file: Path) -> Mapping[str, Any]:
    table = data.get(key)
    if not isinstance(table, dict):
        raise ConfigError(f"{file}: the table {key!r} is missing")
    return table
