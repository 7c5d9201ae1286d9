"""A server that stands for a player: it keeps what it was asked, and answers as it is told."""

import contextlib
import http.server
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass
class Asked:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class PlayerServer:
    url: str
    status: int = 200
    answer: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict)
    hang: threading.Event | None = None
    asked: list[Asked] = field(default_factory=list)


@contextlib.contextmanager
def player(**given: object) -> Iterator[PlayerServer]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def _answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length)
            said.asked.append(Asked(self.command, self.path, dict(self.headers), body))
            if said.hang is not None:
                said.hang.wait(60)
                return
            self.send_response(said.status)
            for name, value in said.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(said.answer)))
            self.end_headers()
            self.wfile.write(said.answer)

        do_GET = do_POST = _answer  # noqa: N815 - as the base class wants it

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    said = PlayerServer(f"http://127.0.0.1:{server.server_port}", **given)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield said
    finally:
        if said.hang is not None:
            said.hang.set()
        server.shutdown()
        server.server_close()
        thread.join()
