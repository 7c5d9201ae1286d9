"""Make audio files for tests, with PyAV."""

from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


def music(seconds: float, rate: int, channels: int = 2, seed: int = 0) -> Floats:
    """Return (channels, n) float32 of something with pitch, beat and noise."""
    t = np.arange(round(seconds * rate)) / rate
    rng = np.random.default_rng(seed)
    beat = np.exp(-8 * (t % 0.5))
    planes = [
        0.2 * np.sin(2 * np.pi * (220 + 55 * c) * t) * beat
        + 0.05 * rng.standard_normal(len(t)) * beat
        for c in range(channels)
    ]
    return np.array(planes, np.float32)


LAYOUTS = {1: "mono", 2: "stereo", 3: "2.1", 4: "quad", 6: "5.1", 8: "7.1"}


def encode(path: Path, samples: Floats, rate: int, codec: str, fmt: str | None = None) -> Path:
    """Encode (channels, n) samples into the container that the name (or `fmt`) asks for."""
    layout = LAYOUTS[len(samples)]
    with av.open(str(path), "w", format=fmt) as container:
        stream = container.add_stream(codec, rate=rate, layout=layout)
        assert isinstance(stream, av.AudioStream)
        context = stream.codec_context
        if not context.codec.lossless:
            context.bit_rate = 64_000 * len(samples)
        stored = context.codec.audio_formats[0].name
        if codec.startswith("pcm_"):
            stored = context.format.name
        resampler = av.AudioResampler(format=stored, layout=layout, rate=rate)
        # The muxer asks for an open codec before the frame size is known.
        context.open()
        step = context.frame_size or 1024
        for start in range(0, samples.shape[1], step):
            piece = np.ascontiguousarray(samples[:, start : start + step].T).reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(piece, format="flt", layout=layout)
            frame.sample_rate = rate
            frame.pts = start
            for converted in resampler.resample(frame):
                container.mux(stream.encode(converted))
        container.mux(stream.encode(None))
    return path
