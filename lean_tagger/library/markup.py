"""Escape text of tags and names for HTML, XML, and JSON within HTML."""

import json
import re

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_IN_SCRIPT = {
    ord(character): f"\\u{ord(character):04x}" for character in "<>&\N{LINE SEPARATOR}\u2029"
}
# The same as html.escape, but that module has a table of 2,231 names: 1 MiB.
_IN_HTML = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#x27;"})
_ABSOLUTE = re.compile(r"""(?<![\w./])(?:/[^/\s'":;,]+)+/""")


def plain(text: str) -> str:
    r"""Return text that can be encoded and shown on one line; undecodable bytes as ``\xNN``."""
    return text if text.isascii() and text.isprintable() else _CONTROL.sub(_shown, text)


def _shown(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code - 0xDC00:02x}" if 0xDC80 <= code <= 0xDCFF else "\N{REPLACEMENT CHARACTER}"


def escaped(text: object) -> str:
    """Return text for HTML, also within quotes."""
    return plain(str(text)).translate(_IN_HTML)


def packed(value: object) -> str:
    """Return JSON that cannot end its HTML element."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.translate(_IN_SCRIPT)


def without_folders(message: str, root: str) -> str:
    """Return a message with names of files relative to the root."""
    return _ABSOLUTE.sub("", message.replace(root.rstrip("/") + "/", ""))
