"""Real audio files for the tests of tag writing, and an independent look at their audio."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import av
import numpy as np
from av.audio.frame import AudioFrame
from mutagen.ogg import OggPage

from lean_tagger import write
from lean_tagger.settings import WriteSettings

RATE = 44100
# kind: (container, encoder, sample format); every one is inside PyAV's wheel.
ENCODERS = {
    "mp3": ("mp3", "libmp3lame", "s16p"),
    "aac": ("adts", "aac", "fltp"),
    "m4a": ("ipod", "aac", "fltp"),
    "alac.m4a": ("ipod", "alac", "s16p"),
    "flac": ("flac", "flac", "s16"),
    "ogg": ("ogg", "vorbis", "fltp"),
    "opus": ("opus", "libopus", "s16"),
    "oga": ("ogg", "flac", "s16"),
    "wav": ("wav", "pcm_s16le", "s16"),
    "aiff": ("aiff", "pcm_s16be", "s16"),
    "wma": ("asf", "wmav2", "fltp"),
    "wv": ("wv", "wavpack", "s16p"),
    "tta": ("tta", "tta", "s16"),
    "mka": ("matroska", "flac", "s16"),
    "webm": ("webm", "libopus", "s16"),
}
# What FFmpeg cannot encode is built by hand, around audio that nobody would listen to.
KINDS = (*ENCODERS, "spx", "dsf", "dff", "mpc", "ape")


def make(
    path: Path,
    kind: str,
    seconds: float = 0.5,
    *,
    options: dict[str, str] | None = None,
) -> Path:
    """Make a new file of one of `KINDS`, with a short chord where it is encoded."""
    if kind not in ENCODERS:
        path.write_bytes(BUILDERS[kind]())
        return path
    container_format, encoder, sample_format = ENCODERS[kind]
    rate, layout = (48000 if kind in ("opus", "webm") else RATE), "stereo"
    time = np.arange(int(seconds * rate)) / rate
    tone = sum(np.sin(2 * np.pi * hz * time) for hz in (220.0, 277.2, 329.6)) / 4
    samples = np.repeat((tone * 32767).astype(np.int16), 2)[None, :]
    with av.open(str(path), "w", format=container_format, options=options or {}) as out:
        stream = out.add_stream(encoder, rate=rate, layout=layout)
        stream.format = sample_format
        stream.codec_context.options = {"strict": "experimental"}  # for vorbis
        stream.bit_rate = 128_000
        stream.codec_context.open()
        frame = AudioFrame.from_ndarray(samples, format="s16", layout=layout)
        frame.rate = rate
        frame.pts = 0
        size = stream.codec_context.frame_size or 1024
        resampler = av.AudioResampler(
            format=sample_format, layout=layout, rate=rate, frame_size=size
        )
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            out.mux(stream.encode(part))
        out.mux(stream.encode(None))
    return path


def _speex() -> bytes:
    numbers = (1, 80, 16000, 1, 4, 1, 0xFFFFFFFF, 320, 0, 1, 0, 0, 0)
    head = b"Speex   1.2".ljust(28, b"\0") + b"".join(n.to_bytes(4, "little") for n in numbers)
    comment = (4).to_bytes(4, "little") + b"made" + bytes(4)
    packets = ([head], [comment], [bytes([n]) * 40 for n in range(60)])
    pages = []
    for number, page_packets in enumerate(packets):
        page = OggPage()
        page.packets, page.serial, page.sequence = list(page_packets), 77, number
        page.first, page.last = number == 0, number == 2
        page.position = 320 * len(page_packets) if number == 2 else 0
        pages.append(page.write())
    return b"".join(pages)


def _dsf() -> bytes:
    numbers = (1, 0, 1, 1, 2822400, 1)
    fmt = b"fmt " + (52).to_bytes(8, "little")
    fmt += b"".join(n.to_bytes(4, "little") for n in numbers)
    fmt += (32768).to_bytes(8, "little") + (4096).to_bytes(4, "little") + bytes(4)
    data = b"data" + (12 + 4096).to_bytes(8, "little") + b"\x69" * 4096
    size = 28 + len(fmt) + len(data)
    head = b"DSD " + (28).to_bytes(8, "little") + size.to_bytes(8, "little") + bytes(8)
    return head + fmt + data


def dff(bits: bytes, rate: int = 2822400) -> bytes:
    """Return a DSDIFF file with one channel of these bits, the first one highest."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return name + len(data).to_bytes(8, "big") + data + bytes(len(data) % 2)

    properties = b"SND " + chunk(b"FS  ", rate.to_bytes(4, "big"))
    properties += chunk(b"CHNL", (1).to_bytes(2, "big") + b"C000")
    properties += chunk(b"CMPR", b"DSD \x0enot compressed\0")
    version = chunk(b"FVER", (0x01050000).to_bytes(4, "big"))
    return chunk(b"FRM8", b"DSD " + version + chunk(b"PROP", properties) + chunk(b"DSD ", bits))


def _musepack() -> bytes:
    # Stream version 7: frames, flags, gains, encoder; then bits that decode to something.
    return b"MP+\x07" + (3).to_bytes(4, "little") + bytes(20) + bytes(range(256)) * 4


def _monkey() -> bytes:
    # Version 3990: descriptor, header (one frame, mono, 16 bit), seek table, no audio.
    sizes = (52, 24, 4, 0, 64, 0, 0)
    descriptor = b"MAC " + (3990).to_bytes(2, "little") + bytes(2)
    descriptor += b"".join(n.to_bytes(4, "little") for n in sizes) + bytes(16)
    header = (2000).to_bytes(2, "little") + bytes(2)
    header += b"".join(n.to_bytes(4, "little") for n in (73728, 16, 1))
    header += (16).to_bytes(2, "little") + (1).to_bytes(2, "little")
    header += RATE.to_bytes(4, "little")
    return descriptor + header + (80).to_bytes(4, "little") + bytes(64)


BUILDERS = {
    "spx": _speex,
    "dsf": _dsf,
    "dff": lambda: dff(b"\x69" * 4096),
    "mpc": _musepack,
    "ape": _monkey,
}


def fingerprint(path: str) -> str:
    """Return a digest of a file's decoded audio; damaged packets are left out.

    FFmpeg's decoder of MPEG-4 ALS gives other samples each time that it reads a damaged
    file, so of such a file the packets count.
    """
    hasher = hashlib.sha256()
    # PyAV 19 knows no such option any more: it decodes metadata when it is asked for.
    options = {"metadata_errors": "replace"} if av.__version__.startswith("18.") else {}
    with av.open(f"file:{path}", **options) as container:
        for stream in container.streams:
            if stream.type == "audio":
                try:
                    for packet in container.demux(stream):
                        if stream.codec_context.name == "als":
                            hasher.update(bytes(packet))
                        else:
                            _add(hasher, packet.stream.type, _decoded(packet))
                except av.FFmpegError as error:  # junk behind the audio ends it
                    hasher.update(type(error).__name__.encode())
                break
    return hasher.hexdigest()


def _decoded(packet: av.Packet) -> list[AudioFrame]:
    try:
        return list(packet.decode())
    except (av.FFmpegError, ValueError):
        return []


def _add(hasher: "hashlib._Hash", kind: str, frames: Iterable[AudioFrame]) -> None:
    for frame in frames:
        hasher.update(f"{kind} {frame.format.name} {frame.layout.name} {frame.rate}".encode())
        hasher.update(frame.to_ndarray().tobytes())


def in_full(
    path: str | Path, changes: Mapping[str, Sequence[str]]
) -> tuple[dict[str, tuple[str, ...]], dict[str, tuple[str, ...]]]:
    """Return what `write.Edit.in_full` does, of a file that is not written."""
    with write.edit(str(path), ways=WriteSettings()) as edit:
        full, previous = edit.in_full(changes)
        return dict(full), dict(previous)
