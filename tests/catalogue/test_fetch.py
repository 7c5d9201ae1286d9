"""Fetching one file from a server that behaves well, or badly."""

import contextlib
import hashlib
import io
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.client import HTTPMessage
from pathlib import Path
from urllib.request import Request

import pytest
from disks import mounted
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from modelserver import (
    ModelServer,
    answering,
    cut_after,
    drip,
    endless,
    hang_after,
    serving,
    slow_headers,
    to,
)
from pace import slowdown, took_no_longer_than
from thinned import thinned

from lean_tagger.catalogue import http_get
from lean_tagger.catalogue.fetch import Manners, Wanted, fetch, part_path
from lean_tagger.catalogue.http_get import ElsewhereError
from lean_tagger.catalogue.partial_file import PartialFile, sweep
from lean_tagger.errors import ConfigError, DownloadError, LeanTagError, LockedError, StateError

CONTENT = bytes(range(256)) * 1000
SHA256 = hashlib.sha256(CONTENT).hexdigest()
MANNERS = Manners(patience_seconds=5)
IMPATIENT = Manners(patience_seconds=0.5)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelServer]:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    with serving() as running:
        running.files["file.onnx"] = CONTENT
        yield running


def get(
    server: ModelServer | str,
    folder: Path,
    *,
    manners: Manners = MANNERS,
    most_bytes: int = 1 << 20,
    **known: object,
) -> str:
    """Fetch the file, and return its SHA-256."""
    url = server if isinstance(server, str) else f"{server.url}file.onnx"
    wanted = Wanted(url=url, most_bytes=most_bytes, **known)  # type: ignore[arg-type]
    with PartialFile(part_path(folder, url)) as part:
        return fetch(wanted, part, manners, lambda *_: None)


def parts(folder: Path) -> list[int]:
    """Return the lengths of the parts that are kept."""
    return [it.stat().st_size for it in folder.glob("*.part")]


# What comes


def test_a_file_comes_whole(server, tmp_path):
    assert get(server, tmp_path) == SHA256
    assert parts(tmp_path) == [len(CONTENT)]
    assert server.asked[0][1]["User-Agent"].startswith("lean-tag/")


@pytest.mark.parametrize("known", [{}, {"size_bytes": len(CONTENT)}, {"sha256": SHA256}])
def test_a_file_that_was_cut_off_is_gone_on_with(known, server, tmp_path):
    server.behaves["file.onnx"] = cut_after(100_000)
    with pytest.raises(DownloadError, match=r"cut off after 100,000 of 256,000 bytes; the same"):
        get(server, tmp_path, **known)
    assert parts(tmp_path) == [100_000]
    assert get(server, tmp_path, **known) == SHA256
    first, second = (headers for _, headers in server.asked)
    assert "Range" not in first
    assert second["Range"] == "bytes=100000-"
    assert second["If-Range"].startswith('"')


def test_a_file_that_became_another_meanwhile_comes_again_from_the_start(server, tmp_path):
    server.behaves["file.onnx"] = cut_after(100_000)
    with pytest.raises(DownloadError):
        get(server, tmp_path)
    server.files["file.onnx"] = new = CONTENT[::-1]
    assert get(server, tmp_path) == hashlib.sha256(new).hexdigest()


@pytest.mark.parametrize(("known", "asks"), [({}, False), ({"sha256": SHA256}, True)])
def test_without_a_validator_only_a_checksum_allows_to_go_on(known, asks, server, tmp_path):
    server.validators = False
    server.behaves["file.onnx"] = cut_after(100_000)
    with pytest.raises(DownloadError):
        get(server, tmp_path, **known)
    assert get(server, tmp_path, **known) == SHA256
    assert ("Range" in server.asked[1][1]) is asks


def test_a_file_that_is_there_whole_does_not_come_again(server, tmp_path):
    for _ in range(2):
        assert get(server, tmp_path) == SHA256
    assert server.asked[1][1]["Range"] == f"bytes={len(CONTENT)}-"


def test_a_part_longer_than_the_file_is_thrown_away(server, tmp_path):
    get(server, tmp_path)
    server.files["file.onnx"] = CONTENT[:1000]
    server.validators = False
    assert get(server, tmp_path, sha256=SHA256) == hashlib.sha256(CONTENT[:1000]).hexdigest()


def test_another_part_than_was_asked_for_is_refused(server, tmp_path):
    server.behaves["file.onnx"] = cut_after(1000)
    with pytest.raises(DownloadError):
        get(server, tmp_path)
    server.behaves["file.onnx"] = answering(206, b"x", Content_Range="bytes 5-5/256000")
    with pytest.raises(DownloadError, match="another part"):
        get(server, tmp_path)
    assert parts(tmp_path) == []


# What does not


@pytest.mark.parametrize("status", [401, 403, 404, 410, 429, 500, 503, 304, 204])
def test_an_answer_that_is_no_file_is_one_sentence(status, server, tmp_path):
    server.behaves["file.onnx"] = answering(status)
    with pytest.raises(DownloadError, match=rf"file\.onnx: {status}") as caught:
        get(server, tmp_path)
    assert "\n" not in str(caught.value)
    assert parts(tmp_path) == []


def test_a_page_is_no_file(server, tmp_path):
    page = b"<html>please log in</html>"
    server.behaves["file.onnx"] = answering(200, page, kind="text/html; charset=utf-8")
    with pytest.raises(DownloadError, match="is a web page, not the file"):
        get(server, tmp_path)
    assert parts(tmp_path) == []


def test_what_comes_packed_is_refused(server, tmp_path):
    server.behaves["file.onnx"] = answering(200, b"x", Content_Encoding="gzip")
    with pytest.raises(DownloadError, match="sent compressed"):
        get(server, tmp_path)


def test_an_empty_file_is_none(server, tmp_path):
    server.files["file.onnx"] = b""
    with pytest.raises(DownloadError, match="is empty"):
        get(server, tmp_path)
    assert parts(tmp_path) == []


def test_a_body_without_an_end_is_not_taken_for_long(server, tmp_path):
    server.behaves["file.onnx"] = endless
    with pytest.raises(DownloadError, match="longer than 1 MiB"):
        get(server, tmp_path)
    assert parts(tmp_path) == []


def test_a_file_that_is_too_long_is_refused_before_it_comes(server, tmp_path):
    with pytest.raises(DownloadError, match="longer than 1000 B"):
        get(server, tmp_path, most_bytes=1000)
    assert parts(tmp_path) == []


@pytest.mark.parametrize("size_bytes", [len(CONTENT) - 1, len(CONTENT) + 1])
@pytest.mark.parametrize("says", [True, False], ids=["length said", "no length"])
def test_another_length_than_the_known_one_is_refused(size_bytes, says, server, tmp_path):
    if not says:

        def unsaid(handler, content):
            handler.begin(200, None, content)
            handler.wfile.write(content)

        server.behaves["file.onnx"] = unsaid
    with pytest.raises(DownloadError, match=r"that are known|cut off"):
        get(server, tmp_path, size_bytes=size_bytes)


@thinned("how", [hang_after(1000), drip, hang_after(0), slow_headers], fast=2)
def test_a_server_that_is_too_slow_is_given_up(how, server, tmp_path):
    server.behaves["file.onnx"] = how
    started = time.monotonic()
    with pytest.raises(DownloadError, match=r"arrived|no answer"):
        get(server, tmp_path, manners=IMPATIENT)
    assert took_no_longer_than(4, since=started)


def test_a_slow_body_that_makes_progress_is_waited_for(server, tmp_path):
    """All of it takes longer than nothing may happen."""

    def slow(handler, content):
        handler.begin(200, len(content), content)
        for start in range(0, len(content), 20_000):
            handler.wfile.write(content[start : start + 20_000])
            time.sleep(0.1 * times)

    times = slowdown()
    server.behaves["file.onnx"] = slow
    assert get(server, tmp_path, manners=Manners(patience_seconds=0.8 * times)) == SHA256


def test_nobody_there_is_one_sentence(tmp_path):
    with serving() as stopped:
        url = f"{stopped.url}file.onnx"
    with pytest.raises(DownloadError, match=r"cannot reach .*: Connection refused"):
        get(url, tmp_path)
    with pytest.raises(DownloadError, match="cannot reach"):
        get("http://nowhere.invalid/file.onnx", tmp_path)


def test_a_server_that_does_not_speak_http_is_one_sentence(tmp_path):
    with serving() as server:
        server.files["file.onnx"] = CONTENT
        server.behaves["file.onnx"] = lambda handler, _: handler.wfile.write(b"220 hello\r\n")
        with pytest.raises(DownloadError, match=r"the connection broke \(BadStatusLine\)"):
            get(server, tmp_path)


# Where it may come from


@pytest.mark.parametrize(
    "url",
    [
        *("file:///etc/passwd", "ftp://example.org/a", "data:,x", "//example.org/a", "a.onnx", ""),
        *("http://", "http:///a", "http://user:word@example.org/a", "http://example.org:x/a"),
        *("http://example.org/a b", "http://example.org/a\nHost: b", "http://[::1/a", "http://é/a"),
    ],
)
def test_what_is_no_address_is_refused_before_anything_is_asked(url):
    with pytest.raises(ConfigError, match="not the address"):
        http_get.check(url)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_on_the_same_server_is_followed(status, server, tmp_path):
    server.files["moved.onnx"] = b""
    server.behaves["moved.onnx"] = to("/file.onnx", status)
    assert get(f"{server.url}moved.onnx", tmp_path) == SHA256


def test_a_redirect_to_another_server_is_refused_unless_that_is_named(server, tmp_path):
    with serving() as other:
        other.files["file.onnx"] = CONTENT
        host = other.url.split("/")[2]
        server.behaves["file.onnx"] = to(f"{other.url}file.onnx")
        with pytest.raises(ElsewhereError, match=f"add --redirect-to {host}") as caught:
            get(server, tmp_path)
        assert caught.value.host == host
        assert other.asked == []
        manners = Manners(hosts=[host], patience_seconds=5)
        assert get(server, tmp_path, manners=manners) == SHA256


@pytest.mark.parametrize(
    "location", ["file:///etc/passwd", "ftp://127.0.0.1/a", "gopher:x", "http://u:p@127.0.0.1/a"]
)
def test_a_redirect_to_what_is_no_server_is_refused(location, server, tmp_path):
    server.behaves["file.onnx"] = to(location)
    with pytest.raises(DownloadError, match="not an address of http or https"):
        get(server, tmp_path)


def test_a_redirect_from_https_to_http_is_refused():
    """As the handler is told of it: no server of a test has a certificate."""
    headers = HTTPMessage()
    headers["Location"] = "http://127.0.0.1/a"
    request = Request("https://127.0.0.1/a")
    with pytest.raises(DownloadError, match="would not be safe"):
        http_get._Redirects([]).http_error_302(request, io.BytesIO(), 302, "Found", headers)


def test_a_server_that_sends_us_round_in_circles_is_left(server, tmp_path):
    server.behaves["file.onnx"] = to("/file.onnx")
    with pytest.raises(DownloadError, match="redirects without end"):
        get(server, tmp_path)
    assert len(server.asked) < 10


def test_the_systems_proxy_is_used(server, tmp_path, monkeypatch):
    monkeypatch.setenv("http_proxy", server.url)
    assert get("http://models.invalid/file.onnx", tmp_path) == SHA256
    assert server.asked[0][1]["Host"] == "models.invalid"


# Where it goes


def test_two_at_a_time_are_refused(server, tmp_path):
    url = f"{server.url}file.onnx"
    with PartialFile(part_path(tmp_path, url)), pytest.raises(LockedError):
        get(server, tmp_path)


def test_a_full_disk_is_one_sentence_and_gives_the_space_back(server, tmp_path):
    with mounted(
        "-t", "tmpfs", "-o", "size=64k", "tmpfs", at=tmp_path / "small", may_skip=True
    ) as small:
        with pytest.raises(StateError, match="no room in"):
            get(server, small)
        assert parts(small) == []
        assert (small / "space").write_bytes(bytes(32 << 10))


def test_a_limit_of_the_process_is_like_a_full_disk(server, tmp_path):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))
    try:
        with pytest.raises(StateError, match="no room in"):
            get(server, tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert parts(tmp_path) == []


def test_a_folder_that_cannot_be_made_is_named(server, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StateError, match="LEAN_TAG_MODELS"):
        get(server, tmp_path / "file" / "below")


def test_a_link_in_the_parts_place_is_not_followed(server, tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("mine")
    part_path(tmp_path, f"{server.url}file.onnx").symlink_to(victim)
    with pytest.raises(StateError):
        get(server, tmp_path)
    assert victim.read_text() == "mine"


def test_old_parts_are_swept_and_new_ones_are_not(tmp_path):
    for name, age in (("old.part", 40 * 24 * 3600), ("new.part", 60), ("record.json", 1e8)):
        (tmp_path / name).write_text("x")
        os.utime(tmp_path / name, (time.time() - age,) * 2)
    sweep(tmp_path)
    assert sorted(it.name for it in tmp_path.iterdir()) == ["new.part", "record.json"]


def test_an_interrupted_fetch_keeps_what_has_come(server, tmp_path):
    reached = threading.Event()
    server.behaves["file.onnx"] = hang_after(50_000, reached)
    script = (
        "import sys\nsys.path.insert(0, 'tests')\nfrom pathlib import Path\n"
        "from catalogue.test_fetch import get\n"
        f"get({server.url!r} + 'file.onnx', Path({str(tmp_path)!r}))"
    )
    run = subprocess.Popen(
        [sys.executable, "-c", script], cwd=Path(__file__).parents[2], stderr=subprocess.PIPE
    )
    assert reached.wait(300)
    while parts(tmp_path) != [50_000]:
        assert run.poll() is None
        time.sleep(0.01)
    run.send_signal(signal.SIGINT)
    _, said = run.communicate(timeout=300)
    assert b"KeyboardInterrupt" in said
    del server.behaves["file.onnx"]
    assert get(server, tmp_path) == SHA256
    assert server.asked[-1][1]["Range"] == "bytes=50000-"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(answer=st.binary(max_size=400), status=st.sampled_from([None, b"200 OK", b"206 Part"]))
def test_whatever_a_server_says_is_a_file_or_one_sentence(answer, status, server, tmp_path):
    head = b"" if status is None else b"HTTP/1.1 " + status + b"\r\n"
    server.behaves["file.onnx"] = lambda handler, _: handler.wfile.write(head + answer)
    with contextlib.suppress(LeanTagError):  # and nothing else
        get(server, tmp_path, manners=IMPATIENT)
