"""Tell players that tags changed: the requests, and the answers that count.

- Navidrome: ``startScan`` of Subsonic's API, authenticated by a salted token
  (https://www.subsonic.org/pages/api.jsp).
- Jellyfin, Emby: ``POST /Library/Refresh``.
- Plex: a refresh of one section of the library, or of all.
- Anything else: a POST of the run's summary as JSON to an address.
"""

import json
import os
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import md5
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from lean_tagger import __version__
from lean_tagger.errors import ConfigError

_LARGEST_BYTES = 1 << 16  # of a file with a secret or with settings


@dataclass(frozen=True, slots=True)
class Call:
    """One request.

    Attributes
    ----------
    url : str
        The address, which may contain secrets.
    method : str
        "GET" or "POST".
    headers : dict of str to str
        May contain secrets.
    body : bytes or None
        JSON.
    """

    url: str = field(repr=False)
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Player:
    """A player to tell, and how.

    Attributes
    ----------
    name : str
        Its name for users, without secrets.
    call : callable
        Returns the request for a run's summary.
    complaint : callable
        Returns what is wrong with an answer; empty if nothing is.
    """

    name: str
    call: Callable[[Mapping[str, Any]], Call] = field(repr=False)
    complaint: Callable[[bytes], str] = lambda _: ""


class Settings:
    """Settings of players from the environment and a file.

    Parameters
    ----------
    environ : mapping
        ``LEAN_TAG_NAVIDROME_URL``, ``..._USER``, ``..._PASSWORD``, ``LEAN_TAG_PLEX_TOKEN`` and so
        on; a variable that ends with ``_FILE`` names a file with the value.
    file : Path or None
        TOML with a table for each player, and the same names in lower case.

    Raises
    ------
    ConfigError
        The file makes no sense.
    """

    def __init__(self, environ: Mapping[str, str], file: Path | None) -> None:
        self._environ, self._file = environ, file
        self._tables: dict[str, Any] = {}
        if file is not None and file.exists():
            try:
                self._tables = tomllib.loads(file.read_text(encoding="utf-8"))
            except (OSError, ValueError) as error:  # its text may quote a secret from the file
                raise ConfigError(f"{file} cannot be read as TOML") from error

    def value(self, player: str, name: str) -> str:
        """Return a value that must be set.

        Raises
        ------
        ConfigError
            It is not set.
        """
        found = self.optional(player, name)
        if not found:
            variable = _variable(player, name)
            where = f", or {name} under [{player}] in {self._file}" if self._file else ""
            raise ConfigError(f"--notify {player} needs {variable} or {variable}_FILE{where}")
        return found

    def optional(self, player: str, name: str) -> str:
        """Return a value; empty if there is none."""
        variable = _variable(player, name)
        if found := self._environ.get(variable):
            return found
        table = self._tables.get(player)
        own = table if isinstance(table, dict) else {}
        named = self._environ.get(f"{variable}_FILE") or own.get(f"{name}_file")
        return _first_line(str(named)) if named else str(own.get(name, ""))


def _variable(player: str, name: str) -> str:
    return f"LEAN_TAG_{player}_{name}".upper()


def _first_line(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read(_LARGEST_BYTES).strip()
    except (OSError, ValueError) as error:
        raise ConfigError(f"cannot read {path}") from error


def player(name: str, settings: Settings) -> Player:
    """Return the player for a name or an address.

    Raises
    ------
    ConfigError
        There is no such player, or something that it needs is not set.
    """
    if name in KINDS:
        return KINDS[name](settings)
    if urlsplit(name).scheme in ("http", "https"):
        parts = urlsplit(name)
        if parts.username or parts.password or parts.query:
            raise ConfigError(
                "an address with a password or a ? in it would be visible in ps; put it into "
                "LEAN_TAG_WEBHOOK_URL and use --notify webhook"
            )
        return _webhook(name)
    raise ConfigError(f"--notify {name}: not one of {', '.join(KINDS)} or an http address")


def _navidrome(settings: Settings) -> Player:
    url, user, password = (settings.value("navidrome", it) for it in ("url", "user", "password"))
    base = _base(url, "navidrome")

    def call(_: Mapping[str, Any]) -> Call:
        salt = os.urandom(8).hex()
        token = md5((password + salt).encode(), usedforsecurity=False).hexdigest()
        asked = {"u": user, "t": token, "s": salt, "v": "1.16.1", "c": "lean-tag", "f": "json"}
        return Call(f"{base}/rest/startScan.view?{urlencode(asked)}")

    return Player(f"navidrome at {_host(base)}", call, _subsonic_complaint)


def _subsonic_complaint(answer: bytes) -> str:
    """Return what is wrong: Subsonic always sends status 200; the answer has the real result."""
    try:
        said = json.loads(answer)["subsonic-response"]
        if said["status"] == "ok":
            return ""
        return str(said["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return "its answer is not that of a Subsonic server"


def _emby(kind: str) -> Callable[[Settings], Player]:
    def made(settings: Settings) -> Player:
        base, token = _base(settings.value(kind, "url"), kind), settings.value(kind, "token")
        headers = {"X-Emby-Token": token}
        if kind == "jellyfin":  # it plans to drop Emby's header
            headers["Authorization"] = f'MediaBrowser Token="{quote(token)}"'
        call = Call(f"{base}/Library/Refresh", "POST", headers, b"")
        return Player(f"{kind} at {_host(base)}", lambda _: call)

    return made


def _plex(settings: Settings) -> Player:
    base, token = _base(settings.value("plex", "url"), "plex"), settings.value("plex", "token")
    section = quote(settings.optional("plex", "section") or "all", safe="")
    call = Call(f"{base}/library/sections/{section}/refresh", headers={"X-Plex-Token": token})
    return Player(f"plex at {_host(base)}", lambda _: call)


def _webhook(url: str) -> Player:
    _base(url, "webhook")

    def call(summary: Mapping[str, Any]) -> Call:
        body = json.dumps({"program": f"lean-tag {__version__}", **summary}).encode()
        return Call(url, "POST", {"Content-Type": "application/json"}, body)

    return Player(_host(url), call)


KINDS: dict[str, Callable[[Settings], Player]] = {
    "navidrome": _navidrome,
    "jellyfin": _emby("jellyfin"),
    "emby": _emby("emby"),
    "plex": _plex,
    "webhook": lambda settings: _webhook(settings.value("webhook", "url")),
}
"""Functions that make a player from the settings, by name."""


def _base(url: str, name: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError(f"the address of {name} must start with http:// or https://")
    return url.rstrip("/")


def _host(url: str) -> str:
    return urlsplit(url).netloc.rpartition("@")[2]
