"""What comes out of the decoders, for every format, odd stream and damaged file."""

import base64
import os
import random
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile
from audiofiles import dff
from conftest import CLIPS, DATA, shared
from encode import encode, music
from mutagen.flac import Picture
from mutagen.oggvorbis import OggVorbis
from thinned import thinned

from lean_tagger.errors import DecodeError, EncryptedError, FileError, NoAudioError, UnreadableError
from lean_tagger.listen.decode import (
    BLOCK_SAMPLES,
    DecoderName,
    fingerprint,
    open_audio,
    packet_hash,
)

FORMATS = [
    ("a.mp3", "libmp3lame", 44100),
    ("a.mp2", "mp2", 44100),
    ("a.m4a", "aac", 44100),
    ("lossless.m4a", "alac", 44100),
    ("a.aac", "aac", 44100),
    ("a.flac", "flac", 96000),
    ("a.opus", "libopus", 48000),
    ("u8.wav", "pcm_u8", 8000),
    ("s16.wav", "pcm_s16le", 44100),
    ("s24.wav", "pcm_s24le", 192000),
    ("s32.wav", "pcm_s32le", 384000),
    ("f32.wav", "pcm_f32le", 22050),
    ("f64.wav", "pcm_f64le", 48000),
    ("a.aiff", "pcm_s16be", 44100),
    ("a.wma", "wmav2", 44100),
    ("a.wv", "wavpack", 44100),
    ("a.tta", "tta", 44100),
    ("a.mka", "flac", 44100),
    ("a.webm", "libopus", 48000),
    ("a.caf", "pcm_s16le", 44100),
    ("a.au", "pcm_s16be", 44100),
    ("a.ac3", "ac3", 48000),
]
ONE_PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)


def decode(
    path: Path, decoder: DecoderName = "auto"
) -> tuple[dict[int, npt.NDArray[np.float32]], float, float]:
    """Return the samples by rate, and the seconds decoded and skipped."""
    pieces: dict[int, list[npt.NDArray[np.float32]]] = {}
    with open_audio(str(path), decoder=decoder) as audio:
        for rate, block in audio:
            assert 0 < len(block) <= BLOCK_SAMPLES
            pieces.setdefault(rate, []).append(np.array(block))
        return (
            {rate: np.concatenate(p) for rate, p in pieces.items()},
            audio.seconds,
            audio.seconds_skipped,
        )


@pytest.mark.parametrize(("name", "codec", "rate"), FORMATS)
def test_every_format_gives_its_music_back(
    tmp_path: Path, name: str, codec: str, rate: int
) -> None:
    source = music(1.5, rate)
    path = encode(tmp_path / name, source, rate, codec)
    samples, seconds, skipped = decode(path)
    assert list(samples) == [rate]
    assert seconds == pytest.approx(1.5, abs=0.06)
    assert skipped == 0
    # The shape is the source's, allowing for what lossy codecs and their delay do to it.
    got, want = samples[rate], source.mean(axis=0)
    lag = int(0.05 * rate)
    spectrum = np.fft.rfft(got, 2 * rate) * np.conj(np.fft.rfft(want, 2 * rate))
    around = np.roll(np.fft.irfft(spectrum), lag)[: 2 * lag + 1]
    assert around.max() > 0.85 * np.linalg.norm(got) * np.linalg.norm(want)


def test_vorbis_gives_its_music_back(tmp_path: Path) -> None:
    source = music(1.5, 44100)
    soundfile.write(tmp_path / "a.ogg", source.T, 44100, format="OGG", subtype="VORBIS")
    samples, _, _ = decode(tmp_path / "a.ogg")
    assert np.corrcoef(samples[44100], source.mean(axis=0))[0, 1] > 0.95


def test_one_bit_audio_is_played_at_an_eighth_of_its_rate(tmp_path: Path) -> None:
    """DSF: 2.8224 MHz of single bits, one channel, in blocks of 4096 bytes."""
    rate, blocks = 2_822_400, 60
    t = np.arange(blocks * 4096 * 8) / rate
    chance = 0.5 + 0.25 * np.sin(2 * np.pi * 441 * t)
    bits = np.random.default_rng(0).random(len(t)) < chance
    data = np.packbits(bits, bitorder="little").tobytes()

    def u32(*values: int) -> bytes:
        return b"".join(v.to_bytes(4, "little") for v in values)

    def u64(*values: int) -> bytes:
        return b"".join(v.to_bytes(8, "little") for v in values)

    fmt = b"fmt " + u64(52) + u32(1, 0, 1, 1, rate, 1) + u64(len(bits)) + u32(4096, 0)
    head = b"DSD " + u64(28, 28 + 52 + 12 + len(data), 0)
    path = tmp_path / "a.dsf"
    path.write_bytes(head + fmt + b"data" + u64(12 + len(data)) + data)
    samples, seconds, _ = decode(path)
    assert list(samples) == [rate // 8]
    assert seconds == pytest.approx(len(bits) / rate, rel=0.01)
    spectrum = np.abs(np.fft.rfft(samples[rate // 8]))
    assert np.argmax(spectrum[1:2000]) + 1 == pytest.approx(441 * seconds, abs=2)


def test_dsdiff_is_played_as_dsf_is(tmp_path: Path) -> None:
    seconds = np.arange(2_822_400 // 2) / 2_822_400
    chance = 0.5 + 0.25 * np.sin(2 * np.pi * 441 * seconds)
    bits = np.random.default_rng(0).random(len(seconds)) < chance
    (tmp_path / "a.dff").write_bytes(dff(np.packbits(bits).tobytes()))
    samples, heard, _ = decode(tmp_path / "a.dff", "ffmpeg")
    assert list(samples) == [2_822_400 // 8]
    assert heard == pytest.approx(0.5, rel=0.01)
    spectrum = np.abs(np.fft.rfft(samples[2_822_400 // 8]))
    assert np.argmax(spectrum[1:2000]) + 1 == pytest.approx(441 * heard, abs=2)


@pytest.mark.parametrize("suffix", [".ape", ".mpc"])
def test_formats_that_nobody_can_make_here_are_played(suffix: str) -> None:
    played = 0
    for path in sorted(shared("hostile").rglob("*" + suffix)):
        try:
            played += decode(path)[1] > 0.5
        except FileError:
            continue
    assert played > 0


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 6, 8])
def test_channels_are_averaged_not_mixed(tmp_path: Path, channels: int) -> None:
    source = music(0.5, 48000, channels)
    path = encode(tmp_path / "a.wav", source, 48000, "pcm_f32le")
    samples, _, _ = decode(path)
    assert np.abs(samples[48000] - source.mean(axis=0)).max() < 1e-6


def test_seven_point_one_in_separate_planes_is_averaged(tmp_path: Path) -> None:
    source = music(1, 48000, 8)
    path = encode(tmp_path / "a.m4a", source, 48000, "aac")
    samples, _, _ = decode(path)
    got = samples[48000][:48000]
    assert np.corrcoef(got, source.mean(axis=0)[: len(got)])[0, 1] > 0.8
    assert np.abs(got).max() < 1.5 * np.abs(source.mean(axis=0)).max()


@pytest.mark.parametrize(
    ("codec", "step"),
    [("pcm_u8", 2**-7), ("pcm_s16le", 2**-15), ("pcm_s24le", 2**-23), ("pcm_s32le", 2**-24)],
)
def test_integers_keep_their_scale(tmp_path: Path, codec: str, step: float) -> None:
    source = music(0.5, 48000, 1)
    path = encode(tmp_path / "a.wav", source, 48000, codec)
    samples, _, _ = decode(path)
    assert np.abs(samples[48000] - source[0]).max() <= step


@pytest.mark.parametrize("clip", CLIPS)
def test_both_decoders_agree_on_where_the_music_begins_and_ends(clip: str) -> None:
    if clip.endswith("m4a"):
        pytest.skip("libsndfile does not read M4A")
    ours, _, _ = decode(DATA / clip, "ffmpeg")
    theirs, _, _ = decode(DATA / clip, "soundfile")
    assert {r: len(s) for r, s in ours.items()} == {r: len(s) for r, s in theirs.items()}
    (rate,) = ours
    limit = 2e-2 if clip.endswith("opus") else 1e-3  # two Opus decoders may differ
    assert np.abs(ours[rate] - theirs[rate]).max() < limit


def test_libsndfile_reads_what_ffmpeg_refuses(tmp_path: Path) -> None:
    path = tmp_path / "a.paf"
    soundfile.write(path, music(1, 44100).T, 44100, format="PAF", subtype="PCM_16")
    with pytest.raises(DecodeError):
        decode(path, "ffmpeg")
    assert decode(path)[1] == pytest.approx(1.0)


@pytest.mark.parametrize("first", [b"\xff\xfb\x04\xc4", b"\xff\xfb\x54\xc4"], ids=["free", "usual"])
def test_free_format_mp3_is_read_by_libsndfile(tmp_path: Path, first: bytes) -> None:
    """FFmpeg opens some of it, and takes a chance pattern inside for a frame, or none."""
    path = encode(tmp_path / "a.mp3", music(3, 48000, 1), 48000, "libmp3lame")
    content = bytearray(path.read_bytes())
    content = content[content.index(b"\xff\xfb") + 192 :]  # without the frame that describes
    for frame in range(0, len(content) - 191, 192):  # of 64 kbit/s
        assert content[frame : frame + 2] == b"\xff\xfb"
        content[frame + 2] &= 0x0F  # bit rate 0: free
    content[-192:] = first + content[-188:]
    path.write_bytes(content)
    with pytest.raises(DecodeError):
        decode(path, "ffmpeg")
    samples, seconds, _ = decode(path)
    assert seconds == pytest.approx(3, abs=0.1)
    assert np.abs(samples[48000]).max() > 0.1
    assert fingerprint(str(path)) == fingerprint(str(path), decoder="soundfile")
    assert packet_hash(str(path)) is None


def test_a_block_is_a_view_of_one_buffer(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.wav", music(3, 44100), 44100, "pcm_s16le")
    with open_audio(str(path)) as audio:
        views = [block for _, block in audio]
    assert len(views) > 2
    assert bytes(views[0][:1000]) == bytes(views[1][:1000])


def test_progress_goes_from_nothing_to_all(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.flac", music(30, 44100), 44100, "flac")
    with open_audio(str(path)) as audio:
        seen = [audio.progress() for _ in audio]
    assert seen == sorted(seen)
    assert seen[0] < 0.5
    assert seen[-1] > 0.95


def test_the_digest_is_the_audios_and_not_the_names(tmp_path: Path) -> None:
    first = encode(tmp_path / "a.flac", music(1, 44100), 44100, "flac")
    copy = tmp_path / "b.flac"
    copy.write_bytes(first.read_bytes())
    other = encode(tmp_path / "c.flac", music(1, 44100, seed=1), 44100, "flac")
    assert fingerprint(str(first)) == fingerprint(str(copy)) != fingerprint(str(other))


# Streams that change in the middle, or come several at once


def test_chained_vorbis_goes_on_at_another_rate_and_number_of_channels(tmp_path: Path) -> None:
    for name, rate, channels in (("a.ogg", 44100, 2), ("b.ogg", 32000, 1)):
        source = music(2, rate, channels).T
        soundfile.write(tmp_path / name, source, rate, format="OGG", subtype="VORBIS")
    chain = tmp_path / "chain.ogg"
    chain.write_bytes((tmp_path / "a.ogg").read_bytes() + (tmp_path / "b.ogg").read_bytes())
    samples, seconds, skipped = decode(chain, "ffmpeg")
    assert {r: len(s) for r, s in samples.items()} == {44100: 88200, 32000: 64000}
    assert (seconds, skipped) == (pytest.approx(4.0), 0)


def test_chained_streams_of_different_codecs_are_one_track(tmp_path: Path) -> None:
    opus = encode(tmp_path / "a.opus", music(2, 48000), 48000, "libopus").read_bytes()
    mono = encode(tmp_path / "b.opus", music(2, 48000, 1), 48000, "libopus").read_bytes()
    soundfile.write(tmp_path / "a.ogg", music(2, 44100).T, 44100, format="OGG", subtype="VORBIS")
    vorbis = (tmp_path / "a.ogg").read_bytes()
    for links in ((vorbis, opus), (opus, vorbis), (opus, mono), (opus, vorbis, mono)):
        chain = tmp_path / "chain.ogg"
        chain.write_bytes(b"".join(links))
        _, seconds, skipped = decode(chain, "ffmpeg")
        assert (seconds, skipped) == (pytest.approx(2.0 * len(links)), 0)


def test_chained_opus_is_one_track(tmp_path: Path) -> None:
    one = encode(tmp_path / "a.opus", music(2, 48000), 48000, "libopus").read_bytes()
    (tmp_path / "chain.opus").write_bytes(one + one)
    assert decode(tmp_path / "chain.opus")[1] == pytest.approx(4.0)


def test_a_cover_in_each_link_of_a_chain_is_no_obstacle(tmp_path: Path) -> None:
    """PyAV raises IndexError where a stream is there at the end that was not at the start."""
    path = tmp_path / "a.ogg"
    soundfile.write(path, music(2, 44100).T, 44100, format="OGG", subtype="VORBIS")
    picture = Picture()
    picture.type, picture.mime, picture.data = 3, "image/png", ONE_PIXEL
    tagged = OggVorbis(path)
    tagged["metadata_block_picture"] = [base64.b64encode(picture.write()).decode()]
    tagged.save()
    path.write_bytes(path.read_bytes() * 3)
    for _ in range(20):  # whether it does so depends on what is in fresh memory
        _, seconds, skipped = decode(path, "ffmpeg")
        assert (seconds, skipped) == (pytest.approx(6.0, abs=0.05), 0)


def test_mp3_that_changes_rate_and_channels_goes_on(tmp_path: Path) -> None:
    first = encode(tmp_path / "a.mp3", music(5, 44100), 44100, "libmp3lame").read_bytes()
    second = encode(tmp_path / "b.mp3", music(5, 22050, 1), 22050, "libmp3lame").read_bytes()
    (tmp_path / "ab.mp3").write_bytes(first + second)
    samples, seconds, _ = decode(tmp_path / "ab.mp3")
    assert list(samples) == [44100, 22050]
    assert seconds == pytest.approx(10, abs=0.2)


def test_the_default_of_several_audio_streams_is_heard(tmp_path: Path) -> None:
    import av
    from av.stream import Disposition

    path = tmp_path / "two.mka"
    with av.open(str(path), "w") as out:
        streams = [out.add_stream("pcm_s16le", rate=48000, layout="mono") for _ in range(2)]
        streams[0].disposition = Disposition(0)
        streams[1].disposition = Disposition.default
        for i, stream in enumerate(streams):
            assert isinstance(stream, av.AudioStream)
            wave = np.full((1, 48000), 8000 * (i + 1), np.int16)
            frame = av.AudioFrame.from_ndarray(wave, format="s16", layout="mono")
            frame.sample_rate, frame.pts = 48000, 0
            out.mux(stream.encode(frame))
    samples, _, _ = decode(path)
    assert np.allclose(samples[48000], 16000 / 32768)


def test_the_audio_of_a_video_is_heard_and_its_pictures_are_not_read(tmp_path: Path) -> None:
    import av

    path = tmp_path / "film.mp4"
    with av.open(str(path), "w") as out:
        video = out.add_stream("mpeg4", rate=25, width=64, height=64, pix_fmt="yuv420p")
        audio = out.add_stream("aac", rate=48000, layout="stereo")
        assert isinstance(video, av.VideoStream)
        assert isinstance(audio, av.AudioStream)
        for i in range(50):
            image = av.VideoFrame.from_ndarray(np.full((64, 64, 3), i * 5, np.uint8))
            image.pts = i
            out.mux(video.encode(image))
        out.mux(video.encode(None))
        source = music(2, 48000)
        for start in range(0, source.shape[1], 1024):
            piece = np.ascontiguousarray(source[:, start : start + 1024])
            frame = av.AudioFrame.from_ndarray(piece, format="fltp", layout="stereo")
            frame.sample_rate, frame.pts = 48000, start
            out.mux(audio.encode(frame))
        out.mux(audio.encode(None))
    assert decode(path)[1] == pytest.approx(2, abs=0.05)

    silent = tmp_path / "silent.mp4"
    with av.open(str(silent), "w") as out:
        video = out.add_stream("mpeg4", rate=25, width=64, height=64, pix_fmt="yuv420p")
        assert isinstance(video, av.VideoStream)
        image = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8))
        out.mux(video.encode(image))
        out.mux(video.encode(None))
    with pytest.raises(NoAudioError, match="no audio"):
        decode(silent)


# Damage


def junk_in_the_middle(path: Path) -> Path:
    data = bytearray(path.read_bytes())
    at = len(data) // 3
    data[at : at + 4000] = random.Random(1).randbytes(4000)
    broken = path.with_name("broken" + path.suffix)
    broken.write_bytes(data)
    return broken


@thinned(
    ("name", "codec", "least"),
    [
        ("a.mp3", "libmp3lame", 9.5),
        ("a.flac", "flac", 9.8),
        ("a.m4a", "aac", 9.5),
        ("a.opus", "libopus", 8.5),
        ("a.wv", "wavpack", 9.0),
        ("a.tta", "tta", 8.5),
        ("a.wma", "wmav2", 9.5),
        ("a.wav", "pcm_s16le", 9.9),
    ],
    fast=3,
)
def test_junk_in_the_middle_costs_only_itself(
    tmp_path: Path, name: str, codec: str, least: float
) -> None:
    whole = encode(tmp_path / name, music(10, 48000), 48000, codec)
    full = decode(whole)[1]
    _, seconds, skipped = decode(junk_in_the_middle(whole))
    assert seconds >= least
    # What is missing is reported, give or take (FLAC frames may vanish without a trace).
    if codec != "flac":
        assert seconds + skipped == pytest.approx(full, abs=0.15)


@thinned(
    ("name", "codec"),
    [("a.mp3", "libmp3lame"), ("a.flac", "flac"), ("a.opus", "libopus"), ("a.wav", "pcm_s16le")],
    fast=2,
)
def test_a_truncated_file_gives_what_is_there(tmp_path: Path, name: str, codec: str) -> None:
    whole = encode(tmp_path / name, music(20, 48000), 48000, codec)
    data = whole.read_bytes()
    whole.write_bytes(data[: len(data) // 2])
    assert decode(whole)[1] == pytest.approx(10, abs=0.7)


def test_samples_that_are_no_numbers_are_silence_and_counted(tmp_path: Path) -> None:
    source = music(1, 16000, 1)
    source[0, 100:116] = [np.nan, np.inf, -np.inf, 1e30] * 4
    path = encode(tmp_path / "a.wav", source, 16000, "pcm_f32le")
    for decoder in ("ffmpeg", "soundfile"):
        samples, _, skipped = decode(path, decoder)  # type: ignore[arg-type] - both are names
        assert not samples[16000][100:116].any()
        assert skipped == pytest.approx(16 / 16000)
        assert np.isfinite(samples[16000]).all()


@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")
@pytest.mark.parametrize("clip", ["skyvibe.mp3", "west.flac", "hacienda.ogg", "celtic.m4a"])
def test_a_disk_that_fails_in_the_middle_is_no_end_of_the_file(clip: str, tmp_path: Path) -> None:
    path = Path(shutil.copy(DATA / clip, tmp_path))
    script = (
        "import sys; from lean_tagger.listen.decode import open_audio\n"
        "from lean_tagger.errors import UnreadableError\n"
        "try:\n"
        "    with open_audio(sys.argv[1]) as audio: list(audio)\n"
        "except UnreadableError as error: print(error)\n"
    )
    # FFmpeg's reads from the sixth on; ours (the looks for ID3 tags come first) as well.
    first = 3 if clip.endswith("mp3") else 2
    fail = ["-e", "inject=read:error=EIO:when=6+", "-e", f"inject=pread64:error=EIO:when={first}+"]
    trace = ["strace", "-f", "-o", "/dev/null", *fail, "-P", str(path)]
    command = [*trace, sys.executable, "-c", script, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "Input/output error" in done.stdout


# What is not music


def refused(path: Path, kind: type[FileError]) -> str:
    with pytest.raises(kind) as caught:
        decode(path)
    assert caught.value.path == str(path)
    message = str(caught.value)
    assert message
    assert "\n" not in message
    return message


def test_a_missing_file_is_unreadable(tmp_path: Path) -> None:
    assert "No such file" in refused(tmp_path / "none.mp3", UnreadableError)


def test_a_folder_and_a_fifo_are_no_files_and_do_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo.mp3")
    assert "regular" in refused(tmp_path / "fifo.mp3", UnreadableError)
    assert "regular" in refused(tmp_path, UnreadableError)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s.mp3"))
        refused(tmp_path / "s.mp3", UnreadableError)


def test_a_broken_link_is_unreadable(tmp_path: Path) -> None:
    (tmp_path / "link.mp3").symlink_to(tmp_path / "gone.mp3")
    refused(tmp_path / "link.mp3", UnreadableError)


def test_an_empty_file_has_no_audio(tmp_path: Path) -> None:
    (tmp_path / "a.mp3").touch()
    assert "empty" in refused(tmp_path / "a.mp3", NoAudioError)


NOT_MUSIC = {
    "text": "hello world\n" * 1000,
    "html": "<html><body>404 not found</body></html>\n" * 20,
    "playlist": "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{other}\n#EXT-X-ENDLIST\n",
    "concat": "ffconcat version 1.0\nfile {other}\n",
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nm=audio 5004 RTP/AVP 0\n",
}


@pytest.mark.parametrize("suffix", [".mp3", ".m3u8", ".ogg"])
@pytest.mark.parametrize("kind", list(NOT_MUSIC))
def test_text_is_not_music(tmp_path: Path, kind: str, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_text(NOT_MUSIC[kind])
    assert "not an audio file" in refused(path, DecodeError)


@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")
def test_what_a_playlist_names_is_never_opened(tmp_path: Path) -> None:
    other = encode(tmp_path / "other.mp3", music(1, 44100), 44100, "libmp3lame")
    paths = []
    for kind, text in NOT_MUSIC.items():
        for suffix in (".mp3", ".m3u8"):
            paths.append(tmp_path / f"{kind}{suffix}")
            paths[-1].write_text(text.format(other=other))
    script = (
        "import sys; from lean_tagger.listen.decode import open_audio\n"
        "from lean_tagger.errors import FileError\n"
        "for path in sys.argv[1:]:\n"
        "    try:\n"
        "        with open_audio(path) as audio: list(audio)\n"
        "    except FileError: pass\n"
    )
    log = tmp_path / "trace"
    calls = "trace=open,openat,socket,connect"
    command = ["strace", "-f", "-o", str(log), "-e", calls, sys.executable, "-c", script]
    subprocess.run([*command, *map(str, paths)], check=True)
    traced = log.read_text()
    assert all(str(path) in traced for path in paths)
    assert str(other) not in traced
    assert "socket(" not in traced


def test_encrypted_audio_says_so(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.m4a", music(1, 44100), 44100, "aac")
    data = path.read_bytes()
    path.write_bytes(data.replace(b"mp4a" + bytes(6), b"drms" + bytes(6)))
    assert "encrypted" in refused(path, EncryptedError)


def test_an_absurd_sample_rate_is_damage(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.wav", music(1, 16000), 16000, "pcm_s16le")
    data = bytearray(path.read_bytes())
    data[24:28] = (1).to_bytes(4, "little")
    path.write_bytes(data)
    assert "1 Hz" in refused(path, DecodeError)


def test_metadata_that_is_not_utf8_does_no_harm(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.mp3", music(1, 44100), 44100, "libmp3lame")
    title = b"TIT2" + (5).to_bytes(4, "big") + b"\0\0" + b"\x03\xff\xfe\xe9\xe8"
    tag = b"ID3\x04\0\0" + bytes([0, 0, 0, len(title)]) + title
    frames = path.read_bytes()
    assert frames.startswith(b"ID3")
    size = int.from_bytes(bytes(frames[6:10]), "big")
    path.write_bytes(tag + frames[10 + size :])
    assert decode(path)[1] == pytest.approx(1, abs=0.06)


def test_a_name_that_is_not_utf8_is_no_obstacle(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.mp3", music(1, 44100), 44100, "libmp3lame")
    odd = path.rename(tmp_path / os.fsdecode(b"\xff\xfe\n\x1b[31m.mp3"))
    assert decode(odd)[1] == pytest.approx(1, abs=0.06)
