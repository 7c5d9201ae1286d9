"""Run the whole command, and read what it came to."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]


class Run:
    """One run with ``--json``: its exit code, what it said, and its results by file name.

    With `under`, a command such as setpriv(1) runs it.
    """

    def __init__(self, *arguments: str | Path, under: Sequence[str | Path] = ()) -> None:
        done = subprocess.run(
            [*under, sys.executable, "-m", "lean_tagger", *arguments, "--json"],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            cwd=ROOT,
        )
        records = [json.loads(line) for line in done.stdout.splitlines()]
        self.code = done.returncode
        self.said = done.stderr
        self.summary = next((it for it in records if it["type"] == "summary"), {})
        self.results: dict[str, dict[str, Any]] = {
            Path(it["path"]).name: it for it in records if it["type"] == "result"
        }

    def statuses(self) -> dict[str, str]:
        return {name: it["status"] for name, it in self.results.items()}

    def error(self, name: str) -> tuple[str, str]:
        """Return the kind and the sentence of what went wrong with a file."""
        return self.results[name]["error"]["kind"], self.results[name]["error"]["message"]
