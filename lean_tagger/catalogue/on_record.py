"""What is remembered of networks that were fetched: agreed licences, and checksums.

One file in the folder of the user's models. A network that is removed leaves its checksum
there, so that it is compared when it is fetched again.
"""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lean_tagger.card import read_json, user_models_folder
from lean_tagger.errors import ConfigError, StateError


def downloads_folder() -> Path:
    """Return where files are while they are fetched, and where the record is."""
    return user_models_folder() / ".downloads"


def agreed(licence: str) -> str | None:
    """Return the day on which the user agreed to a licence, if they did."""
    return _text(_read("licences"), licence)


def agree(licence: str) -> str:
    """Remember that the user agrees to a licence; return the day of that."""
    day = time.strftime("%Y-%m-%d")
    _write({**_all(), "licences": {**_read("licences"), licence: day}})
    return day


def checksum(name: str) -> tuple[str, str] | None:
    """Return the SHA-256 of a file when it was first fetched, and the day of that."""
    noted = _read("files").get(name)
    if not isinstance(noted, dict):
        return None
    sha256, day = _text(noted, "sha256"), _text(noted, "day")
    return (sha256, day or "?") if sha256 else None


def remember(name: str, sha256: str, url: str) -> None:
    """Remember what a file is; nothing changes where that is known."""
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
        There is one that cannot be read: taken for none, it would let any file pass.
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
