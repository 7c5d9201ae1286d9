"""What is built for people who install a file: whole, small, with its licences, one version."""

import email
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

import lean_tagger

ROOT = Path(__file__).parents[1]
MOST_WHEEL_BYTES = 12_000_000

pytest.importorskip("build", reason="needs the extra dev")
pytest.importorskip("hatchling", reason="needs the extra dev")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "build", "--no-isolation", "--wheel", "--sdist"]
    subprocess.run([*build, "--outdir", folder, ROOT], check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> zipfile.ZipFile:
    (path,) = built.glob("*.whl")
    return zipfile.ZipFile(path)


def metadata(wheel: zipfile.ZipFile) -> "email.message.Message[str, str]":
    (name,) = (it for it in wheel.namelist() if it.endswith(".dist-info/METADATA"))
    return email.message_from_bytes(wheel.read(name))


def test_the_wheel_is_small_and_for_every_machine(built: Path) -> None:
    (path,) = built.glob("*.whl")
    assert path.name == f"lean_tagger-{lean_tagger.__version__}-py3-none-any.whl"
    assert path.stat().st_size <= MOST_WHEEL_BYTES


def test_the_wheel_has_all_of_the_package_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    inside = {it for it in wheel.namelist() if not it.split("/")[0].endswith(".dist-info")}
    done = subprocess.run(
        ["git", "ls-files", "lean_tagger", "models"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        pytest.skip("this is no clone")
    code = {it for it in done.stdout.splitlines() if it.startswith("lean_tagger/")}
    data = {
        f"lean_tagger/{it}"
        for it in done.stdout.splitlines()
        if it.startswith("models/") and not it.endswith((".py", "README.md"))
    }
    ours = {it for it in inside if it.startswith("lean_tagger/")}
    assert ours == code | data
    assert {it.split("/")[0] for it in inside} <= {"lean_tagger", "beetsplug"}


def test_licences_of_everything_inside_come_along(wheel: zipfile.ZipFile) -> None:
    said = metadata(wheel)
    assert said["License-Expression"] == "MIT AND ISC"
    licences = {it.rpartition("/")[2] for it in wheel.namelist() if "/licenses/" in it}
    assert licences == {"LICENSE", "LICENSE-musicnn"}


def test_the_version_stands_in_one_place(wheel: zipfile.ZipFile) -> None:
    assert metadata(wheel)["Version"] == lean_tagger.__version__
    found = [
        str(path.relative_to(ROOT))
        for path in ROOT.glob("lean_tagger/**/*.py")
        if re.search(rf'= "{re.escape(lean_tagger.__version__)}"', path.read_text(encoding="utf-8"))
    ]
    assert found == ["lean_tagger/_version.py"]


def test_the_source_archive_has_what_the_wheel_is_built_from(built: Path) -> None:
    (path,) = built.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = {it.partition("/")[2] for it in archive.getnames()}
    assert {"pyproject.toml", "README.md", "LICENSE", "models/msd-musicnn.onnx"} <= names
    assert not any(it.startswith((".venv", "build/", "dist/")) for it in names)
