"""What FFmpeg is shown of a file: no pictures, no tables; and what it makes of it."""

import base64
import contextlib
import os
from collections.abc import Callable
from pathlib import Path

import av
import mutagen.aiff
import mutagen.flac
import mutagen.id3
import mutagen.mp3
import mutagen.mp4
import mutagen.oggopus
import mutagen.oggvorbis
import mutagen.wave
import pytest
import soundfile
from encode import encode, music
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from thinned import thinned

from lean_tagger.errors import FileError
from lean_tagger.listen.decode import fingerprint, hide_metadata, open_audio
from lean_tagger.listen.decode.masked_file import Mask, MaskedFile

COVER = os.urandom(1 << 16) * 192  # 12 MiB: fits one FLAC block


def _id3(tags: object) -> None:
    assert isinstance(tags, mutagen.id3.ID3)
    tags.add(mutagen.id3.APIC(encoding=0, mime="image/png", type=3, data=COVER))


def _mp3(path: Path) -> None:
    file = mutagen.mp3.MP3(path)
    _id3(file.tags)
    file.save()


def _wav(path: Path) -> None:
    file = mutagen.wave.WAVE(path)
    file.add_tags()
    _id3(file.tags)
    file.save()


def _aiff(path: Path) -> None:
    file = mutagen.aiff.AIFF(path)
    file.add_tags()
    _id3(file.tags)
    file.save()


def _picture() -> mutagen.flac.Picture:
    picture = mutagen.flac.Picture()
    picture.type, picture.mime, picture.data = 3, "image/png", COVER
    return picture


def _flac(path: Path) -> None:
    file = mutagen.flac.FLAC(path)
    file.add_picture(_picture())
    file.add_picture(_picture())
    file.save()


def _ogg(path: Path) -> None:
    kind = mutagen.oggopus.OggOpus if path.suffix == ".opus" else mutagen.oggvorbis.OggVorbis
    file = kind(path)
    file["metadata_block_picture"] = [base64.b64encode(_picture().write()).decode()]
    file.save()


def _m4a(path: Path) -> None:
    file = mutagen.mp4.MP4(path)
    file["covr"] = [mutagen.mp4.MP4Cover(COVER, mutagen.mp4.MP4Cover.FORMAT_PNG)]
    file.save()


COVERED: dict[str, tuple[str, Callable[[Path], None]]] = {
    "mp3": ("libmp3lame", _mp3),
    "wav": ("pcm_s16le", _wav),
    "aiff": ("pcm_s16be", _aiff),
    "flac": ("flac", _flac),
    "ogg": ("vorbis", _ogg),
    "opus": ("libopus", _ogg),
    "m4a": ("aac", _m4a),
    "mp4": ("alac", _m4a),
}


def made(path: Path, codec: str, seconds: float, rate: int) -> Path:
    """Encode some music; Vorbis by libsndfile, since PyAV's wheels have no good encoder."""
    if codec == "vorbis":
        soundfile.write(path, music(seconds, rate).T, rate, format="OGG", subtype="VORBIS")
        return path
    return encode(path, music(seconds, rate), rate, codec)


def bytes_read() -> int:
    """Return what this process has read so far, by the kernel's count."""
    for line in Path("/proc/self/io").read_text().splitlines():
        if line.startswith("rchar:"):
            return int(line.split()[1])
    raise AssertionError


@thinned("suffix", COVERED, fast=2)
def test_a_cover_is_not_even_read_and_the_audio_is_the_same(tmp_path: Path, suffix: str) -> None:
    codec, cover = COVERED[suffix]
    path = made(tmp_path / f"song.{suffix}", codec, 2, 48000)
    bare_bytes, before = path.stat().st_size, fingerprint(str(path), decoder="ffmpeg")
    cover(path)
    assert path.stat().st_size > bare_bytes + len(COVER)
    already = bytes_read()
    assert fingerprint(str(path), decoder="ffmpeg") == before
    assert bytes_read() - already < 4 * bare_bytes + (2 << 20)


def test_a_cover_at_the_end_of_a_wav_is_no_audio(tmp_path: Path) -> None:
    path = encode(tmp_path / "song.wav", music(1, 44100), 44100, "pcm_s16le")
    _wav(path)
    with open_audio(str(path), decoder="ffmpeg") as audio:
        for _ in audio:
            pass
        assert audio.seconds == pytest.approx(1)


@pytest.mark.parametrize(
    ("codec", "suffix", "rate"),
    [
        ("aac", "m4a", 44100),
        ("aac", "mov", 22050),
        ("alac", "m4a", 96000),
        ("flac", "mp4", 48000),
        ("libopus", "mp4", 48000),
        ("libmp3lame", "mp4", 44100),
    ],
)
def test_the_packets_of_an_mp4_are_those_that_ffmpeg_finds(
    tmp_path: Path, codec: str, suffix: str, rate: int
) -> None:
    path = encode(tmp_path / f"song.{suffix}", music(9, rate), rate, codec)
    with av.open(str(path)) as container:
        packets = [p for p in container.demux(audio=0) if p.size]
        expected = [(bytes(p), p.pts, p.duration) for p in packets]
    with path.open("rb") as file:
        _, track = hide_metadata.look(file.fileno())
        assert track is not None
        found = []
        for sample in track.samples():
            file.seek(sample.offset)
            found.append((file.read(sample.size), sample.start_ticks, sample.duration_ticks))
    shift = expected[0][1] - found[0][1]
    assert [(data, start + shift) for data, start, _ in found] == [it[:2] for it in expected]
    # The last one is shorter by the table; where a parser knows better, FFmpeg asks that.
    assert [length for *_, length in found[:-1]] == [length for *_, length in expected[:-1]]


@pytest.mark.slow
def test_ffmpeg_sees_only_the_beginning_of_an_mp4s_tables(tmp_path: Path) -> None:
    path = encode(tmp_path / "song.m4a", music(60, 44100), 44100, "aac")
    with path.open("rb") as file:
        view, track = hide_metadata.look(file.fileno())
        assert track is not None
        with av.open(view) as container:
            shown = sum(1 for p in container.demux(audio=0) if p.size)
        assert 0 < shown < sum(1 for _ in track.samples()) / 10


def test_the_delay_that_itunes_writes_down_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "song.m4a"
    with av.open(str(path), "w", options={"use_editlist": "0"}) as container:
        stream = container.add_stream("aac", rate=44100, layout="mono")
        assert isinstance(stream, av.AudioStream)
        frame = av.AudioFrame.from_ndarray(music(3, 44100, 1), format="fltp", layout="mono")
        frame.sample_rate = 44100
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with open_audio(str(path)) as audio:
        whole = sum(len(samples) for _, samples in audio)
    file = mutagen.mp4.MP4(path)
    delay = " 00000000 00000840 00000000 0000000000020000" + " 00000000" * 8
    file["----:com.apple.iTunes:iTunSMPB"] = [mutagen.mp4.MP4FreeForm(delay.encode())]
    file.save()
    with open_audio(str(path)) as audio:
        assert sum(len(samples) for _, samples in audio) == whole - 0x840


@pytest.mark.parametrize(("codec", "suffix"), [("aac", "m4a"), ("vorbis", "ogg"), ("flac", "flac")])
def test_damage_anywhere_in_a_header_is_an_error_of_the_file_or_none(
    tmp_path_factory: pytest.TempPathFactory, codec: str, suffix: str
) -> None:
    folder = tmp_path_factory.mktemp("damaged")
    whole = made(folder / f"song.{suffix}", codec, 1, 44100).read_bytes()
    header = whole.find(b"moov") if suffix == "m4a" else 0
    path = folder / f"damaged.{suffix}"

    @settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
    @given(
        st.lists(
            st.tuples(st.integers(header, min(len(whole), header + 1500) - 1), st.integers(0, 255)),
            min_size=1,
            max_size=4,
        )
    )
    def damage(changes: list[tuple[int, int]]) -> None:
        data = bytearray(whole)
        for offset, value in changes:
            data[offset] = value
        path.write_bytes(data)
        with contextlib.suppress(FileError):
            assert fingerprint(str(path), decoder="ffmpeg")

    damage()


@given(
    content=st.binary(min_size=1, max_size=200),
    head=st.binary(max_size=40),
    start=st.integers(0, 250),
    length=st.none() | st.integers(0, 250),
    patches=st.lists(st.tuples(st.integers(0, 199), st.binary(min_size=1, max_size=8)), max_size=3),
    reads=st.lists(st.integers(0, 70), max_size=30),
)
@settings(deadline=None)
def test_a_view_reads_like_the_file_it_stands_for(
    tmp_path_factory: pytest.TempPathFactory,
    content: bytes,
    head: bytes,
    start: int,
    length: int | None,
    patches: list[tuple[int, bytes]],
    reads: list[int],
) -> None:
    start = min(start, len(content))
    end = None if length is None else start + length
    shown = bytearray(content)
    for offset, data in patches:
        stop = min(offset + len(data), len(content))
        shown[offset:stop] = data[: max(0, stop - offset)]
    expected = head + bytes(shown[start:end])
    path = tmp_path_factory.mktemp("view") / "file"
    path.write_bytes(content)
    with path.open("rb") as file:
        masks = [Mask(*patch) for patch in patches]
        view = MaskedFile(file.fileno(), head=head, start=start, end=end, patches=masks)
        got = b"".join(view.read(count) for count in [*reads, 10_000, 10_000])
        assert got == expected
        assert view.seek(0, os.SEEK_END) == len(expected)
        middle = view.seek(len(expected) // 2)
        assert view.read(10_000) + view.read(10_000) == expected[middle:]


# What only looks like chunks


def _wav_of(*chunks: tuple[bytes, bytes], behind: bytes = b"") -> bytes:
    body = b"".join(name + len(data).to_bytes(4, "little") + data for name, data in chunks)
    return b"RIFF" + (len(body) + 4).to_bytes(4, "little") + b"WAVE" + body + behind


def _aiff_of(*chunks: tuple[bytes, bytes], behind: bytes = b"") -> bytes:
    body = b"".join(name + len(data).to_bytes(4, "big") + data for name, data in chunks)
    return b"FORM" + (len(body) + 4).to_bytes(4, "big") + b"AIFF" + body + behind


_PCM = music(2, 8000, 1).tobytes()[:32_000]
_FMT = (b"fmt ", bytes.fromhex("01000100401f0000803e000002001000"))
_COMM = (b"COMM", bytes.fromhex("0001 00003e80 0010 400b fa00000000000000"))
_ZEROS = (bytes(4), bytes(0))
_MANY = 200_000

ODD_CHUNKS = {
    "behind the music": _wav_of(_FMT, (b"data", _PCM), behind=bytes(8 * _MANY)),
    "in front of the music": _wav_of(_FMT, *[_ZEROS] * _MANY, (b"data", _PCM)),
    "between two pieces, of which FFmpeg plays the last": _wav_of(
        _FMT, (b"data", bytes(16_000)), *[_ZEROS] * _MANY, (b"data", _PCM)
    ),
    "chunks of no size": _wav_of(_FMT, (b"data", _PCM), *[(b"JUNK", b"")] * _MANY),
    "in an AIFF": _aiff_of(_COMM, *[_ZEROS] * _MANY, (b"SSND", bytes(8) + _PCM)),
}


@pytest.mark.parametrize("where", ODD_CHUNKS)
def test_many_empty_chunks_cost_ffmpeg_no_step_each(where: str, tmp_path: Path) -> None:
    """Counted: it asks for the size of the file in front of each, which takes four calls."""
    path = tmp_path / "odd"
    path.write_bytes(ODD_CHUNKS[where])
    calls = 0

    class Counted(MaskedFile):
        def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
            nonlocal calls
            calls += 1
            return super().seek(offset, whence)

    with path.open("rb") as file:
        view, _ = hide_metadata.look(file.fileno())
        view.__class__ = Counted
        with av.open(view) as container:
            samples = sum(f.samples for f in container.decode(audio=0))
    assert samples == 16_000
    assert calls < 1000


def test_a_wav_with_anything_behind_its_music_is_the_same_music(tmp_path: Path) -> None:
    found = set()
    for number, behind in enumerate([b"", b"LIST\x04\0\0\0INFO", bytes(1000), b"\xff" * 99]):
        path = tmp_path / f"{number}.wav"
        path.write_bytes(_wav_of(_FMT, (b"data", _PCM), behind=behind))
        found.add(fingerprint(str(path)))
    assert len(found) == 1


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF])
def test_a_wav_of_unknown_length_is_heard_to_its_end(size: int, tmp_path: Path) -> None:
    whole = _wav_of(_FMT, (b"data", _PCM))
    at = whole.index(b"data") + 4
    path = tmp_path / "stream.wav"
    path.write_bytes(whole[:at] + size.to_bytes(4, "little") + whole[at + 4 :])
    with open_audio(str(path)) as audio:
        assert sum(len(samples) for _, samples in audio) == 16_000


def test_a_time_scale_that_ffmpeg_cannot_hold_is_an_error_of_the_file(tmp_path: Path) -> None:
    path = encode(tmp_path / "song.m4a", music(1, 44100), 44100, "aac")
    data = bytearray(path.read_bytes())
    at = data.index(b"mdhd") + 4 + 4 + 8  # version and flags, two times
    assert data[at : at + 4] == (44100).to_bytes(4, "big")
    data[at : at + 4] = (1 << 31).to_bytes(4, "big")
    path.write_bytes(data)
    with pytest.raises(FileError):
        fingerprint(str(path), decoder="ffmpeg")
