"""Edit one file: parse it once, and put an edited and proved copy in its place."""

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from lean_tagger.errors import FileError, OverBudgetError, UnreadableError, WriteError
from lean_tagger.fields import FIELDS
from lean_tagger.jobs import Identity, Values
from lean_tagger.settings import WriteSettings
from lean_tagger.write.compare import compare
from lean_tagger.write.formats.all_tags import AllTags, is_name, without_lone_bytes
from lean_tagger.write.formats.detect import parse
from lean_tagger.write.formats.exact import ENDING
from lean_tagger.write.replace import replace
from lean_tagger.write.source import Source, opened, translated
from lean_tagger.write.splice import copy, splice

_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")


class Written(NamedTuple):
    """What a file is after a write.

    Attributes
    ----------
    identity : Identity
        By which a later change is noticed.
    fields : mapping of str to tuple of str
        What our fields hold.
    """

    identity: Identity
    fields: Values


@contextmanager
def edit(path: str, *, ways: WriteSettings) -> "Iterator[Edit]":
    """Open a file that is to be written to, and parse its tags.

    Parameters
    ----------
    path : str
        The file. A symbolic link stays one: the file that it leads to is replaced.
    ways : WriteSettings
        What becomes of hard links and of the modification time, and the version of a new tag.

    Raises
    ------
    UnreadableError
        If it cannot be opened.
    WriteError
        If its tags do not parse.
    """
    real = _resolved(path)
    with opened(real) as source:
        source.path, source.id3_version = path, ways.id3_version
        with translated(path):
            tags = parse(source)
        yield Edit(source, tags, real, ways)


class Edit:
    """One file, open and parsed; see `edit`."""

    def __init__(self, source: Source, tags: AllTags, real: str, ways: WriteSettings) -> None:
        self._source, self._tags = source, tags
        self._real, self._ways = real, ways

    @property
    def path(self) -> str:
        """Its name, as it was given."""
        return self._source.path

    def in_full(self, changes: Values) -> tuple[Values, Values]:
        """Return changes with their effects on single tags, and the present values of all that.

        Writing the second takes the first back exactly.
        """
        with translated(self.path):
            full, now = self._tags.in_full(changes), self._tags.exact()
            return full, {name: now.get(name, ()) for name in full}

    def write(
        self,
        changes: Mapping[str, Sequence[str]],
        *,
        fingerprint: Callable[[str], str],
        expected: str | None = None,
        previous: Mapping[str, Sequence[str]] | None = None,
    ) -> Written:
        """Do what `write.write` does, and return what the file then is.

        A file that was changed since it was opened is refused.
        """
        if unknown := sorted(name for name in changes if not is_name(name)):
            raise ValueError(f"no such field: {unknown}")
        source, tags = self._source, self._tags
        wanted = {name: _checked(self.path, name, values) for name, values in changes.items()}
        with translated(self.path):
            present, wanted = tags.exact(), without_lone_bytes(wanted)
            if all(present.get(name, ()) == values for name, values in wanted.items()):
                return Written(Identity.of(source.stat), tags.values())
            if previous is not None and any(
                tuple(previous.get(name, ())) != present.get(name, ()) for name in wanted
            ):
                raise source.refuse("its tags were changed since it was heard; nothing was written")
            wanted = tags.in_full(wanted)
            pieces = list(splice(source.size, tags.patches(wanted)))
            view = tags.look()
        if expected is None:
            expected = fingerprint(self._real)
        fields: dict[str, tuple[str, ...]] = {}

        def fill(fd: int) -> None:
            copy(source, pieces, fd)

        def check(copied: str) -> None:
            fields.update(compare(source, tags, copied, wanted, view))
            if _digest_of_copy(source, copied, fingerprint) != expected:
                raise source.refuse(
                    "its audio would not have stayed the same, or is not what was scored; "
                    "nothing was written"
                )

        identity = replace(source, self._real, fill=fill, check=check, ways=self._ways)
        return Written(identity, fields)


def _digest_of_copy(source: Source, copied: str, fingerprint: Callable[[str], str]) -> str:
    try:
        return fingerprint(copied)
    except OverBudgetError as error:
        error.path = source.path  # not the copy's name, since the copy is removed
        raise
    except FileError as error:
        raise source.refuse("its audio would not decode any more; nothing was written") from error


def _resolved(path: str) -> str:
    """Return the name of the file itself, with symbolic links resolved."""
    try:
        return os.path.realpath(path, strict=True)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise UnreadableError(path, f"it cannot be opened: {reason}") from error


def _checked(path: str, name: str, values: Sequence[str]) -> tuple[str, ...]:
    """Return values without repetitions; refuse values that a tag cannot hold.

    The bytes of a field's items may repeat: two items can be the same.
    """
    if name.endswith(ENDING):
        return tuple(values)
    field = name.partition("@")[0]
    for value in values:
        if not value.strip() or "\0" in value or _lone(value):
            raise WriteError(path, "a value to write is empty or cannot be encoded")
        if field and FIELDS[field].number and not _NUMBER.fullmatch(value):
            raise WriteError(path, f"a value to write as {field} is not a number")
    return tuple(dict.fromkeys(values))


def _lone(value: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in value)
