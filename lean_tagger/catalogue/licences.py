"""The terms of use of a model, as far as its metadata say."""

import re

ESSENTIA = "CC-BY-NC-SA-4.0 or CC-BY-NC-ND-4.0"
"""Licence of the models of essentia.upf.edu: some pages name the one, some the other. Both allow
only non-commercial use; the Music Technology Group sells other licences."""

UNKNOWN = "unknown"

_FREE = re.compile(
    r"(?:isc|mit|bsd|apache|cc0|cc-by-4\.0|cc-by-3\.0|unlicense|mpl|public domain).*", re.IGNORECASE
)


def needs_acceptance(licence: str) -> bool:
    """Tell whether a user has to agree first; licences that allow any use need no agreement."""
    return _FREE.fullmatch(licence.strip().replace(" ", "-")) is None


def terms(licence: str) -> str:
    """Return the meaning of a licence for the user, in one sentence."""
    if licence == UNKNOWN:
        return "its licence is not known: find out whether you may use it"
    if re.search(r"\bnc\b|non-?commercial", licence.replace("-", " "), re.IGNORECASE):
        return f"licence {licence}: for non-commercial use only"
    return f"licence {licence}"
