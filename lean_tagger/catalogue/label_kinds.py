"""The kinds of a model's classes: genre, mood, instrument, vocals, era, or nothing to write.

Other makers' metadata only name classes. A class's kind follows from, in this order: its own name
("Rock---Grunge", "not_danceable"), the purpose of the model ("mood happy"), and what is known
about the word.
"""

import functools
import re
from collections.abc import Mapping, Sequence
from typing import Any

from lean_tagger.card import load_card, shipped_models
from lean_tagger.catalogue.known_labels import INSTRUMENTS, KNOWN, MOODS, NO_MOODS, SCALES
from lean_tagger.errors import ConfigError

_PARTED = "---"
"""Between a Discogs genre and its style."""

# "atonal" is the only such class; "a" before anything else means nothing.
_NEGATIVE = re.compile(r"(?:(?:non|not|no|without)[\s_-]+|a(?=tonal))(?P<rest>.+)", re.IGNORECASE)

_TASKS: Mapping[str, tuple[str, ...]] = {
    "mood": ("mood", "emotion"),
    "instrument": ("instrument",),
    "vocals": ("voice", "vocal", "gender"),
    "genre": ("genre", "style"),
}
"""Words for the purpose of a model; the first one found counts."""


def task_of(*texts: str) -> str:
    """Return the purpose of a model, by name and description: a kind of label, or ``any``."""
    for text in texts:
        for task, words in _TASKS.items():
            if any(word in text.lower() for word in words):
                return task
    return "any"


EVEN = 0.5
"""Below this, a class with an opposite is less likely than its opposite."""


def labels(classes: Sequence[str], *, task: str) -> list[dict[str, Any]]:
    """Return the labels for a card.

    Parameters
    ----------
    classes : sequence of str
        In the order of the outputs.
    task : str
        From `task_of`.
    """
    opposed = {_squeezed(found["rest"]) for name in classes if (found := _NEGATIVE.fullmatch(name))}
    return [
        {"name": name, "kind": kind, "display": display}
        | ({"least": EVEN} if _squeezed(name) in opposed else {})
        | ({"parent": above} if (above := _above(name, kind, display)) else {})
        for name in classes
        for kind, display in [_what(name, task)]
    ]


def are_numbers(classes: Sequence[str]) -> bool:
    """Tell whether all classes are known to be numbers, not probabilities."""
    return bool(classes) and all(_squeezed(name) in SCALES for name in classes)


def numbers(classes: Sequence[str]) -> list[dict[str, Any]]:
    """Return the labels for a card with a network that gives numbers.

    Raises
    ------
    ConfigError
        The scale of a number is not known.
    """
    for name in classes:
        if _squeezed(name) not in SCALES:
            raise ConfigError(
                f"the network gives a number for {name!r}, but its scale is not known: write a "
                "card with 'low' and 'high' for each label"
            )
    scales = [(name, *SCALES[_squeezed(name)]) for name in classes]
    return [
        {"name": name, "kind": "number", "display": _spelt(name), "low": low, "high": high}
        for name, low, high in scales
    ]


def absent(classes: Sequence[str]) -> frozenset[str]:
    """Return the classes that only say that another one is absent: "non_happy"."""
    there = {_squeezed(name) for name in classes}
    return frozenset(
        name
        for name in classes
        if (found := _NEGATIVE.fullmatch(name)) and _squeezed(found["rest"]) in there
    )


def _above(name: str, kind: str, display: str) -> str:
    """Return the parent of a class: the genre of a Discogs style."""
    parent, parted, _ = name.partition(_PARTED)
    above = _spelt(parent, as_is=True) if parted and kind == "genre" else ""
    return above if above.casefold() != display.casefold() else ""


def _what(name: str, task: str) -> tuple[str, str]:
    """Return kind and display of one class."""
    parent, parted, style = name.partition(_PARTED)
    if parted:
        return ("other" if parent == "Non-Music" else "genre"), _spelt(style, as_is=True)
    word = _squeezed(name)
    found = _words().get(word) or _words().get(word.removesuffix("music"))
    if found is not None and (task in {"any", found[0]} or found[0] in {"vocals", "era"}):
        return found
    if negative := _NEGATIVE.fullmatch(name):
        return "other", f"Not {_spelt(negative['rest'])}"
    kind = "other" if task == "any" else task
    if task == "mood" and word in NO_MOODS:
        kind = "other"
    return kind, found[1] if found is not None else _spelt(name)


def _spelt(name: str, *, as_is: bool = False) -> str:
    """Return the name of a class for people; players split values at ``; / ,``."""
    words = re.sub(r"\s*[;/,]\s*|[_\x00-\x1f\x7f]", " ", name).strip()
    return words if as_is or words != words.lower() else words.title()


def _squeezed(name: str) -> str:
    """Return the same form for all spellings: ``Hip-Hop``, ``hip hop`` and ``hiphop``."""
    return re.sub(r"[^0-9a-z&]+", "", name.lower())


@functools.cache
def _words() -> Mapping[str, tuple[str, str]]:
    """Return the known words: the labels of the shipped models, and `known_labels`."""
    known = {_squeezed(name): it for name, it in KNOWN.items()}
    known |= {_squeezed(name): ("instrument", name) for name in INSTRUMENTS}
    known |= {_squeezed(name): ("mood", name) for name in MOODS}
    for model in shipped_models():
        for label in load_card(model).labels:
            known.setdefault(_squeezed(label.name), (label.kind, label.display))
    return known
