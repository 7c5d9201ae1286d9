"""Request a file from a server.

Only ``lean-tag models get NAME`` uses this. The system's proxy settings are used (``http_proxy``,
``https_proxy``, ``no_proxy``). Addresses are http or https. A server may redirect to another of
its own addresses, but to another server only if the user has named it.
"""

import contextlib
import http.client
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import IO, Any, NoReturn, TypeVar
from urllib.parse import urljoin, urlsplit

import lean_tagger
from lean_tagger.errors import ConfigError, DownloadError

BLOCK_BYTES = 1 << 16

LEAST_BYTES_PER_SECOND = 100
"""Slower than this, over the user's time-out, does not count as progress."""

_MOST_REDIRECTS = 5
_PORTS = {"http": 80, "https": 443}

_Result = TypeVar("_Result")


class ElsewhereError(DownloadError):
    """The server redirects to another one, which the user has not allowed.

    Attributes
    ----------
    what : str
        The message, without what to do about it.
    host : str
        The other server, as the user would name it.
    """

    def __init__(self, url: str, host: str) -> None:
        self.what = f"{url} redirects to another server, {host}"
        self.host = host
        super().__init__(f"{self.what}; if you trust it, add --redirect-to {host}")


@dataclass(frozen=True, slots=True)
class Answer:
    """A server's answer, before the file's bytes.

    Attributes
    ----------
    status : int
        200 for the whole file, 206 for the rest of it, 416 if there is no rest.
    url : str
        The final address.
    headers : http.client.HTTPMessage
        The headers.
    body : file
        The bytes.
    """

    status: int
    url: str
    headers: http.client.HTTPMessage
    body: Any  # http.client.HTTPResponse, or the body of an HTTPError

    def blocks(self, patience_seconds: float) -> Iterator[bytes]:
        """Yield the bytes as they come, at most `BLOCK_BYTES` at a time.

        Raises
        ------
        DownloadError
            The connection broke, or almost nothing came for too long.
        """
        since, got_bytes = time.monotonic(), 0
        with _told(self.url):
            while block := self.body.read1(BLOCK_BYTES):
                yield block
                got_bytes += len(block)
                seconds = time.monotonic() - since
                if seconds >= patience_seconds:
                    if got_bytes < LEAST_BYTES_PER_SECOND * seconds:
                        raise DownloadError(
                            f"{self.url}: only {got_bytes} bytes arrived in {seconds:.0f} s; try "
                            "again later, or with a longer --timeout"
                        )
                    since, got_bytes = time.monotonic(), 0


@contextlib.contextmanager
def asked(
    url: str, headers: dict[str, str], *, hosts: Collection[str], patience_seconds: float
) -> Iterator[Answer]:
    """Request a file, and yield the answer.

    Parameters
    ----------
    url : str
        Its address.
    headers : dict
        Headers to send.
    hosts : collection of str
        Other servers that are allowed: ``name`` or ``name:port``.
    patience_seconds : float
        Longest time without progress.

    Raises
    ------
    ConfigError
        It is not an address of http or https.
    DownloadError
        The server does not answer, or the answer is not a file.
    """
    check(url)
    request = urllib.request.Request(  # noqa: S310 - `check` has checked the scheme
        url,
        headers={"User-Agent": f"lean-tag/{lean_tagger.__version__}", "Accept": "*/*", **headers},
    )
    opener = _opener(hosts)

    def ask() -> Any:
        return opener.open(request, timeout=patience_seconds)

    with _told(url):
        try:
            response = _within(patience_seconds, ask, url)
        except urllib.error.HTTPError as error:
            if error.code != 416:
                raise
            response = error
    with contextlib.closing(response):
        if response.status not in {200, 206, 416}:
            _refused(url, response.status, str(response.reason))
        if response.status != 416:
            _refuse_page(url, response.headers)
        yield Answer(response.status, response.url, response.headers, response)


def check(url: str) -> None:
    """Refuse text that is not the address of a file.

    Raises
    ------
    ConfigError
        Its scheme is neither http nor https, it names no server, or contains a password.
    """
    try:
        parts = urlsplit(url)
        good = parts.scheme in _PORTS and bool(parts.hostname) and parts.username is None
        good = good and (parts.port is None or parts.port > 0)
    except ValueError:  # a port that is not a number, brackets that do not close
        good = False
    if not good or not url.isascii() or not url.isprintable() or " " in url:
        raise ConfigError(f"{url!r} is not the address of a file")


def host_of(url: str) -> str:
    """Return the server of an address, with its port if it is not the default."""
    parts = urlsplit(url)
    usual = parts.port in {None, _PORTS.get(parts.scheme)}
    return f"{parts.hostname}" if usual else f"{parts.hostname}:{parts.port}"


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows only allowed redirects."""

    max_redirections = _MOST_REDIRECTS
    max_repeats = 2

    def __init__(self, hosts: Collection[str]) -> None:
        self._hosts = frozenset(hosts)

    def http_error_302(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
    ) -> Any:
        """Follow a redirect; the name is urllib's."""
        try:
            self._check(req.full_url, headers.get("location") or headers.get("uri") or "")
        except DownloadError:
            fp.close()
            raise
        return super().http_error_302(req, fp, code, msg, headers)

    def _check(self, url: str, location: str) -> None:
        target = urljoin(url, location)
        try:
            check(target)
        except ConfigError as error:
            raise DownloadError(
                f"{url} redirects to {location!r}, which is not an address of http or https"
            ) from error
        if url.startswith("https:") and not target.startswith("https:"):
            raise DownloadError(
                f"{url} redirects to {target}, where the connection would not be safe"
            )
        host = host_of(target)
        if host not in self._hosts | {host_of(url)}:
            raise ElsewhereError(url, host)

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302


def _opener(hosts: Collection[str]) -> urllib.request.OpenerDirector:
    """Return an opener for http and https only: by default urllib also opens files and ftp."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.HTTPDefaultErrorHandler(),
        _Redirects(hosts),
        urllib.request.UnknownHandler(),
    ):
        opener.add_handler(handler)
    return opener


def _within(seconds: float, work: Callable[[], _Result], url: str) -> _Result:
    """Return the result of some work, if it finishes in time.

    A socket's time-out is for each call: a server that sends its headers letter by letter never
    reaches it, and name resolution has no limit at all.
    """
    came: list[_Result] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            came.append(work())
        except BaseException as error:  # noqa: BLE001 - raised below, where somebody waits for it
            failed.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds + 1)  # the socket's own time-out gives a better error, so it may come first
    if failed:
        raise failed[0]
    if not came:
        raise DownloadError(f"{url}: no answer in {seconds:g} s; try again later")
    return came[0]


def _refuse_page(url: str, headers: http.client.HTTPMessage) -> None:
    """Refuse an answer that is not the plain file."""
    kind = headers.get_content_type()
    if headers.get("Content-Type") and kind in {"text/html", "application/xhtml+xml"}:
        raise DownloadError(
            f"{url} is a web page, not the file; the file may have been moved, or this network "
            "wants you to log in first"
        )
    if headers.get("Content-Encoding", "identity").strip().lower() not in {"", "identity"}:
        raise DownloadError(f"{url} is sent compressed, which was not requested")


@contextlib.contextmanager
def _told(url: str) -> Iterator[None]:
    """Translate errors of urllib and sockets into a sentence."""
    try:
        yield
    except urllib.error.HTTPError as error:
        error.close()
        _refused(url, error.code, str(error.reason))
    except urllib.error.URLError as error:
        reason = error.reason
        if isinstance(reason, TimeoutError):
            _late(url)
        text = getattr(reason, "strerror", None) or str(reason)
        raise DownloadError(f"cannot reach {url}: {text}") from error
    except TimeoutError:
        _late(url)
    except http.client.InvalidURL as error:
        raise ConfigError(f"{url!r} is not the address of a file") from error
    except (http.client.HTTPException, OSError) as error:
        text = getattr(error, "strerror", None) or type(error).__name__
        raise DownloadError(
            f"{url}: the connection broke ({text}); the same command goes on from there"
        ) from error


def _late(url: str) -> NoReturn:
    raise DownloadError(
        f"{url}: nothing arrived for too long; the same command goes on from there, with a longer "
        "--timeout if necessary"
    ) from None


def _refused(url: str, code: int, reason: str) -> NoReturn:
    what = {
        401: "it wants a password",
        403: "it may not be fetched",
        404: "it is not there; --url names another address",
        407: "the proxy wants a password: put it into https_proxy",
        410: "it is not there any more; --url names another address",
        429: "the server has too many requests; try again later",
    }.get(code, "try again later" if code >= 500 else "--url names another address")
    if 300 <= code < 400:
        what = "it redirects without end"
    shown = reason if reason.isprintable() and len(reason) < 60 else ""
    raise DownloadError(f"{url}: {' '.join(filter(None, (f'{code}', shown)))}: {what}") from None
