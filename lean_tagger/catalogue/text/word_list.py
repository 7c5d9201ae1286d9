"""Read a list of words that a user wants as labels, one per line.

::

    # what my shelves are called
    synthwave
    dungeon synth = slow medieval ambient music made with old keyboards
    [mood]
    wistful

A line is a word or a phrase. It is put into the template, and the result goes to the text network.
After `` = `` there may be another text for the network, used unchanged. ``[mood]``, or any other
kind of label, gives the kind of the lines below it. ``#`` starts a comment line.
"""

import re
from dataclasses import dataclass
from typing import get_args

from lean_tagger.card import LabelKind
from lean_tagger.card.label_vectors import MOST_LETTERS, MOST_WORDS
from lean_tagger.errors import ConfigError

TEMPLATE = "This is {} music."
"""A sentence, because text networks were trained with sentences."""

MOST_TEXT = 2_000

_SECTION = re.compile(r"\[\s*([^\[\]]*?)\s*\]")
_KINDS: dict[str, LabelKind] = {kind: kind for kind in get_args(LabelKind)}


@dataclass(frozen=True, slots=True)
class Phrase:
    """One line: the name for tags, the text for the network, and the kind."""

    name: str
    text: str
    kind: LabelKind


def parse(
    content: str, *, template: str = TEMPLATE, kind: str = "genre", where: str = "the list"
) -> tuple[Phrase, ...]:
    """Return the phrases of a list, in order.

    Parameters
    ----------
    content : str
        The list's text.
    template : str
        The text for the network; the word replaces ``{}``.
    kind : str
        The kind of the lines above the first ``[kind]``.
    where : str
        The start of every message.

    Raises
    ------
    ConfigError
        A line is not a word, or repeats one; there are no words, or too many; the template has
        no ``{}``.
    """
    if template.count("{}") != 1:
        raise ConfigError(f"the template {template!r} must have one {{}}, for the word")
    found: dict[str, Phrase] = {}
    now = _kind(kind, where)
    # Not splitlines(), which also splits where no editor shows a line break.
    for number, line in enumerate(content.removeprefix("\ufeff").split("\n"), 1):
        text, at = line.strip(), f"{where}, line {number}"
        if not text or text.startswith("#"):
            continue
        if section := _SECTION.fullmatch(text):
            now = _kind(section[1], at)
            continue
        phrase = _phrase(text, template, now, at)
        if phrase.name.casefold() in found:
            raise ConfigError(f"{at}: {phrase.name!r} was there before")
        found[phrase.name.casefold()] = phrase
        if len(found) > MOST_WORDS:
            raise ConfigError(f"{at}: there are more than {MOST_WORDS} words")
    if not found:
        raise ConfigError(f"{where}: there is no word in it")
    return tuple(found.values())


def _kind(word: str, at: str) -> LabelKind:
    if word.lower() not in _KINDS:
        raise ConfigError(f"{at}: [{word}] is not one of {', '.join(_KINDS)}")
    return _KINDS[word.lower()]


def _phrase(line: str, template: str, kind: LabelKind, at: str) -> Phrase:
    name, equals, text = (part.strip() for part in line.partition("="))
    if not name or (equals and not text):
        raise ConfigError(f"{at}: {line!r} lacks text before or after the '='")
    text = text if equals else template.replace("{}", name)
    if len(name) > MOST_LETTERS or len(text) > MOST_TEXT:
        raise ConfigError(f"{at}: it is too long for a tag")
    if not (name.isprintable() and text.isprintable()):
        raise ConfigError(f"{at}: it contains a character that cannot be shown")
    return Phrase(name, text, kind)
