"""The parts of a query, with their positions."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from lean_tagger.errors import ConfigError


class QueryError(ConfigError):
    """A query makes no sense.

    Attributes
    ----------
    at : int
        Position of the mistake, from 0.
    """

    def __init__(self, text: str, at: int, message: str) -> None:
        shown, caret = _excerpt(text, at)
        super().__init__(message, f"  {shown}", f"  {' ' * caret}^")
        self.at = at


@dataclass(frozen=True, slots=True)
class Token:
    """A part between spaces.

    Attributes
    ----------
    at : int
        Its position.
    text : str
        Without its quotes.
    places : list of int
        Position of each character of `text` in the query.
    quoted : list of bool
        Which of them were in quotes.
    """

    at: int
    text: str = ""
    places: list[int] = field(default_factory=list)
    quoted: list[bool] = field(default_factory=list)

    def place(self, index: int) -> int:
        """Return the position of a character in the query, or of the token's end."""
        if index < len(self.places):
            return self.places[index]
        return self.places[-1] + 1 if self.places else self.at

    def plain(self, index: int) -> bool:
        """Tell whether there is a character that was not in quotes."""
        return index < len(self.text) and not self.quoted[index]


def join(arguments: Sequence[str]) -> str:
    """Return the query in a command's arguments.

    A single argument is used as it is. Of several, an argument with a space was quoted for the
    shell and is one part: ``artist:"The Doors"`` arrives without its quotes.
    """
    if len(arguments) == 1:
        return arguments[0]
    return " ".join(it if '"' in it else re.sub(r"(\s+)", r'"\1"', it) for it in arguments)


def tokens(text: str) -> Iterator[Token]:
    r"""Yield the parts between spaces; in double quotes a space is an ordinary character.

    A quote in quotes is ``\"``. A comma at the end of a part is a separate part.
    """
    token: Token | None = None
    opened = -1
    skip = False
    for at, character in enumerate(text):
        if skip:
            skip = False
            continue
        if opened < 0 and character.isspace():
            if token is not None:
                yield from _without_comma(token)
            token = None
            continue
        token = token or Token(at)
        if character == '"':
            opened = at if opened < 0 else -1
            continue
        skip = opened >= 0 and text[at : at + 2] == '\\"'
        token = replace(token, text=token.text + ('"' if skip else character))
        token.places.append(at)
        token.quoted.append(opened >= 0)
    if opened >= 0:
        raise QueryError(text, opened, "this quote is not closed")
    if token is not None:
        yield from _without_comma(token)


def _without_comma(token: Token) -> Iterator[Token]:
    last = len(token.text) - 1
    if last < 1 or token.text[last] != "," or token.quoted[last]:
        yield token
        return
    yield Token(token.at, token.text[:last], token.places[:last], token.quoted[:last])
    yield Token(token.places[last], ",", [token.places[last]], [False])


def _excerpt(text: str, at: int) -> tuple[str, int]:
    """Return the query around a position, on one line, and the position in it."""
    start = max(0, at - 60)
    shown = "".join(it if it.isprintable() else "?" for it in text[start : at + 40])
    return ("…" if start else "") + shown, at - start + bool(start)
