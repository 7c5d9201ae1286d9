"""Read a rules file, and report every mistake with its line.

Nothing in a file is ignored: an unknown key, a value of the wrong type and a name given
twice are all reported, since such a rule would silently have no effect.
"""

import re
from collections.abc import Mapping
from typing import Any, get_args

from lean_tagger.errors import ConfigError
from lean_tagger.fields import NUMBERS
from lean_tagger.rules import toml_file
from lean_tagger.rules.model import (
    DEFAULT,
    FIELDS,
    POLICIES,
    Casing,
    FieldRules,
    NumberRules,
    Parents,
    Rename,
    Rules,
)
from lean_tagger.rules.names import short
from lean_tagger.rules.players import PLAIN, PLAYERS, FieldLayout
from lean_tagger.rules.safe_regex import refusal
from lean_tagger.rules.toml_lines import Path
from lean_tagger.rules.toml_values import TableReader

MOST_RENAMES = 500
DEEPEST_TREE = 20

ID3_VERSIONS = {"2.3": 3, "2.4": 4}

_TABLES = (*FIELDS, "rename", "ignore", "junk", "tree", "output")
_FIELD_KEYS = (
    "write",
    "policy",
    "min_score",
    "bars",
    "abstain",
    "thresholds",
    "ratio",
    "max_tags",
    "parents",
    "casing",
    "allow",
    "when_unsure",
)
_IGNORE_KEYS = ("everywhere", "artists", "albums", "files")
_OUTPUT_KEYS = ("player", "separator", "splits", "replacement", "id3")


def load(path: str) -> Rules:
    """Read a rules file.

    Raises
    ------
    ConfigError
        With "file:line: sentence" for every mistake in it.
    """
    return parse(toml_file.text_of(path, "rules"), name=path)


def check(path: str) -> list[str]:
    """Return every mistake in a rules file as "file:line: sentence"."""
    try:
        load(path)
    except ConfigError as error:
        return list(error.sentences)
    return []


def parse(text: str, *, name: str) -> Rules:
    """Read rules from TOML.

    Parameters
    ----------
    text : str
        The whole file.
    name : str
        The file's name in complaints.

    Raises
    ------
    ConfigError
        As `load`.
    """
    reader = toml_file.reader_of(text, "rules", name=name)
    rules = _rules(reader)
    if reader.complaints:
        raise ConfigError(*reader.report(name))
    return rules


def _rules(reader: TableReader) -> Rules:
    # Few models give numbers, so a misspelt table was hardly meant for them.
    numbers = {name: reader.data[name] for name in NUMBERS if name in reader.data}
    others = {name: it for name, it in reader.data.items() if name not in numbers}
    data = reader.table(others, (), _TABLES)
    ignore = reader.table(data.get("ignore", {}), ("ignore",), _IGNORE_KEYS)
    everywhere = reader.names(ignore.get("everywhere", []), ("ignore", "everywhere"), written=False)
    junk = reader.table(data.get("junk", {}), ("junk",), ("words", "replace"))
    rules = Rules(
        fields=tuple(_field(reader, data.get(f.name, {}), f) for f in DEFAULT.fields),
        renames=_renames(reader, data.get("rename", [])),
        ignore=everywhere,
        ignore_artists=_ignored(reader, ignore, "artists"),
        ignore_albums=_ignored(reader, ignore, "albums"),
        tree=_tree(reader, data.get("tree", {})),
        layout=_layout(reader, data.get("output", {})),
        exclude=_patterns(reader, ignore.get("files", [])),
        numbers=tuple(_number(reader, numbers.get(name, {}), name) for name in NUMBERS),
        junk=reader.names(junk["words"], ("junk", "words"), written=False)
        if "words" in junk
        else DEFAULT.junk,
        replace_junk=reader.flag(junk, ("junk", "replace"), default=False),
    )
    ignored = {name.casefold() for name in everywhere}
    for field in rules.fields:
        for index, name in enumerate(field.allow):
            if name.casefold() in ignored:
                path = (field.name, "allow", index)
                reader.complain(path, f"{short(name)} is allowed here but ignored everywhere")
    return rules


def _field(reader: TableReader, data: object, default: FieldRules) -> FieldRules:
    name = default.name
    table = reader.table(data, (name,), _FIELD_KEYS)
    unsure = table.get("when_unsure")
    if unsure is not None:
        unsure = reader.name(unsure, (name, "when_unsure"), written=True)
    policy = reader.choice(table, (name, "policy"), POLICIES, "keep")
    parents = reader.choice(table, (name, "parents"), get_args(Parents), default.parents)
    casing = reader.choice(table, (name, "casing"), get_args(Casing), default.casing)
    return FieldRules(
        name=name,
        write=reader.flag(table, (name, "write"), default=default.write),
        abstain=reader.flag(table, (name, "abstain"), default=default.abstain),
        min_score=reader.number(table, (name, "min_score"), default.min_score),
        # A minimum in the file counts for all labels.
        bars=reader.flag(table, (name, "bars"), default="min_score" not in table),
        thresholds=_thresholds(reader, table.get("thresholds", {}), (name, "thresholds")),
        ratio=reader.number(table, (name, "ratio"), default.ratio),
        max_tags=reader.count(table, (name, "max_tags"), default.max_tags),
        policy=POLICIES[policy],
        parents=parents,  # type: ignore[arg-type]  # one of the choices
        allow=reader.names(table.get("allow", []), (name, "allow"), written=True, once=True),
        casing=casing,  # type: ignore[arg-type]  # one of the choices
        when_unsure=unsure,
    )


def _number(reader: TableReader, data: object, name: str) -> NumberRules:
    table = reader.table(data, (name,), ("write", "policy"))
    policy = reader.choice(table, (name, "policy"), POLICIES, "keep")
    write = reader.flag(table, (name, "write"), default=True)
    return NumberRules(name=name, write=write, policy=POLICIES[policy])


def _thresholds(reader: TableReader, data: object, path: Path) -> tuple[tuple[str, float], ...]:
    table = reader.table(data, path, None)
    names = reader.keyed(table, path, written=False)
    return tuple((name, reader.number(table, (*path, name), 0.0)) for name in names.values())


def _renames(reader: TableReader, data: object) -> tuple[Rename, ...]:
    if not isinstance(data, list) or not all(isinstance(entry, dict) for entry in data):
        reader.complain(("rename",), "each rename must be a table of its own, as in [[rename]]")
        return ()
    if len(data) > MOST_RENAMES:
        reader.complain(("rename",), f"there are more than {MOST_RENAMES} renames")
        return ()
    found = [_rename(reader, entry, ("rename", index)) for index, entry in enumerate(data)]
    return tuple(rename for rename in found if rename is not None)


def _rename(reader: TableReader, data: object, path: Path) -> Rename | None:
    table = reader.table(data, path, ("match", "to"))
    missing = [key for key in ("match", "to") if key not in table]
    for key in missing:
        reader.complain(path, f"this rename has no {key!r}")
    if missing:
        return None
    match, to = table["match"], reader.name(table["to"], (*path, "to"), written=True)
    if not isinstance(match, str) or not match:
        reader.complain((*path, "match"), "'match' must be a regular expression in quotes")
        return None
    fault = refusal(match)
    if fault is not None:
        reader.complain((*path, "match"), fault)
        return None
    if to is None:
        return None
    try:
        re.compile(match, re.IGNORECASE).sub(to, "")
    except (re.error, IndexError) as error:
        reader.complain((*path, "to"), f"'to' does not fit the expression: {error}")
        return None
    return Rename(match=match, to=to)


def _ignored(
    reader: TableReader, ignore: Mapping[str, Any], key: str
) -> tuple[tuple[str, tuple[str, ...]], ...]:
    path: Path = ("ignore", key)
    table = reader.table(ignore.get(key, {}), path, None)
    names = reader.keyed(table, path, written=False)
    return tuple(
        (name, reader.names(table[name], (*path, name), written=False)) for name in names.values()
    )


def _patterns(reader: TableReader, data: object) -> tuple[str, ...]:
    if not isinstance(data, list) or not all(isinstance(it, str) and it for it in data):
        reader.complain(("ignore", "files"), "'files' must be a list of patterns in quotes")
        return ()
    return tuple(data)


def _tree(reader: TableReader, data: object) -> tuple[tuple[str, tuple[str, ...]], ...]:
    table = reader.table(data, ("tree",), None)
    names = reader.keyed(table, ("tree",), written=True)
    above: dict[str, str] = {}
    tree = []
    for name in names.values():
        children = reader.names(table[name], ("tree", name), written=True, once=True)
        for index, child in enumerate(children):
            other = above.setdefault(child.casefold(), name)
            if other != name:
                sentence = f"{short(child)} is below {short(other)} already"
                reader.complain(("tree", name, index), sentence)
        tree.append((name, children))
    for name in names.values():
        fault = _fault_above(name, above)
        if fault is not None:
            reader.complain(("tree", name), fault)
    return tuple(tree)


def _fault_above(name: str, above: Mapping[str, str]) -> str | None:
    """Return what is wrong with the parents of a value, in words; None if nothing is."""
    seen = {name.casefold()}
    here = name
    while here.casefold() in above:
        here = above[here.casefold()]
        if here.casefold() == name.casefold():
            return f"{short(name)} is above itself"
        if here.casefold() in seen:
            return None  # a circle of other values, reported for them
        seen.add(here.casefold())
        if len(seen) > DEEPEST_TREE:
            return f"{short(name)} has more than {DEEPEST_TREE} values above it"
    return None


def _layout(reader: TableReader, data: object) -> FieldLayout:
    table = reader.table(data, ("output",), _OUTPUT_KEYS)
    preset = PLAIN
    if "player" in table:
        preset = PLAYERS.get(reader.choice(table, ("output", "player"), tuple(PLAYERS), ""), PLAIN)
    version = f"2.{preset.id3_version}"
    version = reader.choice(table, ("output", "id3"), ID3_VERSIONS, version)
    layout = FieldLayout(
        player=preset.player,
        separator=_separator(reader, table, preset.separator),
        splits=_splits(reader, table, preset.splits),
        replacement=_replacement(reader, table, preset.replacement),
        id3_version=ID3_VERSIONS[version],  # type: ignore[arg-type]  # 3 or 4
    )
    ends = "".join((*layout.splits, layout.separator or ""))
    if layout.replacement in ends:
        where = "replacement" if "replacement" in table else "splits"
        where = where if where in table else "separator"
        sentence = f"{layout.replacement!r} would be the 'replacement' of itself; choose another"
        reader.complain(("output", where), sentence)
    return layout


def _separator(reader: TableReader, table: Mapping[str, Any], default: str | None) -> str | None:
    if "separator" not in table or table["separator"] == "":
        return None if "separator" in table else default
    value = table["separator"]
    if not _is_mark(value):
        reader.complain(
            ("output", "separator"),
            "'separator' must be one to five characters that are neither letters nor digits",
        )
        return default
    return str(value)


def _splits(
    reader: TableReader, table: Mapping[str, Any], default: tuple[str, ...]
) -> tuple[str, ...]:
    value = table.get("splits", list(default))
    if not isinstance(value, list) or not all(map(_is_mark, value)):
        reader.complain(
            ("output", "splits"),
            "'splits' must be a list of strings of one to five characters that are neither "
            "letters nor digits",
        )
        return default
    return tuple(dict.fromkeys(value))


def _replacement(reader: TableReader, table: Mapping[str, Any], default: str) -> str:
    value = table.get("replacement", default)
    if not isinstance(value, str) or len(value) != 1 or not _is_mark(value):
        reader.complain(
            ("output", "replacement"),
            "'replacement' must be one character that is neither a letter nor a digit nor a space",
        )
        return default
    return value


def _is_mark(value: object) -> bool:
    """Tell whether text can separate values without being part of a name."""
    return (
        isinstance(value, str)
        and 1 <= len(value) <= 5
        and value.strip() != ""
        and value.isprintable()
        and not any(character.isalnum() for character in value)
    )
