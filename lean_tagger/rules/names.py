"""Check whether a text can be the name of a label, a genre or an artist."""

import re

LONGEST = 100

_ID3_NUMBER = re.compile(r"\d+|\(.*|RX|CR", re.ASCII)
"""Text that ID3 reads as one of its own genre numbers."""


def fault(value: object, *, written: bool) -> str | None:
    """Return why something cannot be a name, in words; None if it can.

    Parameters
    ----------
    value : object
        What was found.
    written : bool
        Whether it will go into a tag, where some names have another meaning.
    """
    if not isinstance(value, str):
        return "a name must be text in quotes"
    shown = short(value)
    found = None
    if not value.strip():
        found = "a name must not be empty"
    elif value != value.strip():
        found = f"the name {shown} has spaces at an end"
    elif len(value) > LONGEST:
        found = f"the name {shown} is longer than {LONGEST} characters"
    elif not value.isprintable():
        found = f"the name {shown} has characters that cannot be shown"
    elif written and _ID3_NUMBER.fullmatch(value):
        found = f"ID3 tags would take {shown} for one of their own genre numbers"
    return found


def short(text: str) -> str:
    """Return text in quotes, cut to fit on one line."""
    return repr(text if len(text) <= 40 else text[:37] + "...")
