"""Genres and moods by ear, for beets: lean-tag gives the answer, beets writes it.

::

    plugins: leantag
    leantag:
        auto: yes             # listen on every import
        force: no             # include tracks that have genres
        keep_existing: no     # with force: add to those genres
        pretend: no           # say what would be set, but set nothing
        max_mem: 500M         # memory of all of lean-tag
        jobs: 1               # files at a time
        options: []           # more options of lean-tag, such as [--model, standard]

Genres go into the list field ``genres``, moods into the flexible field ``moods``, which beets
writes into the files as well. lean-tag listens in processes of its own. Its journal then knows
these files, even if beets moves them, but not the copies that beets makes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

import mediafile
from beets import ui
from beets.dbcore import types
from beets.plugins import BeetsPlugin

if TYPE_CHECKING:
    import optparse
    from collections.abc import Iterable, Iterator, Sequence

    from beets.importer import ImportSession, ImportTask
    from beets.library import Album, Item, Library

AT_ONCE = 200
"""Files per process: their values are in the library before the next process starts."""

MOST_OF_ALBUM = 3
"""Genres that an album gets: the most frequent ones of its tracks."""


class LeanTagPlugin(BeetsPlugin):
    """Adds the command, the stage of imports, and the field."""

    item_types = {"moods": types.MULTI_VALUE_DSV}  # noqa: RUF012 - as beets has it

    def __init__(self) -> None:
        super().__init__()
        self.config.add(
            {
                "auto": True,
                "force": False,
                "keep_existing": False,
                "pretend": False,
                "max_mem": "500M",
                "jobs": 1,
                "options": [],
            }
        )
        self.add_media_field(
            "moods",
            mediafile.ListMediaField(
                mediafile.MP3ListStorageStyle("TMOO"),
                mediafile.MP4ListStorageStyle("----:com.apple.iTunes:MOOD"),
                mediafile.ListStorageStyle("MOOD"),
                mediafile.ASFStorageStyle("WM/Mood"),
            ),
        )
        if self.config["auto"].get(bool):
            self.import_stages = [self.imported]
            self.register_listener("import_task_files", self.in_place)
        self._set_by_import: set[int] = set()

    def commands(self) -> list[ui.Subcommand]:
        """Return ``beet leantag [QUERY]``."""
        command = ui.Subcommand("leantag", help="set genres and moods by ear")
        add = command.parser.add_option
        add("-f", "--force", action="store_true", help="include tracks that have genres")
        add("-k", "--keep-existing", action="store_true", help="with force: add to those genres")
        add("-p", "--pretend", action="store_true", help="say what would be set, but set nothing")
        command.func = self.command
        return [command]

    def command(self, lib: Library, opts: optparse.Values, args: list[str]) -> None:
        """Tag the items that match a query."""
        for name in ("force", "keep_existing", "pretend"):
            if getattr(opts, name):
                self.config[name].set(True)
        items = [item for item in lib.items(args) if self._wanted(item)]
        changed = self._set_all(items, write=ui.should_write())
        albums = {item.album_id: item.get_album() for item in changed if item.album_id}
        for album in albums.values():
            self._set_album(album)

    def imported(self, _session: ImportSession, task: ImportTask) -> None:
        """Tag the items that were imported."""
        items = [item for item in task.imported_items() if self._wanted(item)]
        # beets writes all fields at the end of an import, into its copies if it makes any.
        changed = self._set_all(items, write=False)
        self._set_by_import.update(item.id for item in changed)
        if changed and task.is_album:
            self._set_album(task.album)

    def in_place(self, session: ImportSession, task: ImportTask) -> None:  # noqa: ARG002 - an event
        """Write the fields of tracks that are imported as is: beets does not write those."""
        for item in task.imported_items():
            if item.id in self._set_by_import and not task.apply and ui.should_write():
                item.try_write()
            self._set_by_import.discard(item.id)

    def _wanted(self, item: Item) -> bool:
        return self.config["force"].get(bool) or not item.genres

    def _set_all(self, items: Sequence[Item], *, write: bool) -> list[Item]:
        """Set the fields of each item as soon as it was heard; return the items that changed."""
        changed = []
        for start in range(0, len(items), AT_ONCE):
            by_path = {os.fsdecode(item.path): item for item in items[start : start + AT_ONCE]}
            for path, tags in self._heard(list(by_path)):
                item = by_path.get(path)
                if item is not None and self._set(item, tags, write=write):
                    changed.append(item)
        return changed

    def _set(self, item: Item, tags: dict[str, list[str]], *, write: bool) -> bool:
        """Set the fields of one item; tell whether any of them changed."""
        keep = self.config["keep_existing"].get(bool)
        new = {}
        for field, values in (("genres", tags.get("genre")), ("moods", tags.get("mood"))):
            old = list(item.get(field) or [])
            wanted = list(dict.fromkeys([*(old if keep else []), *(values or [])]))
            if values and wanted != old:
                new[field] = wanted
        for field, values in new.items():
            self._log.info("{}: {} = {}", item, field, "; ".join(values))
        if not new or self.config["pretend"].get(bool):
            return False
        item.update(new)
        item.try_sync(write=write, move=False)
        return True

    def _set_album(self, album: Album | None) -> None:
        """Give an album the most frequent genres of its tracks; the tracks keep theirs."""
        if album is None:
            return
        counts = Counter(genre for item in album.items() for genre in item.genres or [])
        genres = [genre for genre, _ in counts.most_common(MOST_OF_ALBUM)]
        if genres and genres != album.genres:
            album.genres = genres
            album.store(inherit=False)

    def _heard(self, paths: list[str]) -> Iterator[tuple[str, dict[str, list[str]]]]:
        """Listen to files, and yield the values of each as they come."""
        if not paths:
            return
        command = [
            *(sys.executable, "-P", "-m", "lean_tagger", "tag", "--dry-run", "--json", "--quiet"),
            *("--overwrite", "--max-mem", self.config["max_mem"].as_str()),
            *("--jobs", str(self.config["jobs"].get(int)), *self.config["options"].as_str_seq()),
        ]
        with subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [*command, "--", *paths], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
        ) as process:
            assert process.stdout is not None  # noqa: S101 - narrows the type for mypy
            yield from self._answers(process.stdout)
        if process.returncode not in (0, 1):  # 1: some files failed, and were reported
            self._log.error("lean-tag ended with {}", process.returncode)

    def _answers(self, lines: Iterable[bytes]) -> Iterator[tuple[str, dict[str, Any]]]:
        for line in lines:
            said = json.loads(line)
            if said["type"] != "result":
                continue
            if said["status"] == "failed":
                self._log.warning("{}: {}", said["path"], said["error"]["message"])
            elif said["tags"]:
                yield said["path"], said["tags"]
