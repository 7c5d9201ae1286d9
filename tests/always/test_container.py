"""What the container's files promise, as far as that shows without an engine."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lean_tagger.always.units import MARGIN_BYTES
from lean_tagger.system.memory import parse_size

ROOT = Path(__file__).parents[2]
ENTRYPOINT = ROOT / "container/entrypoint.sh"


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="needs shellcheck")
def test_the_scripts_are_clean():
    scripts = sorted((ROOT / "container").glob("*.sh"))
    assert len(scripts) == 2
    done = subprocess.run(["shellcheck", *scripts], capture_output=True, text=True, check=False)
    assert done.stdout == ""


def test_the_limit_of_memory_is_the_budget_and_a_margin():
    text = (ROOT / "compose.yaml").read_text()
    (budget,) = re.findall(r'"--max-mem", "(\w+)"', text)
    (limit,) = re.findall(r"^    mem_limit: (\d+)m", text, re.MULTILINE)
    assert int(limit) * 1024**2 >= parse_size(f"{budget[:-1]}MiB") + MARGIN_BYTES
    assert f"memswap_limit: {limit}m" in text


def test_all_that_the_image_copies_is_let_in():
    copied = re.findall(r"^COPY ((?!--from).*) \S+$", (ROOT / "Containerfile").read_text(), re.M)
    sources = {name.split("/")[0] for names in copied for name in names.split()}
    allowed = {it[1:] for it in (ROOT / ".containerignore").read_text().split() if it[0] == "!"}
    assert sources <= allowed
    assert (ROOT / ".dockerignore").read_bytes() == (ROOT / ".containerignore").read_bytes()
    assert all((ROOT / name).exists() for name in sources)


def test_pythons_own_library_is_compiled_in_the_image_too():
    """The official images come without; a start takes 0.8 CPU seconds more then."""
    _, final = (ROOT / "Containerfile").read_text().rsplit("\nFROM ", 1)
    (command,) = re.findall(r"^RUN (python3 -m compileall .*?[^\\])$", final, re.M | re.S)
    pattern, asked = re.findall(r"-x '(.*?)'|\$\(python3 -c '(.*?)'\)", command)
    done = subprocess.run(
        [sys.executable, "-c", asked[1]], capture_output=True, text=True, check=True
    )
    library = done.stdout.strip()
    assert Path(library, "argparse.py").exists()
    for module in sys.stdlib_module_names & set(sys.modules):
        source = getattr(sys.modules[module], "__file__", None) or ""
        assert not (source.startswith(library) and re.search(pattern[0], source)), source
    assert final.index("compileall") < final.index("\nUSER ")


def test_music_is_never_given_to_another_owner():
    said = [line for line in ENTRYPOINT.read_text().splitlines() if "chown" in line]
    commands = [line for line in said if not line.lstrip().startswith("#")]
    assert commands
    assert not [line for line in commands if "/music" in line or "/config" not in line]
