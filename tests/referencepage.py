"""Make `docs/reference/commands.md`: what ``--help`` of every command says.

Run this file after a change of options. A test compares.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

from lean_tagger.cli import commands

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "commands.md"
SUBCOMMANDS = {"models": ("list", "show", "get", "add", "remove", "verify", "test")}
WORDS = ("help", "version", "tag")
"""Commands that need no section of their own."""

_TOP = """\
# Commands

What `--help` of each command says. `lean-tag PATH...` tags, and so does `lean-tag tag PATH...`.
"""


def page() -> str:
    """Return the whole page."""
    commands_shown: list[tuple[str, ...]] = [()]
    for name in sorted(set(commands.NAMES) - set(WORDS)):
        commands_shown += [(name,), *((name, sub) for sub in SUBCOMMANDS.get(name, ()))]
    sections = map(_section, commands_shown, _helps(commands_shown))
    return "\n".join([_TOP, *sections])


_SHOW = """
import contextlib, io, json, sys
from lean_tagger.cli.main import main
texts = []
for words in json.loads(sys.argv[1]):
    with contextlib.redirect_stdout(io.StringIO()) as shown, contextlib.suppress(SystemExit):
        main([*words, "--help"])
    texts.append(shown.getvalue())
print(json.dumps(texts))
"""


def _helps(of: list[tuple[str, ...]]) -> list[str]:
    """Return what commands say, all asked in one process: each start takes a while."""
    done = subprocess.run(
        [sys.executable, "-c", _SHOW, json.dumps(of)],
        capture_output=True,
        text=True,
        check=True,
        # A home without rules of its own, and a width that is always the same.
        env={**os.environ, "COLUMNS": "100", "HOME": "/home/you", "XDG_CONFIG_HOME": "",
             "XDG_DATA_HOME": "", "XDG_STATE_HOME": "", "LEAN_TAG_MODELS": ""},
    )  # fmt: skip
    texts: list[str] = json.loads(done.stdout)
    return texts


def _section(words: tuple[str, ...], text: str) -> str:
    cores = f"all usable, {len(os.sched_getaffinity(0))} here"
    text = text.replace(cores, "all usable").rstrip()
    return f"## lean-tag {' '.join(words)}".rstrip() + f"\n\n```\n{text}\n```\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
