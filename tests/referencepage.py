"""Make `docs/reference/commands.md`: what ``--help`` of every command says.

Run this file after a change of options. A test compares.
"""

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
    sections = [_TOP, _section()]
    for name in sorted(set(commands.NAMES) - set(WORDS)):
        sections.append(_section(name))
        sections += [_section(name, sub) for sub in SUBCOMMANDS.get(name, ())]
    return "\n".join(sections)


def _section(*words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "lean_tagger", *words, "--help"],
        capture_output=True,
        text=True,
        check=True,
        # A home without rules of its own, and a width that is always the same.
        env={**os.environ, "COLUMNS": "100", "HOME": "/home/you", "XDG_CONFIG_HOME": "",
             "XDG_DATA_HOME": "", "XDG_STATE_HOME": "", "LEAN_TAG_MODELS": ""},
    )  # fmt: skip
    cores = f"all usable, {len(os.sched_getaffinity(0))} here"
    text = done.stdout.replace(cores, "all usable")
    return f"## lean-tag {' '.join(words)}".rstrip() + f"\n\n```\n{text.rstrip()}\n```\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
