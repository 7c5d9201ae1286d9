"""Essentia's own musicnn, as in its documentation.

Arguments: the music, the graph, and the card that names the labels.
"""

import json
import sys
from pathlib import Path

import essentia
from essentia.standard import MonoLoader, TensorflowPredictMusiCNN

music, graph, card = sys.argv[1:4]
audio = MonoLoader(filename=music, sampleRate=16000)()
activations = TensorflowPredictMusiCNN(graphFilename=graph)(audio)
labels = json.loads(Path(card).read_text())["labels"]
best = activations.mean(axis=0).argsort()[::-1][:3]
version = f"essentia-tensorflow {essentia.__version__}"
print(json.dumps({"version": version, "top": [labels[i]["name"] for i in best]}))
