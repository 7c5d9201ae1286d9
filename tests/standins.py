"""Networks of the shapes of those that `lean-tag models get` fetches, with metadata of their kind.

Small, and sure of what they say: the first class that says something gets most of the score.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
from foreignmodels import write
from onnx import helper

from lean_tagger.catalogue.downloads import Network, entries

CLASSES = {
    "mood_happy": ("happy", "non_happy"),
    "mood_sad": ("non_sad", "sad"),
    "mood_relaxed": ("non_relaxed", "relaxed"),
    "mood_aggressive": ("aggressive", "not_aggressive"),
    "mood_party": ("non_party", "party"),
    "mood_acoustic": ("acoustic", "non_acoustic"),
    "mood_electronic": ("electronic", "non_electronic"),
    "danceability": ("danceable", "not_danceable"),
    "voice_instrumental": ("instrumental", "voice"),
    "tonal_atonal": ("atonal", "tonal"),
    "emomusic": ("valence", "arousal"),
    "mtg_jamendo_moodtheme": ("action", "calm", "dark", *(f"theme {n}" for n in range(53))),
    "mtg_jamendo_genre": ("rock", "deephouse", "60s", *(f"style{n}" for n in range(84))),
    "discogs-effnet": (
        "Electronic---House",
        "Hip Hop---RnB/Swing",
        "Folk, World, & Country---Celtic",
        "Non-Music---Audiobook",
        *(f"Rock---Style {n}" for n in range(396)),
    ),
}
"""As the metadata name them, or so many others."""


def classes(network: Network) -> tuple[str, ...]:
    return next(names for key, names in CLASSES.items() if network.name.startswith(key))


def loud(names: tuple[str, ...]) -> int:
    """Return which class a stand-in is sure of: the first that is not the absence of another."""
    absent = ("non_", "not_", "atonal")
    return next(n for n, name in enumerate(names) if not name.startswith(absent))


def files_of(network: Network, folder: Path) -> dict[str, bytes]:
    """Return a network's two files by where they are on the server."""
    path = folder / "standin.onnx"
    names = classes(network)
    make = backbone if network.name.startswith("discogs-effnet") else head
    metadata = make(path, names, network)
    return {
        network.weights: path.read_bytes(),
        network.metadata: json.dumps(metadata).encode(),
    }


def backbone(path: Path, names: tuple[str, ...], network: Network) -> dict[str, Any]:
    """Write what has the shapes of Discogs-EffNet; return its metadata."""
    nodes = [
        helper.make_node("ReduceMean", ["melspectrogram"], ["mean"], axes=[1], keepdims=0),
        helper.make_node("MatMul", ["mean", "wide"], ["embeddings"]),
        helper.make_node("MatMul", ["embeddings", "narrow"], ["sums"]),
        helper.make_node("Add", ["sums", "bias"], ["scores"]),
        helper.make_node("Sigmoid", ["scores"], ["activations"]),
    ]
    numbers = np.random.default_rng(0)
    write(
        path,
        nodes,
        [("melspectrogram", ["n", 128, 96])],
        [("activations", ["n", len(names)]), ("embeddings", ["n", 1280])],
        {
            "wide": numbers.normal(0, 0.1, (96, 1280)).astype(np.float32),
            "narrow": np.zeros((1280, len(names)), np.float32),
            "bias": _bias(names),
        },
    )
    purposes = (("predictions", len(names), "Sigmoid"), ("embeddings", 1280, "Flatten"))
    return {
        **_about(network, names),
        "schema": {
            "outputs": [
                {"name": f"PartitionedCall:{n}", "shape": [64, dim], "op": op, "output_purpose": it}
                for n, (it, dim, op) in enumerate(purposes)
            ]
        },
        "inference": {"sample_rate": 16000, "algorithm": "TensorflowPredictEffnetDiscogs"},
    }


def head(path: Path, names: tuple[str, ...], network: Network) -> dict[str, Any]:
    """Write a head of the backbone that the network's name tells; return its metadata."""
    of_effnet = "discogs-effnet" in network.name
    dim = 1280 if of_effnet else 200
    squash = "Sigmoid" if len(names) > 2 else "Softmax"
    squash = "Identity" if "emomusic" in network.name else squash
    nodes = [
        helper.make_node("MatMul", ["embeddings", "weights"], ["sums"]),
        helper.make_node("Add", ["sums", "bias"], ["logits"]),
        helper.make_node(squash, ["logits"], ["activations"]),
    ]
    write(
        path,
        nodes,
        [("embeddings", ["n", dim])],
        [("activations", ["n", len(names)])],
        {"weights": np.zeros((dim, len(names)), np.float32), "bias": _bias(names)},
    )
    below = {
        "algorithm": f"TensorflowPredict{'EffnetDiscogs' if of_effnet else 'MusiCNN'}",
        "model_name": "discogs-effnet-bs64-1" if of_effnet else "msd-musicnn-1",
    }
    operator = "Linear" if squash == "Identity" else squash
    output = {"name": f"model/{squash}", "shape": [len(names)], "op": operator}
    return {
        **_about(network, names),
        "schema": {"outputs": [{**output, "output_purpose": "predictions"}]},
        "inference": {
            "sample_rate": 16000,
            "algorithm": "TensorflowPredict2D",
            "embedding_model": below,
        },
    }


def _bias(names: tuple[str, ...]) -> np.ndarray:
    """Return what is added to the sums: probabilities of about 0.88 and 0.12, or fewer."""
    bias = np.full(len(names), 3.0 if names == ("valence", "arousal") else -1.0, np.float32)
    bias[loud(names)] += 2.0
    return bias


def _about(network: Network, names: tuple[str, ...]) -> dict[str, Any]:
    task = network.name.rsplit("-", 3)[0].replace("_", " ")
    return {
        "name": task,
        "type": "regression" if "emomusic" in network.name else "multi-class classifier",
        "description": f"stand-in for {network.name}",
        "link": f"https://essentia.upf.edu/models/{network.weights.replace('.onnx', '.pb')}",
        "classes": list(names),
    }


def standins(folder: Path) -> dict[str, bytes]:
    """Return the files of all entries by where they are on the server."""
    networks = [network for entry in entries().values() for network in entry.networks]
    return {path: it for network in networks for path, it in files_of(network, folder).items()}
