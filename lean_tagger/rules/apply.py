"""Apply the rules: from scores to values, one step after the other.

The order is fixed; each step sees what the one before left:

0. *abstain*: all labels are out if the scores are not those of music;
1. *threshold*: a label below its minimum is out, and has no effect on later steps;
2. *rename*: the first expression that matches the whole name gives the value;
3. *ignore*: everywhere, for the artist, for the album. A value ignored here does not come
   back as a parent;
4. *parents*: "specific" drops a value that has a sure one below it in the tree (one that is
   allowed, and reaches the ratio to the best), "parent" puts the topmost value above in
   its place, "both" adds every value above. A value that is not in the tree is below the
   parent of its label, if it has one;
5. *allow*: values that are not on the list are out, the rest is spelt as on the list;
6. *casing*;
7. *same*: labels that have become one value count once, with the best score;
8. *ratio* to the best value that is left, and *max_tags*.

Values are compared without regard to case. Ties keep the order of the labels.
"""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from lean_tagger.rules.decision import Decision, Step, Track
from lean_tagger.rules.journey import Candidate, Journey
from lean_tagger.rules.model import Casing, Rename, Rules
from lean_tagger.rules.names import fault
from lean_tagger.rules.safe_regex import LONGEST_NAME

if TYPE_CHECKING:  # questions to the journal need no cards, and start sooner without
    from lean_tagger.card import Abstain, Label

EVERYTHING = "*"

_WORD_START = re.compile(r"(?<![\w'\u2019])[^\W\d_]")
"""A letter without a letter, digit or apostrophe before it."""

_NOBODY = Track()


def decide(
    scores: Sequence[float],
    labels: "Sequence[Label]",
    rules: Rules,
    *,
    track: Track = _NOBODY,
    abstain: "Sequence[Abstain]" = (),
) -> Decision:
    """Decide which values a track gets.

    Parameters
    ----------
    scores : sequence of float
        Probabilities in the order of `labels`, 0 to 1.
    labels : sequence of Label
        The model's vocabulary.
    rules : Rules
        The module's docstring says how they are applied, and in which order.
    track : Track
        For values that are ignored only for one artist or album.
    abstain : sequence of Abstain
        When to decide nothing, from the model's card.

    Returns
    -------
    Decision
        It has an entry, perhaps empty, for every field that the rules write.
    """
    ignored = _ignored(rules, track)
    chosen: dict[str, tuple[tuple[str, float], ...]] = {}
    words: dict[str, str] = {}
    steps: list[Step] = []
    pairs = list(zip(labels, map(float, scores), strict=True))
    for field in rules.written:
        journey = Journey(field)
        there = [
            Candidate(order, label, score, label.display)
            for order, (label, score) in enumerate(pairs)
            if label.kind == field.name
        ]
        there = _of_music(there, abstain, {it.name: s for it, s in pairs}, journey)
        there = _sure_enough(there, journey)
        there = _renamed(there, rules.renames, journey)
        there = _not_ignored(there, ignored, journey)
        there = _with_parents(there, rules, ignored, journey)
        there = _allowed(there, journey)
        there = _cased(there, journey)
        chosen[field.name] = _best(there, journey)
        if field.when_unsure and EVERYTHING not in ignored:
            words[field.name] = field.when_unsure
        steps += journey.sorted_steps()
    return Decision(chosen=chosen, when_unsure=words, steps=tuple(steps))


def numbers_of(kept: Sequence[float], labels: "Sequence[Label]", rules: Rules) -> dict[str, str]:
    """Return the numbers that a track gets, by field, as text for the tags.

    Parameters
    ----------
    kept : sequence of float
        Shares as the journal keeps them, in the order of `labels`; only those of numbers are
        used.
    labels : sequence of Label
        The model's vocabulary.
    rules : Rules
        Which numbers may be written.
    """
    wanted = {number.name for number in rules.numbers if number.write}
    return {
        label.name.casefold(): f"{label.shown(value):.2f}"
        for label, value in zip(labels, kept, strict=True)
        if label.kind == "number" and label.name.casefold() in wanted
    }


def album_name(track: Track) -> str:
    """Return the name of a track's album: its tag, else the last part of its folder."""
    return track.album.strip() or re.split(r"[/\\]", track.folder.rstrip("/\\"))[-1]


def _ignored(rules: Rules, track: Track) -> Mapping[str, str]:
    """Return the values that must not be written for a track, with the reasons."""
    ignored = {value.casefold(): "everywhere" for value in rules.ignore}
    artists = {_plain(track.artist), _plain(track.albumartist)}
    for name, values in rules.ignore_artists:
        if _plain(name) in artists:
            ignored |= {value.casefold(): f"for the artist {name!r}" for value in values}
    album = _plain(album_name(track))
    for name, values in rules.ignore_albums:
        if _plain(name) == album:
            ignored |= {value.casefold(): f"for the album {name!r}" for value in values}
    return ignored


def _plain(name: str) -> str:
    return name.strip().casefold()


def _of_music(
    there: list[Candidate],
    abstain: "Sequence[Abstain]",
    scores: Mapping[str, float],
    journey: Journey,
) -> list[Candidate]:
    """Drop everything if the scores are not those of music."""
    if not (there and journey.field.abstain):
        return there
    strongest = max(there, key=lambda candidate: candidate.score)
    for it in abstain:
        if (
            it.first in {None, strongest.label.name}
            and all(scores.get(bound.label, 1.0) < bound.score for bound in it.below)
            and all(scores.get(bound.label, 0.0) >= bound.score for bound in it.from_)
        ):
            for candidate in there:
                if candidate.score >= journey.field.min_score / 4:
                    journey.drop(candidate, "abstain", f"it sounds like {it.why}")
            return []
    return there


def _sure_enough(there: Sequence[Candidate], journey: Journey) -> list[Candidate]:
    field = journey.field
    minimums = {name.casefold(): score for name, score in field.thresholds}
    lowest = min(field.min_score, *minimums.values()) if minimums else field.min_score
    kept = []
    for candidate in there:
        names = (candidate.label.name.casefold(), candidate.label.display.casefold())
        own = [minimums[name] for name in names if name in minimums]
        bar = candidate.label.bar if field.bars else 0.0
        least = own[0] if own else max(field.min_score, candidate.label.least, bar)
        if candidate.score >= least:
            kept.append(candidate)
        elif candidate.score >= lowest / 4:  # below that, nobody asks why it is missing
            journey.drop(candidate, "threshold", f"{candidate.score:.3f} is below {least:.3f}")
    return kept


def _renamed(
    there: Sequence[Candidate], renames: tuple[Rename, ...], journey: Journey
) -> list[Candidate]:
    kept = []
    for candidate in there:
        found = matched(candidate.value, renames)
        if found is None:
            kept.append(candidate)
            continue
        rename, value = found
        did = f"{rename.match!r} makes it {value!r}"
        wrong = fault(value, written=True)  # groups can turn a name into anything
        if wrong is None:
            kept.append(journey.turn(candidate, "rename", value, did))
        else:
            journey.drop(candidate, "rename", f"{did}, but {wrong}")
    return kept


def matched(name: str, renames: tuple[Rename, ...]) -> tuple[Rename, str] | None:
    """Return the first rename that matches a name, with the value that it gives."""
    if len(name) > LONGEST_NAME:  # the cost of an expression grows with the name
        return None
    for rename in renames:
        match = _compiled(rename.match).fullmatch(name)
        if match is not None:
            return rename, match.expand(rename.to).strip()
    return None


@lru_cache(maxsize=4096)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


def _not_ignored(
    there: Sequence[Candidate], ignored: Mapping[str, str], journey: Journey
) -> list[Candidate]:
    kept = []
    for candidate in there:
        why = ignored.get(candidate.value.casefold(), ignored.get(EVERYTHING))
        if why is None:
            kept.append(candidate)
        else:
            journey.drop(candidate, "ignore", f"ignored {why}")
    return kept


@lru_cache(maxsize=64)
def _above(tree: tuple[tuple[str, tuple[str, ...]], ...]) -> Mapping[str, tuple[str, ...]]:
    """Return, for each value that has parents, its parents, nearest first."""
    parent = {child.casefold(): name for name, children in tree for child in children}
    above: dict[str, tuple[str, ...]] = {}
    for child in parent:
        line: list[str] = []
        name = child
        while name in parent and len(line) < len(parent):  # loading refuses circles
            line.append(parent[name])
            name = parent[name].casefold()
        above[child] = tuple(line)
    return above


def _line_above(candidate: Candidate, above: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Return a candidate's parents: by the tree of the rules, else by its label."""
    value, parent = candidate.value.casefold(), candidate.label.parent
    if value in above:
        return above[value]
    if (
        not parent or value != candidate.label.display.casefold()
    ):  # a renamed label is another value
        return ()
    line = (parent, *above.get(parent.casefold(), ()))
    return tuple(name for name in line if name.casefold() != value)


def _with_parents(
    there: Sequence[Candidate], rules: Rules, ignored: Mapping[str, str], journey: Journey
) -> list[Candidate]:
    above = _above(rules.tree)
    if journey.field.parents == "specific":
        return _without_parents(there, above, journey)
    kept = []
    for candidate in there:
        line = _line_above(candidate, above)
        line = tuple(name for name in line if name.casefold() not in ignored)
        if line and journey.field.parents == "parent":
            did = f"{candidate.value!r} is below {line[-1]!r}"
            kept.append(journey.turn(candidate, "parents", line[-1], did))
            continue
        kept.append(candidate)
        for name in line:
            did = f"{candidate.value!r} brings {name!r}"
            kept.append(journey.turn(candidate, "parents", name, did))
    return kept


def _without_parents(
    there: Sequence[Candidate], above: Mapping[str, tuple[str, ...]], journey: Journey
) -> list[Candidate]:
    """Drop the parents of values that will be written."""
    allowed = {name.casefold() for name in journey.field.allow}
    usable = [c for c in there if not allowed or c.value.casefold() in allowed]
    floor = journey.field.ratio * max((c.score for c in usable), default=0.0)
    below: dict[str, str] = {}
    for candidate in sorted(usable, key=lambda it: (-it.score, it.value)):  # the surest is named
        if candidate.score >= floor:
            for name in _line_above(candidate, above):
                below.setdefault(name.casefold(), candidate.value)
    kept = []
    for candidate in there:
        specific = below.get(candidate.value.casefold())
        if specific is None:
            kept.append(candidate)
        else:
            journey.drop(candidate, "parents", f"{specific!r} is more specific")
    return kept


def _allowed(there: Sequence[Candidate], journey: Journey) -> list[Candidate]:
    allowed = {name.casefold(): name for name in journey.field.allow}
    if not allowed:
        return list(there)
    kept = []
    for candidate in there:
        name = allowed.get(candidate.value.casefold())
        if name is None:
            journey.drop(candidate, "allow", f"{candidate.value!r} is not on the list")
        elif name == candidate.value:
            kept.append(candidate)
        else:
            kept.append(journey.turn(candidate, "allow", name, f"the list spells it {name!r}"))
    return kept


def _cased(there: Sequence[Candidate], journey: Journey) -> list[Candidate]:
    kept = []
    for candidate in there:
        value = _in_case(candidate.value, journey.field.casing)
        if value == candidate.value:
            kept.append(candidate)
        else:
            kept.append(journey.turn(candidate, "casing", value, f"spelt {value!r}"))
    return kept


def _in_case(value: str, casing: Casing) -> str:
    if casing == "lower":
        return value.lower()
    if casing == "upper":
        return value.upper()
    if casing == "title":  # "R&B" and "DJ" stay, "80s" too, which str.title would not leave
        return _WORD_START.sub(lambda found: found[0].upper(), value)
    return value


def _best(there: Sequence[Candidate], journey: Journey) -> tuple[tuple[str, float], ...]:
    """Return each value that is close enough to the best, once, strongest first."""
    best: dict[str, Candidate] = {}
    for candidate in sorted(there, key=lambda c: (-c.score, c.order)):
        key = candidate.value.casefold()
        if key not in best:
            best[key] = candidate
        elif best[key].order != candidate.order:
            did = f"{best[key].label.name!r} is {best[key].value!r} too, and stronger"
            journey.drop(candidate, "same", did)
    ranked = list(best.values())
    floor = journey.field.ratio * ranked[0].score if ranked else 0.0
    most = journey.field.max_tags
    chosen: list[tuple[str, float]] = []
    for candidate in ranked:
        if candidate.score < floor:
            did = f"{candidate.score:.3f} is below {floor:.3f}, a share of the best"
            journey.drop(candidate, "ratio", did)
        elif len(chosen) == most:
            journey.drop(candidate, "max_tags", f"there are {most} stronger ones")
        else:
            chosen.append((candidate.value, candidate.score))
            journey.note(candidate, "chosen", f"number {len(chosen)}", candidate.value)
    return tuple(chosen)
