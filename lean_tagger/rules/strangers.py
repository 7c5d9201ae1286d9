"""Find names in rules that a model does not know: perhaps typing mistakes."""

from collections.abc import Sequence, Set
from typing import TYPE_CHECKING

from lean_tagger.rules.apply import matched
from lean_tagger.rules.model import Rules

if TYPE_CHECKING:  # questions to the journal need no cards, and start sooner without
    from lean_tagger.card import Label


def strangers(rules: Rules, labels: "Sequence[Label]") -> list[str]:
    """Return a sentence for each name in the rules that the model does not know.

    They need not be wrong, since rules may be meant for several models; but they may be misspelt.
    """
    names = {name.casefold() for label in labels for name in (label.name, label.display)}
    shown = [label.display for label in labels]
    found = [
        f"{field.name}: there is a threshold for {name!r}, which is not a label of this model"
        for field in rules.fields
        for name, _ in field.thresholds
        if name.casefold() not in names
    ]
    found += [
        f"rename: {rename.match!r} matches no label of this model"
        for rename in rules.renames
        if not any(matched(name, (rename,)) for name in shown)
    ]
    possible = {name.casefold() for name in shown} | {r.to.casefold() for r in rules.renames}
    found += [
        f"ignore: this model and the renames never give {name!r}"
        for name in rules.ignore
        if name.casefold() not in possible and not any("\\" in r.to for r in rules.renames)
    ]
    found += [
        f"{field.name}: {name!r} is on the allow list, but this model and the renames never give it"
        for field in rules.fields
        for name in field.allow
        if _never(name, rules, possible)
    ]
    return found


def _never(name: str, rules: Rules, possible: Set[str]) -> bool:
    """Tell whether neither a label, a rename nor the tree gives a value."""
    if any("\\" in rename.to for rename in rules.renames):  # this may give anything
        return False
    above = {parent.casefold() for parent, _ in rules.tree}
    return name.casefold() not in possible | above
