"""Which text can be a name: of a label, of a genre, of an artist."""

import re

LONGEST = 100

_ID3_NUMBER = re.compile(r"\d+|\(.*|RX|CR", re.ASCII)
"""What ID3 reads as a reference to a genre of its own."""


def fault(value: object, *, written: bool) -> str | None:
    """Return why something cannot be a name, in words; None if it can.

    Parameters
    ----------
    value : object
        What was found.
    written : bool
        Whether it is to go into a tag, where some names mean something else.
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
    """Return text in quotes, on one line and no longer than a line has room for."""
    return repr(text if len(text) <= 40 else text[:37] + "...")
