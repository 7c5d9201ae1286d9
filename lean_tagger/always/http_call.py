"""Make one request; this opens a connection, only with ``--notify``."""

import http.client
import threading
import urllib.error
import urllib.request
from typing import Any

from lean_tagger import __version__
from lean_tagger.always.players import Call

SECONDS = 15.0
"""Time-out of the whole request."""

_LARGEST_BYTES = 1 << 16  # of an answer; the part that we read is short


class CallFailedError(Exception):
    """There was no answer, or a refusal; the message contains no secrets."""


class _StayHere(urllib.request.HTTPRedirectHandler):
    """Refuses redirects: they would send our secret to another server."""

    def redirect_request(self, *_: Any) -> None:
        """Follow no redirect."""


def make(call: Call, *, seconds: float = SECONDS) -> bytes:
    """Make a request and return the start of its answer.

    Raises
    ------
    CallFailedError
        The server did not accept the request in time.
    """
    answers: list[bytes | str] = []
    # In a thread: a server that sends a byte now and then never reaches a socket's time-out.
    thread = threading.Thread(target=lambda: answers.append(_made(call, seconds)), daemon=True)
    thread.start()
    thread.join(seconds)
    answer = answers[0] if answers else f"no answer in {seconds:g} s"
    if isinstance(answer, str):
        raise CallFailedError(answer)
    return answer


def _made(call: Call, seconds: float) -> bytes | str:
    """Return the start of the answer, or what is wrong."""
    try:
        request = urllib.request.Request(  # noqa: S310 - `players` takes only http and https
            call.url,
            data=call.body,
            method=call.method,
            headers={"User-Agent": f"lean-tag/{__version__}", **call.headers},
        )
        opener = urllib.request.build_opener(_StayHere)
        with opener.open(request, timeout=seconds) as answer:
            return bytes(answer.read(_LARGEST_BYTES))
    except urllib.error.HTTPError as error:
        with error:
            return _meaning(error.code)
    except urllib.error.URLError as error:
        reason = error.reason
        return (reason.strerror if isinstance(reason, OSError) else None) or "no connection"
    except OSError as error:
        return error.strerror or "no answer in time"
    except (http.client.HTTPException, ValueError):  # their text quotes addresses and headers
        return "this is not HTTP, or the address or the secret is not valid"


def _meaning(status: int) -> str:
    if status in (401, 403):
        return f"it does not accept the secret (HTTP {status})"
    if 300 <= status < 400:
        return f"it redirects to another address, which must not get the secret (HTTP {status})"
    return f"HTTP {status}"
