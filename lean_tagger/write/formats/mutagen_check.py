"""The second reader: mutagen, which did not write what it reads here.

Every function gets a tag in memory with only our items, because mutagen loads and inflates
everything: 537 KB of MP3 took 1.5 GB.
"""

from collections.abc import Sequence
from io import BytesIO

from mutagen.apev2 import APEv2
from mutagen.asf import ASF
from mutagen.flac import VCFLACDict
from mutagen.id3 import ID3, TCON, ID3NoHeaderError
from mutagen.mp4 import Atoms, MP4Tags  # type: ignore[attr-defined]

from lean_tagger.system.containers import id3

# mutagen has no types for its constructors.
# mypy: disable-error-code="no-untyped-call"

GENRES: list[str] = list(TCON.GENRES)
"""The numbered genres of ID3v1, with Winamp's additions."""


def read_id3(tag: bytes) -> list[str] | None:
    """Return the values of the only frame of an ID3v2 tag; None if mutagen finds none."""
    try:
        frames = ID3(BytesIO(tag), load_v1=False, translate=True)
    except ID3NoHeaderError:
        return None
    if len(frames) != 1:
        return None
    (frame,) = frames.values()
    return [str(value) for value in (frame.genres if frame.FrameID == "TCON" else frame.text)]


def read_texts(
    frames: Sequence[bytes], version: int, *, unsynchronised: bool
) -> list[tuple[str, str, tuple[str, ...]]]:
    """Return id (as of v2.4), label and values of text, link and comment frames.

    Parameters
    ----------
    frames : Sequence[bytes]
        Whole frames of a tag of this version.
    version : int
        2, 3 or 4.
    unsynchronised : bool
        Whether v2.4 frames are unsynchronised.
    """
    body = b"".join(frames)
    if not body:
        return []
    head = id3.render(version, 0x80 if unsynchronised and version == 4 else 0, len(body))
    found = []
    for frame in ID3(BytesIO(head + body), load_v1=False, translate=True).values():
        texts = getattr(frame, "text", None) or [getattr(frame, "url", "")]
        texts = frame.genres if frame.FrameID == "TCON" else texts
        values = tuple(str(it) for it in ([texts] if isinstance(texts, str) else texts))
        found.append((str(frame.FrameID), str(getattr(frame, "desc", "")), values))
    return found


def read_vorbis(block: bytes) -> list[tuple[str, str]]:
    """Return keys and values of a Vorbis comment block without framing bit."""
    return [(str(k), str(v)) for k, v in VCFLACDict(BytesIO(block), errors="replace")]


def read_ape(tag: bytes) -> list[tuple[str, str]]:
    """Return keys and values of an APEv2 tag of text items."""
    items = APEv2(BytesIO(tag))
    return [(str(key), str(value)) for key in items for value in list(items[key])]


def read_mp4(moov: bytes) -> list[tuple[str, str]]:
    """Return keys and values of a moov atom with text items."""
    file = BytesIO(moov)
    return [
        (str(key), value.decode("utf-8") if isinstance(value, bytes) else str(value))
        for key, values in MP4Tags(Atoms(file), file).items()
        for value in values
    ]


def read_asf(header: bytes) -> list[tuple[str, str]]:
    """Return names and values of an ASF header."""
    return [(str(name), str(value)) for name, value in ASF(BytesIO(header)).tags or ()]
