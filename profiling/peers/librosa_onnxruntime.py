"""The whole track's spectrogram by librosa, then our network by ONNX Runtime.

Arguments: the music, the network, and how many windows at a time (0: all).
"""

import json
import sys
from pathlib import Path

import librosa
import numpy as np
import onnxruntime

music, network, batch = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
samples, rate = librosa.load(music, sr=16000)
mel = librosa.feature.melspectrogram(y=samples, sr=rate, n_fft=512, hop_length=256, n_mels=96)
spectrogram = np.log10(10000 * mel.T + 1).astype(np.float32)
windows = spectrogram[: len(spectrogram) // 187 * 187].reshape(-1, 187, 96)
session = onnxruntime.InferenceSession(str(network))
batch = batch or len(windows)
logits = np.concatenate(
    [
        session.run(["logits"], {"mel": windows[i : i + batch]})[0]
        for i in range(0, len(windows), batch)
    ]
)
labels = json.loads(network.with_suffix(".json").read_text())["labels"]
best = np.argsort(logits.mean(0))[::-1][:3]
version = f"librosa {librosa.__version__}, onnxruntime {onnxruntime.__version__}"
print(json.dumps({"version": version, "top": [labels[i]["name"] for i in best]}))
