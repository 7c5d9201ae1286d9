"""The user's own models as files: add them to a folder and remove them, completely or not at all.

A model has ``<name>.json``, the card, by which it is found; the weights that the card names; and
``<name>.added``, which says where it came from, what was assumed about it, and when its licence was
accepted. The files are prepared in a separate folder. The last step is to rename the card, which
adds the model or replaces another.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lean_tagger.card import onnx_graph, read_json, shipped_models, user_models_folder
from lean_tagger.errors import ConfigError, LockedError, StateError
from lean_tagger.system.files import sync_folder

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}")
_PREPARED = ".adding-"
_BLOCK_BYTES = 1 << 20


def check_name(name: str, *, replace: bool) -> None:
    """Refuse a name that a user's model cannot have.

    Raises
    ------
    ConfigError
        It is not a valid file name, or is taken.
    """
    if not _NAME.fullmatch(name) or Path(name).suffix in {".json", ".onnx"}:
        raise ConfigError(
            f"{name!r} cannot be a model's name: give one of letters, digits, dots and dashes "
            "with --name"
        )
    if name in shipped_models():
        raise ConfigError(
            f"{name} is the name of one of lean-tag's own models; give another with --name"
        )
    if _card(name).exists() and not replace:
        raise ConfigError(
            f"there is a model {name} already; --replace puts this one in its place, --name adds "
            "it under another name"
        )


@contextmanager
def place() -> Iterator[Path]:
    """Yield an empty folder for preparing a model; it is removed afterwards.

    Raises
    ------
    LockedError
        Another process is changing the models.
    StateError
        The folder for models cannot be made or written.
    """
    folder = user_models_folder()
    with _own_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _hold(fd, folder)
        with _own_errors(folder):
            for left in folder.glob(f"{_PREPARED}*"):  # left by a killed process
                shutil.rmtree(left, ignore_errors=True)
            prepared = Path(tempfile.mkdtemp(prefix=_PREPARED, dir=folder))
        try:
            yield prepared
        finally:
            shutil.rmtree(prepared, ignore_errors=True)
    finally:
        os.close(fd)


def copy(source: Path, target: Path) -> str:
    """Copy a model's file, and return the SHA-256 of the copy.

    Raises
    ------
    ModelError
        The file cannot be read, or is not a regular one.
    StateError
        The copy cannot be written.
    """
    digest = hashlib.sha256()
    with onnx_graph.opened(source) as fd, _own_errors(target), target.open("xb") as file:
        while block := os.read(fd, _BLOCK_BYTES):
            digest.update(block)
            file.write(block)
        file.flush()
        os.fsync(file.fileno())
    return digest.hexdigest()


def write_json(path: Path, data: Mapping[str, Any]) -> None:
    """Write a card or a record in a form that people can read."""
    with _own_errors(path), path.open("w", encoding="utf-8") as file:
        json.dump(data, file, ensure_ascii=False, indent=1)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())


def settle(prepared: Path, name: str, card: dict[str, Any]) -> None:
    """Add the prepared model under a name; it replaces a model with that name.

    Parameters
    ----------
    prepared : Path
        From `path`; holds the files that `card` names, and ``<name>.added``.
    name : str
        Checked before.
    card : dict
        Its ``file`` is changed if an older model's file of that name is still in use.
    """
    folder, files = user_models_folder(), _files(card)
    old = _files(_read(_card(name)))
    with _own_errors(folder):
        for key, file in files.items():
            free = _beside(file, card["sha256"]) if file in old.values() else file
            (prepared / file).replace(folder / free)
            _name_file(card, key, free)
        write_json(prepared / f"{name}.json", card)
        (prepared / f"{name}.added").replace(folder / f"{name}.added")
        (prepared / f"{name}.json").replace(_card(name))
        for file in set(old.values()) - set(_files(card).values()) - _of_others(name):
            (folder / file).unlink(missing_ok=True)
        sync_folder(folder)


def remove(name: str) -> None:
    """Remove a model of the user's.

    Raises
    ------
    ConfigError
        There is none, or it is the package's own, or another model is a head of it.
    """
    if name in shipped_models():
        raise ConfigError(f"{name} is one of lean-tag's own models and cannot be removed")
    if not _NAME.fullmatch(name) or not os.path.lexists(_card(name)):
        raise ConfigError(f"there is no model {name!r} in {user_models_folder()}")
    for other in sorted(user_models_folder().glob("*.json")):
        if other != _card(name) and name in _bases(_read(other)):
            raise ConfigError(f"{other.stem} is a head of {name}: remove that one first")
    files = _files(_read(_card(name)))
    with _own_errors(user_models_folder()):
        _card(name).unlink()
        for file in {f"{name}.added", *files.values()} - _of_others(name):
            # In a card that somebody wrote, the weights may be anything, even a folder.
            with contextlib.suppress(IsADirectoryError, FileNotFoundError, PermissionError):
                (user_models_folder() / file).unlink()
        sync_folder(user_models_folder())


def record(name: str) -> dict[str, Any]:
    """Return the record of adding a model; empty if there is none."""
    try:
        return _read(user_models_folder() / f"{name}.added")
    except ConfigError:  # no home folder
        return {}


def _card(name: str) -> Path:
    return user_models_folder() / f"{name}.json"


def _bases(card: Mapping[str, Any]) -> list[Any]:
    """Return the models that a head needs."""
    others = card.get("also_of")
    return [card.get("head_of"), *(others if isinstance(others, list) else [])]


def _read(path: Path) -> dict[str, Any]:
    try:
        data = read_json(path)
    except ConfigError:
        return {}
    return data if isinstance(data, dict) else {}


def _files(card: Mapping[str, Any]) -> dict[str, str]:
    """Return the files next to a card, by the key that names them."""
    vectors = card.get("label_vectors")
    found = {"file": card.get("file")}
    if isinstance(vectors, dict):
        found["label_vectors"] = vectors.get("file")
    return {
        key: name
        for key, name in found.items()
        if isinstance(name, str) and name == Path(name).name
    }


def _of_others(name: str) -> set[str]:
    """Return the files of all other models, since a card that somebody wrote may share weights."""
    cards = (it for it in user_models_folder().glob("*.json") if it != _card(name))
    return {file for card in cards for file in _files(_read(card)).values()}


def _name_file(card: dict[str, Any], key: str, name: str) -> None:
    if key == "file":
        card["file"] = name
    else:
        card[key] = {**card[key], "file": name}


def _beside(file: str, sha256: str) -> str:
    path = Path(file)
    return f"{path.stem}-{sha256[:8]}{path.suffix}"


def _hold(fd: int, folder: Path) -> None:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise LockedError(f"another lean-tag is changing {folder}; try again") from error
    except OSError:
        pass  # a network file system without locks; a rename is atomic there too


@contextmanager
def _own_errors(path: Path) -> Iterator[None]:
    """Translate errors of writing, which are about our folder, not about the model."""
    try:
        yield
    except OSError as error:
        raise StateError(
            f"cannot write {path}: {error.strerror}; LEAN_TAG_MODELS names another folder"
        ) from error
