"""Tag one file of each format, and hard cases, with exactly the budget that is asked for.

First a run with too little, whose refusal names a number; then runs with that number, over a file
of each format (of 20 s, as the tests make them) and over each folder that is given, copied first,
so that tags are written. The peak has to stay below the budget, and no file may be refused for
memory. Major faults are reads from the disk that somebody waited for: more of them than in a run
without a budget would mean that what was given back is read again and again.
"""

import argparse
import json
import re
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from common import MIB, ROOT, child_environment, lean_tag, progress, write_table

sys.path.insert(0, str(ROOT / "tests"))

import audiofiles

SECONDS = 20.0
TOO_LITTLE = "40M"


def asked(music: Path) -> str:
    """Return the budget that a run with too little asks for."""
    command = lean_tag("-n", "--max-mem", TOO_LITTLE, "--jobs", "1", str(music))
    said = subprocess.run(
        command, env=child_environment(), capture_output=True, text=True, check=False
    ).stderr
    found = re.search(r"--max-mem (\d+M)", said)
    if found is None:
        sys.exit(f"no budget is asked for: {said}")
    return found[1]


def row(name: str, music: Path, budget: str | None) -> dict[str, object]:
    """Tag a copy of a folder; return what it took."""
    progress(f"{name}, {budget or 'no budget'}")
    limit = ["--max-mem", budget] if budget else []
    with tempfile.TemporaryDirectory() as folder:
        copy = shutil.copytree(music, Path(folder, "copy"), copy_function=shutil.copyfile)
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(
            lean_tag("--json", "--overwrite", "--min-score", "0", "--jobs", "1", *limit, str(copy)),
            env=child_environment(),
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    *results, summary = map(json.loads, done.stdout.splitlines())
    kinds = [it.get("error", it).get("kind", "") for it in results if it["status"] == "failed"]
    return {
        "files": name,
        "budget": budget or "none",
        "exit": done.returncode,
        "done": len(results),
        "tagged": summary["tagged"],
        "over budget": kinds.count("over-budget"),
        "peak MiB": f"{summary['peak_rss_bytes'] / MIB:.1f}",
        "CPU s": f"{after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime:.1f}",
        "major faults": after.ru_majflt - before.ru_majflt,
    }


def main() -> None:
    """Print, and write where asked, a row for each folder, with the budget and without."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folders", nargs="*", type=Path, help="more music, such as damaged files")
    parser.add_argument("--out", type=Path, help="folder for at_budget.md and .json")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        formats = Path(name)
        for kind in audiofiles.KINDS:
            progress(f"making {kind}")
            audiofiles.make(formats / f"a.{kind}", kind, SECONDS)
        budget = asked(formats)
        rows = [
            row(label, folder, limit)
            for label, folder in (("formats", formats), *((it.name, it) for it in given.folders))
            for limit in (None, budget)
        ]
    write_table(rows, "at_budget", given.out)


if __name__ == "__main__":
    main()
