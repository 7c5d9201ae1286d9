"""The record of fetched networks: accepted licences and checksums.

It is one file in the user's models folder. The checksum of a removed network stays there, so that
it is compared when the network is fetched again.
"""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lean_tagger.card import read_json, user_models_folder
from lean_tagger.errors import ConfigError, StateError


def downloads_folder() -> Path:
    """Return the folder of partial files and of the record."""
    return user_models_folder() / ".downloads"


def agreed(licence: str) -> str | None:
    """Return the day on which the user agreed to a licence, if they did."""
    return _text(_read("licences"), licence)


def agree(licence: str) -> str:
    """Record that the user agrees to a licence; return the day."""
    day = time.strftime("%Y-%m-%d")
    _write({**_all(), "licences": {**_read("licences"), licence: day}})
    return day


def checksum(name: str) -> tuple[str, str] | None:
    """Return the SHA-256 of a file when it was first fetched, and that day."""
    noted = _read("files").get(name)
    if not isinstance(noted, dict):
        return None
    sha256, day = _text(noted, "sha256"), _text(noted, "day")
    return (sha256, day or "?") if sha256 else None


def remember(name: str, sha256: str, url: str) -> None:
    """Record a file's checksum; an existing record does not change."""
    known = checksum(name)
    if known is not None and known[0] == sha256:
        return
    note = {"sha256": sha256, "day": time.strftime("%Y-%m-%d"), "url": url}
    _write({**_all(), "files": {**_read("files"), name: note}})


def _path() -> Path:
    return downloads_folder() / "record.json"


def _all() -> dict[str, Any]:
    """Return the record.

    Raises
    ------
    StateError
        It cannot be read. If that counted as empty, any file would be accepted.
    """
    path = _path()
    if not path.exists():
        return {}
    try:
        data = read_json(path)
    except ConfigError as error:
        raise StateError(
            f"cannot read the record of what was fetched, {path}: repair or remove it"
        ) from error
    return data if isinstance(data, dict) else {}


def _read(part: str) -> Mapping[str, Any]:
    found = _all().get(part)
    return found if isinstance(found, dict) else {}


def _text(data: Mapping[str, Any], key: str) -> str | None:
    value = data.get(key)
    return value if isinstance(value, str) else None


def _write(data: Mapping[str, Any]) -> None:
    path = _path()
    new = path.with_name("record.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        new.write_text(json.dumps(data, indent=1) + "\n")
        new.replace(path)
    except OSError as error:
        raise StateError(
            f"cannot write {path}: {error.strerror}; LEAN_TAG_MODELS names another folder"
        ) from error
