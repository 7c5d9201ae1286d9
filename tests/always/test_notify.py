"""``--notify``: the right request once a run, no secret anywhere else, and never a failure."""

import json
import os
import shutil
import subprocess
import sys
import threading
from hashlib import md5
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from conftest import DATA
from hypothesis import given
from hypothesis import strategies as st
from playerservers import player as serving
from thinned import thinned

from lean_tagger.always import http_call, players
from lean_tagger.errors import ConfigError

ROOT = Path(__file__).parents[2]
SECRET = "s3cr&t ünd=more"
OK = b'{"subsonic-response": {"status": "ok", "version": "1.16.1"}}'
NO = b'{"subsonic-response": {"status": "failed", "error": {"code": 40, "message": "Wrong user"}}}'


def run(*arguments: str | Path, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "lean_tagger", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=ROOT,
        env={**os.environ, **environ},
    )


def made(name: str, **values: str) -> players.Player:
    variables = {f"LEAN_TAG_{name}_{key}".upper(): value for key, value in values.items()}
    return players.player(name, players.Settings(variables, None))


@pytest.fixture
def song(tmp_path: Path) -> Path:
    return Path(shutil.copy(DATA / "west.flac", tmp_path))


def test_navidrome_is_told_once_a_run_that_changes_anything(song, tmp_path):
    (tmp_path / "password").write_text(f"{SECRET}\n", encoding="utf-8")
    with serving(answer=OK) as server:
        about = {
            "LEAN_TAG_NAVIDROME_URL": f"{server.url}/music/",
            "LEAN_TAG_NAVIDROME_USER": "anna",
            "LEAN_TAG_NAVIDROME_PASSWORD_FILE": str(tmp_path / "password"),
        }
        runs = [run("--notify", "navidrome", song, **about) for _ in range(2)]
    (asked,) = server.asked  # the second run changes nothing
    url = urlsplit(asked.path)
    query = {name: values[0] for name, values in parse_qs(url.query).items()}
    assert (asked.method, url.path, query["u"]) == ("GET", "/music/rest/startScan.view", "anna")
    assert query["t"] == md5((SECRET + query["s"]).encode()).hexdigest()
    assert [it.returncode for it in runs] == [0, 0]
    assert "told navidrome at 127.0.0.1" in runs[0].stderr
    for text in (SECRET, query["t"], query["s"]):
        assert text not in runs[0].stderr + runs[0].stdout


@pytest.mark.parametrize("name", ["jellyfin", "emby"])
def test_jellyfin_and_emby_are_asked_to_refresh(name):
    with serving(status=204, answer=b"") as server:
        http_call.make(made(name, url=server.url, token=SECRET.replace("ü", "u")).call({}))
    (asked,) = server.asked
    assert (asked.method, asked.path) == ("POST", "/Library/Refresh")
    assert asked.headers["X-Emby-Token"] == SECRET.replace("ü", "u")
    assert ("Authorization" in asked.headers) == (name == "jellyfin")


@pytest.mark.parametrize(("section", "path"), [("", "all"), ("3", "3"), ("../x", "..%2Fx")])
def test_plex_refreshes_a_section(section, path):
    with serving() as server:
        http_call.make(made("plex", url=server.url, token="tok", section=section).call({}))
    (asked,) = server.asked
    assert (asked.method, asked.path) == ("GET", f"/library/sections/{path}/refresh")
    assert asked.headers["X-Plex-Token"] == "tok"


@pytest.mark.slow
def test_an_address_gets_the_summary(song):
    with serving() as server:
        done = run("--notify", f"{server.url}/hook", "--json", song)
    (asked,) = server.asked
    assert (asked.method, asked.path, done.returncode) == ("POST", "/hook", 0)
    assert json.loads(asked.body)["tagged"] == 1
    assert asked.headers["Content-Type"] == "application/json"


@pytest.mark.slow
def test_retag_undo_and_redo_tell_as_well(song):
    with serving() as server:
        assert run(song).returncode == 0
        told = ("--notify", server.url)
        for command in ("undo", "redo"):
            assert run(command, *told, song).returncode == 0
        assert run("retag", "--min-score", "0.01", "--overwrite", *told, song).returncode == 0
    counted = [json.loads(it.body) for it in server.asked]
    assert [(it["undone"], it["redone"], it["tagged"]) for it in counted] == [
        *((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    ]


@pytest.mark.slow
def test_nobody_is_told_of_a_dry_run(song):
    with serving() as server:
        assert run("-n", "--notify", server.url, song).returncode == 0
    assert server.asked == []


@thinned(
    "answer",
    [
        {"status": 401},
        {"status": 500},
        {"status": 302, "headers": {"Location": "http://127.0.0.1:9/"}},
        {"answer": NO},
        {"answer": b"<html>"},
        {"answer": b"[]"},
    ],
    fast=1,
)
def test_a_player_that_says_no_is_a_warning_and_no_failure(answer, song):
    with serving(**answer) as server:
        about = {"URL": server.url, "USER": "anna", "PASSWORD": SECRET}
        environ = {f"LEAN_TAG_NAVIDROME_{name}": value for name, value in about.items()}
        done = run("-q", "--notify", "navidrome", song, **environ)
    assert done.returncode == 0
    assert "lean-tag: warning: could not tell navidrome at 127.0.0.1" in done.stderr
    assert SECRET not in done.stderr
    assert len(server.asked) == 1


@pytest.mark.slow
def test_a_player_that_is_not_there_is_a_warning(song):
    done = run("--notify", "http://127.0.0.1:9/x", song)
    assert (done.returncode, "warning: could not tell 127.0.0.1:9" in done.stderr) == (0, True)


def test_a_server_that_does_not_answer_is_given_up():
    with serving(hang=threading.Event()) as server:
        call = made("webhook", url=server.url).call({})
        with pytest.raises(http_call.CallFailedError, match="no answer"):
            http_call.make(call, seconds=0.5)


@thinned(
    ("name", "word"),
    [
        ("navidrome", "LEAN_TAG_NAVIDROME_URL"),
        ("plex", "LEAN_TAG_PLEX_URL"),
        ("webhook", "LEAN_TAG_WEBHOOK_URL"),
        ("winamp", "winamp"),
        ("http://me:pw@host/", "ps"),
        ("http://host/?token=pw", "ps"),
        ("file:///etc/passwd", "or an http address"),
        ("http://", "http"),
    ],
    fast=2,
)
def test_a_mistake_is_said_before_anything_is_done(name, word, song):
    before = song.read_bytes()
    done = run("--notify", name, song)
    assert (done.returncode, word in done.stderr, song.read_bytes()) == (2, True, before)


def test_a_file_of_settings_does_as_well_as_the_environment(tmp_path):
    (tmp_path / "token").write_text("from a file\n")
    file = tmp_path / "notify.toml"
    file.write_text(f'[plex]\nurl = "http://h"\ntoken_file = "{tmp_path}/token"\nsection = 4\n')
    known = players.Settings({}, file)
    assert [known.value("plex", it) for it in ("url", "token", "section")] == [
        *("http://h", "from a file", "4"),
    ]


@pytest.mark.parametrize("text", ["[plex\n", 'plex = "x"\n', "\udcff"])
def test_a_file_that_makes_no_sense_is_a_mistake_and_not_quoted(text, tmp_path):
    file = tmp_path / "notify.toml"
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ConfigError) as caught:
        players.Settings({}, file).value("plex", "url")
    assert "[plex\n" not in str(caught.value)


@given(st.text(min_size=1).filter(lambda it: it.strip()))
def test_no_secret_shows_in_what_could_be_logged(secret):
    secret = f"<<{secret}>>"
    known = made("navidrome", url="http://h:4533", user="u", password=secret)
    assert secret not in repr(known) + repr(known.call({}))
    assert secret not in known.call({}).url
