"""A server on 127.0.0.1 that behaves well, or badly in one of many ways; its sockets are real."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from zlib import crc32

Behaviour = Callable[["Handler", bytes], None]


class ModelServer(ThreadingHTTPServer):
    """Serves what is in `files`; what `behaves` names a path for is done instead.

    Attributes
    ----------
    files : dict
        Content by path, without the first slash.
    behaves : dict
        Behaviour by path.
    asked : list of (str, dict)
        Path and headers of each request.
    validators : bool
        Whether ETag and Last-Modified are sent.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {}
        self.behaves: dict[str, Behaviour] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.validators = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/"

    def paths(self) -> list[str]:
        return [path for path, _ in self.asked]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: ModelServer

    def do_GET(self) -> None:
        path = self.path.partition("://")[2].partition("/")[2] if "://" in self.path else None
        path = self.path.lstrip("/") if path is None else path  # else we are a proxy
        self.server.asked.append((path, dict(self.headers.items())))
        self.close_connection = True
        if path not in self.server.files:
            self.send_error(404)
            return
        content = self.server.files[path]
        self.server.behaves.get(path, whole)(self, content)

    def begin(self, status: int, length: int | None, content: bytes, **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", headers.pop("kind", "application/octet-stream"))
        if length is not None:
            self.send_header("Content-Length", str(length))
        if self.server.validators:
            self.send_header("ETag", f'"{crc32(content):08x}"')
            self.send_header("Last-Modified", formatdate(1e9, usegmt=True))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Connection", "close")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


def whole(handler: Handler, content: bytes) -> None:
    """Behave: the whole file, or the rest of it if that is asked for and the file is the same."""
    wanted = handler.headers.get("Range", "")
    same = handler.headers.get("If-Range") in {None, f'"{crc32(content):08x}"'}
    if wanted.startswith("bytes=") and same:
        start = int(wanted.removeprefix("bytes=").rstrip("-"))
        if start >= len(content):
            handler.begin(416, 0, content, Content_Range=f"bytes */{len(content)}")
            return
        place = f"bytes {start}-{len(content) - 1}/{len(content)}"
        handler.begin(206, len(content) - start, content, Content_Range=place)
        handler.wfile.write(content[start:])
        return
    handler.begin(200, len(content), content)
    handler.wfile.write(content)


def cut_after(count: int) -> Behaviour:
    """Return: promise all, and hang up after some bytes; once, then behave."""

    def behave(handler: Handler, content: bytes) -> None:
        del handler.server.behaves[handler.path.lstrip("/")]
        handler.begin(200, len(content), content)
        handler.wfile.write(content[:count])

    return behave


def answering(status: int, content: bytes = b"", **headers: str) -> Behaviour:
    """Return: this answer, whatever is asked for."""

    def behave(handler: Handler, _: bytes) -> None:
        handler.begin(status, len(content), content, **headers)
        handler.wfile.write(content)

    return behave


def to(location: str, status: int = 302) -> Behaviour:
    """Return: send them there."""
    return answering(status, Location=location)


def endless(handler: Handler, content: bytes) -> None:
    """Never stop sending, and do not say how much it will be."""
    handler.begin(200, None, content)
    with _gone():
        while True:
            handler.wfile.write(bytes(1 << 16))


def drip(handler: Handler, content: bytes) -> None:
    """Send a byte now and then."""
    handler.begin(200, len(content), content)
    with _gone():
        for byte in content:
            handler.wfile.write(bytes([byte]))
            handler.wfile.flush()
            time.sleep(0.1)


def hang_after(count: int, reached: threading.Event | None = None) -> Behaviour:
    """Return: send some bytes, and then nothing for a long time."""

    def behave(handler: Handler, content: bytes) -> None:
        handler.begin(200, len(content), content)
        handler.wfile.write(content[:count])
        handler.wfile.flush()
        if reached is not None:
            reached.set()
        time.sleep(60)

    return behave


def slow_headers(handler: Handler, _: bytes) -> None:
    """Send the headers letter by letter."""
    with _gone():
        for letter in b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 1000:
            handler.wfile.write(bytes([letter]))
            handler.wfile.flush()
            time.sleep(0.1)


@contextmanager
def _gone() -> Iterator[None]:
    """Do not mind that nobody listens any more."""
    with suppress(OSError):
        yield


@contextmanager
def serving() -> Iterator[ModelServer]:
    """Give a server that runs."""
    server = ModelServer()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
