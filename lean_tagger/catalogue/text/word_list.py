"""Read a list of words: what a user wants to be heard, one line each.

::

    # what my shelves are called
    synthwave
    dungeon synth = slow medieval ambient music made with old keyboards
    [mood]
    wistful

A line is a word or a phrase; it goes into the template and the result to the text network.
Behind `` = `` stands another text for the network, which is taken as it is. ``[mood]``, or any
other kind of label, says what the lines below it are. ``#`` begins a comment line.
"""

import re
from dataclasses import dataclass
from typing import get_args

from lean_tagger.card import LabelKind
from lean_tagger.card.label_vectors import MOST_LETTERS, MOST_WORDS
from lean_tagger.errors import ConfigError

TEMPLATE = "This is {} music."
"""A sentence, since text networks were trained with sentences."""

MOST_TEXT = 2_000

_SECTION = re.compile(r"\[\s*([^\[\]]*?)\s*\]")
_KINDS: dict[str, LabelKind] = {kind: kind for kind in get_args(LabelKind)}


@dataclass(frozen=True, slots=True)
class Phrase:
    """One line: what goes into a file, what the network reads, and what it is."""

    name: str
    text: str
    kind: LabelKind


def parse(
    content: str, *, template: str = TEMPLATE, kind: str = "genre", where: str = "the list"
) -> tuple[Phrase, ...]:
    """Return what a list asks for, in its order.

    Parameters
    ----------
    content : str
        The list's text.
    template : str
        What the network reads of a word, which takes the place of ``{}``.
    kind : str
        What the lines above the first ``[kind]`` are.
    where : str
        Begins every message.

    Raises
    ------
    ConfigError
        A line is no word, or says one again; there are none, or too many; the template has no
        ``{}``.
    """
    if template.count("{}") != 1:
        raise ConfigError(f"the template {template!r} must have one {{}}, for the word")
    found: dict[str, Phrase] = {}
    now = _kind(kind, where)
    # Not splitlines(): that also cuts where no editor shows a line's end.
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
        raise ConfigError(f"{at}: [{word}] is none of {', '.join(_KINDS)}")
    return _KINDS[word.lower()]


def _phrase(line: str, template: str, kind: LabelKind, at: str) -> Phrase:
    name, equals, text = (part.strip() for part in line.partition("="))
    if not name or (equals and not text):
        raise ConfigError(f"{at}: {line!r} lacks what stands before or behind the '='")
    text = text if equals else template.replace("{}", name)
    if len(name) > MOST_LETTERS or len(text) > MOST_TEXT:
        raise ConfigError(f"{at}: it is too long for a tag")
    if not (name.isprintable() and text.isprintable()):
        raise ConfigError(f"{at}: it has a character in it that cannot be shown")
    return Phrase(name, text, kind)
