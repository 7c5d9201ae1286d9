"""What a user wants to have written, as frozen values; nothing here reads a file."""

import dataclasses
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from lean_tagger.errors import ConfigError
from lean_tagger.fields import NUMBERS
from lean_tagger.rules.junk import WORDS
from lean_tagger.rules.players import PLAIN, PLAYERS, FieldLayout
from lean_tagger.system.digest import sha256_of

Policy = Literal["fill", "merge", "overwrite"]
Parents = Literal["specific", "parent", "both"]
Casing = Literal["as-is", "title", "lower", "upper"]

POLICIES: Mapping[str, Policy] = {
    "keep": "fill",
    "fill": "fill",
    "merge": "merge",
    "overwrite": "overwrite",
}
"""The policies by the words that users may write. "keep" says what happens to present values, as
the other two do; "fill" says what happens to an empty field, and is the older word."""

FIELDS = ("genre", "mood")
"""The fields; each takes the labels of the kind with its name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldRules:
    """What may go into one field.

    Attributes
    ----------
    name : {'genre', 'mood'}
        The field, and the kind of label that it takes.
    write : bool
        Whether the field is written at all.
    abstain : bool
        Whether nothing is chosen if the track is not music, such as speech, by the model's
        card.
    min_score : float
        Lowest score of a label, 0 to 1.
    bars : bool
        Whether labels that are wrong more often need a higher score, by the model's card.
    thresholds : tuple of (str, float)
        Lowest score of single labels, by the model's name for them or by the name that it
        shows. They are about the label, so renaming does not matter.
    ratio : float
        Lowest share of the best remaining score, 0 to 1.
    max_tags : int
        Most values in the field.
    policy : {'fill', 'merge', 'overwrite'}
        What happens to present values. A rules file calls "fill" "keep".
    parents : {'specific', 'parent', 'both'}
        What the genre tree does; see `apply`.
    allow : tuple of str
        The only values that may be written, in their spelling; empty allows all.
    casing : {'as-is', 'title', 'lower', 'upper'}
        Case of every value; "title" makes the first letter of each word upper case and leaves
        the rest.
    when_unsure : str or None
        A word for an empty field if nothing is sure enough; None leaves it empty.
    """

    name: str
    write: bool = True
    abstain: bool = True
    min_score: float
    bars: bool = True
    thresholds: tuple[tuple[str, float], ...] = ()
    ratio: float
    max_tags: int
    policy: Policy = "fill"
    parents: Parents = "specific"
    allow: tuple[str, ...] = ()
    casing: Casing = "as-is"
    when_unsure: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberRules:
    """What may go into a field that holds a number.

    Attributes
    ----------
    name : str
        One of `NUMBERS`, and the label with its number.
    write : bool
        Whether the field is written at all.
    policy : {'fill', 'merge', 'overwrite'}
        What happens to a present number. Numbers cannot be merged; "merge" keeps it.
    """

    name: str
    write: bool = True
    policy: Policy = "fill"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rename:
    r"""A new name for labels that match.

    Attributes
    ----------
    match : str
        Regular expression for the *whole* name of a label as it is shown; case does not matter.
    to : str
        The new value; ``\1`` is the first group.
    """

    match: str
    to: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """All rules about what is written; picklable.

    Without arguments they are the defaults; see `DEFAULT`.

    Attributes
    ----------
    fields : tuple of FieldRules
        One for each of `FIELDS`.
    renames : tuple of Rename
        The first one that matches counts.
    ignore : tuple of str
        Values that are never written.
    ignore_artists, ignore_albums : tuple of (str, tuple of str)
        Values that are not written for an artist or album; "*" is every value.
    tree : tuple of (str, tuple of str)
        Values, and the values directly below each.
    layout : FieldLayout
        How values go into the file.
    exclude : tuple of str
        Patterns of files and folders that are left out; see `run.exclude`.
    numbers : tuple of NumberRules
        One for each of `NUMBERS`.
    junk : tuple of str
        Genres that say nothing, apart from numbers and addresses; see `rules.junk`.
    replace_junk : bool
        A field with nothing but junk counts as empty.

    Examples
    --------
    >>> from lean_tagger import Rules, Tagger
    >>> rules = Rules.load("rules.toml")  # among others: electronic = "Electronica"
    >>> Tagger().tag("song.mp3", rules=rules, dry_run=True).tags["genre"]
    ('Electronica',)
    """

    fields: tuple[FieldRules, ...] = (
        FieldRules(name="genre", min_score=0.20, ratio=0.5, max_tags=3),
        FieldRules(name="mood", min_score=0.08, ratio=0.5, max_tags=2),
    )
    renames: tuple[Rename, ...] = ()
    ignore: tuple[str, ...] = ()
    ignore_artists: tuple[tuple[str, tuple[str, ...]], ...] = ()
    ignore_albums: tuple[tuple[str, tuple[str, ...]], ...] = ()
    tree: tuple[tuple[str, tuple[str, ...]], ...] = ()
    layout: FieldLayout = PLAIN
    exclude: tuple[str, ...] = ()
    numbers: tuple[NumberRules, ...] = tuple(NumberRules(name=name) for name in NUMBERS)
    junk: tuple[str, ...] = WORDS
    replace_junk: bool = False

    @classmethod
    def load(cls, path: str) -> "Rules":
        """Read a rules file; ``lean-tag rules --init`` writes one to start from.

        Parameters
        ----------
        path : str
            A TOML file of at most 256 KiB. Missing keys have their defaults.

        Raises
        ------
        ConfigError
            It cannot be read, or makes no sense; a sentence for each mistake, with its line.

        Examples
        --------
        >>> from lean_tagger import Rules
        >>> [(field.name, field.min_score) for field in Rules.load("rules.toml").fields]
        [('genre', 0.3), ('mood', 0.08)]
        """
        # Late: few runs need a TOML reader, and it would take memory in each process.
        from lean_tagger.rules import read_file

        return read_file.load(path)

    @property
    def written(self) -> tuple[FieldRules, ...]:
        """The fields that may be written."""
        return tuple(field for field in self.fields if field.write)

    @property
    def policies(self) -> Mapping[str, Policy]:
        """What happens to present values, by field."""
        return {field.name: field.policy for field in self.written}

    @property
    def number_policies(self) -> Mapping[str, Policy]:
        """What happens to a present number, by field; numbers are never merged."""
        return {
            it.name: "overwrite" if it.policy == "overwrite" else "fill"
            for it in self.numbers
            if it.write
        }

    @property
    def digest(self) -> str:
        """Hash of what the rules mean; files that differ only in order or comments have the same.

        The order of lists counts only where it has an effect (`renames`), and names of players
        do not count.
        """
        plain = dataclasses.asdict(self)
        plain["layout"].pop("player")
        plain.pop("exclude")  # about which files, not about what is written
        plain["layout"]["splits"] = sorted(self.layout.splits)
        if plain.pop("junk") != WORDS:
            plain["junk"] = sorted(self.junk)
        if not self.replace_junk:
            plain.pop("replace_junk")
        for key in ("ignore", "ignore_artists", "ignore_albums", "tree"):
            plain[key] = _sorted(plain[key])
        if self.numbers == DEFAULT.numbers:  # older rules had no numbers
            del plain["numbers"]
        plain["fields"] = sorted(plain["fields"], key=lambda field: str(field["name"]))
        for field in plain["fields"]:
            field["allow"] = sorted(field["allow"])
            field["thresholds"] = sorted(field["thresholds"])
            for key in ("abstain", "bars"):  # newer than some digests on record
                if field[key]:
                    del field[key]
        text = json.dumps(plain, sort_keys=True, ensure_ascii=True)
        return sha256_of([text.encode("ascii")])[:16]


def _sorted(entries: Sequence[object]) -> list[object]:
    """Return names, or (name, names) pairs, in an order independent of the file."""
    plain = [[e[0], sorted(e[1])] if isinstance(e, tuple | list) else e for e in entries]
    return sorted(plain, key=str)


DEFAULT = Rules()
"""The default rules.

They come from what msd-musicnn says about 81 tracks: the music of four games (Debian's
supertuxkart-data, wesnoth-1.16-music, asc-music, torus-trooper-data) and the two examples of
musicnn's own documentation. Electronic and rock pieces score 0.3 to 0.5 as such; battle music for
orchestra, for which the model has no label, scores "jazz" 0.12 to 0.19. From 0.20 on, 50 of the 81
get a genre, 1.2 on average, and the rest get none rather than a guess. Moods were rare in the
training data and score low (0.037 at most here), so a mood is written only if it scores much
higher, and on none of these. On 489 tracks more than half of all wrong genres were "Jazz"; the
model's card gives such labels a higher minimum (`Label.bar`)."""


def adjusted(
    rules: Rules,
    *,
    fields: Collection[str] | None = None,
    policy: Policy | None = None,
    min_score: float | None = None,
    ratio: float | None = None,
    max_tags: int | None = None,
    player: str | None = None,
    replace_junk: bool = False,
) -> Rules:
    """Return the rules, changed by options of the command line; None changes nothing.

    Parameters
    ----------
    rules : Rules
        From a file, or `DEFAULT`.
    fields : collection of str, optional
        The fields to write, whatever the file says.
    policy, min_score, ratio, max_tags : optional
        For every field. A minimum given here counts for all labels and replaces the single
        thresholds of the file.
    player : str, optional
        One of `PLAYERS`; replaces everything that the file says about the layout.
    replace_junk : bool
        Replace genres that say nothing; False leaves the choice to the file.

    Raises
    ------
    ConfigError
        There is no such player or field.
    """
    if player is not None and player not in PLAYERS:
        raise ConfigError(f"no player {player!r}; there are {', '.join(PLAYERS)}")
    if fields is not None and not set(fields) <= {*FIELDS, *NUMBERS}:
        raise ConfigError(f"no such field; there are {', '.join((*FIELDS, *NUMBERS))}")
    return dataclasses.replace(
        rules,
        fields=tuple(
            dataclasses.replace(
                field,
                write=field.write if fields is None else field.name in fields,
                policy=policy or field.policy,
                min_score=field.min_score if min_score is None else min_score,
                thresholds=field.thresholds if min_score is None else (),
                bars=field.bars and min_score is None,
                ratio=field.ratio if ratio is None else ratio,
                max_tags=field.max_tags if max_tags is None else max_tags,
            )
            for field in rules.fields
        ),
        numbers=tuple(
            dataclasses.replace(
                number,
                write=number.write if fields is None else number.name in fields,
                policy=policy or number.policy,
            )
            for number in rules.numbers
        ),
        layout=rules.layout if player is None else PLAYERS[player],
        replace_junk=rules.replace_junk or replace_junk,
    )
