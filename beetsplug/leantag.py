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
writes into the files as well. Listening happens in one lean-tag, which is started when the first
file is to be heard and ends with beets. Its journal then knows these files, also where beets moves
them; copies are new to it.
"""

from __future__ import annotations

import contextlib
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
    import logging
    import optparse
    from collections.abc import Iterator, Sequence

    from beets.importer import ImportSession, ImportTask
    from beets.library import Album, Item, Library

AT_ONCE = 200
"""Files that lean-tag is asked for together; of a whole library there may be a million."""

END_SECONDS = 10.0
"""So long may lean-tag take to end."""

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
        self._ears = LeanTag(self._log)
        self.register_listener("cli_exit", self.closed)

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
        budget = ("--max-mem", self.config["max_mem"].as_str())
        jobs = ("--jobs", str(self.config["jobs"].get(int)))
        options = ("--overwrite", *budget, *jobs, *self.config["options"].as_str_seq())
        for said in self._ears.ask(paths, options):
            if said["status"] == "failed":
                self._log.warning("{}: {}", said["path"], said["error"]["message"])
            elif said["tags"]:
                yield said["path"], said["tags"]

    def closed(self, lib: Library) -> None:  # noqa: ARG002 - an event
        """End what listens."""
        self._ears.close()


class LeanTag:
    """One ``lean-tag answer``, kept from question to question.

    What crashes the decoder costs lean-tag one file. Should it end itself all the same, it is
    started again for what it has not answered, once a question.

    Parameters
    ----------
    log : logging.Logger
        Of the plugin.
    """

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._asked = False  # and not answered to the end

    def ask(self, paths: Sequence[str], options: Sequence[str]) -> Iterator[dict[str, Any]]:
        """Yield what lean-tag says of each file, as it comes; of one that is lost, nothing."""
        left = dict.fromkeys(paths)
        if self._asked:  # somebody did not listen to the end of the last answer
            self.close()
        for last in (False, True):
            if not left:
                return
            self._send(list(left), options)
            for said in self._answers():
                left.pop(said["path"], None)
                yield said
            if not self._asked:
                return
            status = self.close()
            if status >= 0 or last:  # it was no signal, so it has said why
                self._log.error("lean-tag ended with {}", status)
                return
            self._log.warning("lean-tag was ended by signal {}, and is started again", -status)

    def close(self) -> int:
        """End it, and return its exit status."""
        process, self._process = self._process, None
        self._asked = False
        if process is None:
            return 0
        assert process.stdin is not None  # noqa: S101 - narrows the type for mypy
        assert process.stdout is not None  # noqa: S101 - narrows the type for mypy
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
        process.stdout.close()
        try:
            return process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()

    def _send(self, paths: list[str], options: Sequence[str]) -> None:
        if self._process is None or self._process.poll() is not None:
            self.close()
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                [sys.executable, "-P", "-m", "lean_tagger", "answer", "--quiet", *options],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
            self._log.debug("lean-tag is process {}", self._process.pid)
        assert self._process.stdin is not None  # noqa: S101 - narrows the type for mypy
        self._asked = True
        with contextlib.suppress(BrokenPipeError):  # it is gone, which shows in its answers
            self._process.stdin.write(b"".join(os.fsencode(path) + b"\0" for path in [*paths, ""]))
            self._process.stdin.flush()

    def _answers(self) -> Iterator[dict[str, Any]]:
        """Yield the answers to one question; one that ends too early leaves it open."""
        assert self._process is not None  # noqa: S101 - narrows the type for mypy
        assert self._process.stdout is not None  # noqa: S101 - narrows the type for mypy
        for line in self._process.stdout:
            said = json.loads(line)
            if said["type"] == "summary":
                self._asked = False
                return
            if said["type"] == "result":
                yield said
