"""What PyAV raises, in our own terms."""

from collections.abc import Iterator
from contextlib import contextmanager

import av

from lean_tagger.errors import DecodeError, FileError, OverBudgetError, UnreadableError

SLIPS = (ArithmeticError, AssertionError, AttributeError, LookupError, RuntimeError, TypeError)
"""Errors of PyAV itself on odd files, not of FFmpeg. Seen: IndexError at the end of a chained Ogg
with a cover in each link, for a stream that was not there before."""


@contextmanager
def ffmpeg_errors(path: str) -> Iterator[None]:
    """Translate PyAV's exceptions; nothing else knows them.

    PyAV's errors also derive from the builtin that they resemble (ValueError, OSError …), and
    a sample rate or layout that it cannot represent raises a plain ValueError.
    """
    try:
        yield
    except FileError:
        raise
    except (av.error.DecoderNotFoundError, NotImplementedError) as error:
        raise DecodeError(path, "FFmpeg has no decoder for this audio") from error
    except (av.error.InvalidDataError, av.error.ArgumentError) as error:
        raise DecodeError(path, "not an audio file, or damaged beyond reading") from error
    except MemoryError as error:  # PyAV's own derives from it
        message = "decoding it takes more memory than the budget allows"
        raise OverBudgetError(path, message) from error
    except (av.error.FFmpegError, ValueError, LookupError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise DecodeError(path, f"FFmpeg cannot read the file: {reason}") from error
    except OSError as error:  # from our own reading, through FFmpeg
        raise UnreadableError(path, f"reading failed: {error.strerror}") from error
