"""Build dataclasses from JSON, and refuse what does not fit their annotations.

Unknown keys are refused: a misspelt constant would otherwise silently give wrong tags.
"""

import types
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from lean_tagger.errors import ConfigError


def build(kind: type, data: object, *, where: str, **extra: object) -> Any:
    """Build the dataclass `kind` from a JSON object, and refuse what does not fit it.

    Parameters
    ----------
    kind : type
        A dataclass; a field with ``metadata={"card": False}`` is not a key of the object.
    data : object
        The result of `json`.
    where : str
        The start of every message.
    **extra
        More fields, used as they are.

    Raises
    ------
    ConfigError
        Something is missing, unknown, or of the wrong type.
    """
    if not isinstance(data, Mapping):
        raise ConfigError(f"{where}: expected a JSON object, found {type(data).__name__}")
    wanted = {f.name: f for f in fields(kind) if f.metadata.get("card", True)}
    for key in data:
        if key not in wanted:
            raise ConfigError(f"{where}: unknown key {key!r}{did_you_mean(str(key), wanted)}")
    hints = get_type_hints(kind)
    values: dict[str, object] = dict(extra)
    for name, spec in wanted.items():
        if name in data:
            values[name] = _convert(hints[name], data[name], f"{where}: {name}")
        elif spec.default is MISSING:
            raise ConfigError(f"{where}: the key {name!r} is missing")
    return kind(**values)


def _convert(hint: Any, value: object, where: str) -> object:
    """Check one JSON value against the annotation of its field."""
    origin = get_origin(hint)
    if is_dataclass(hint) and isinstance(hint, type):
        return build(hint, value, where=where)
    if origin is Literal:
        return _one_of(get_args(hint), value, where)
    if origin is tuple:
        if not isinstance(value, list):
            raise ConfigError(f"{where}: expected a list")
        item = get_args(hint)[0]
        return tuple(_convert(item, v, f"{where}[{i}]") for i, v in enumerate(value))
    if origin in {Union, types.UnionType}:
        kinds = [a for a in get_args(hint) if a is not type(None)]
        optional = len(kinds) < len(get_args(hint))
        fits = value is None and optional
        return None if fits else _convert(_told_apart(kinds, value, where), value, where)
    if hint is float and type(value) is int:
        return float(value)
    if type(value) is not hint:
        raise ConfigError(f"{where}: expected {hint.__name__}, found {type(value).__name__}")
    return value


def _one_of(allowed: tuple[Any, ...], value: object, where: str) -> object:
    if value not in allowed:
        hint = did_you_mean(str(value), allowed)
        raise ConfigError(f"{where}: {value!r} is not one of {', '.join(allowed)}{hint}")
    return value


def _told_apart(kinds: list[Any], value: object, where: str) -> Any:
    """Return the dataclass that the object's ``kind`` names."""
    if len(kinds) == 1:
        return kinds[0]
    if not isinstance(value, Mapping):
        raise ConfigError(f"{where}: expected a JSON object, found {type(value).__name__}")
    if "kind" not in value:
        raise ConfigError(f"{where}: the key 'kind' is missing")
    found = {get_args(get_type_hints(kind)["kind"])[0]: kind for kind in kinds}
    _one_of(tuple(found), value["kind"], f"{where}: kind")
    return found[value["kind"]]


def did_you_mean(word: str, known: Any) -> str:
    """Return the closest known word as an addition to a message, or nothing."""
    from difflib import get_close_matches  # late: only a mistake needs it

    close = get_close_matches(word, [str(k) for k in known], n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""
