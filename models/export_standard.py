"""Make ``standard``: msd-musicnn, with the one label that it lacks most from mtt-musicnn.

    python models/export_standard.py

Of 489 tracks from Debian packages msd-musicnn tags 76 %, 96 % of them rightly or plausibly, and
calls orchestras nothing or Jazz. mtt-musicnn knows classical music, and is worse at the rest.
Where either of its two names for that reaches 0.30 and msd-musicnn's "electronic" stays below 0.20,
the track is Classical: then 81 % are tagged, 95 % rightly or plausibly, and 18 of 47 orchestral
tracks are Classical.
"""

import hashlib
import json
from pathlib import Path

HERE = Path(__file__).parent
LEAST, ELECTRONIC = 0.30, 0.20


def main() -> None:
    """Write ``standard.head`` and ``standard.json``."""
    msd = json.loads((HERE / "msd-musicnn.json").read_text())
    first, second = "msd-musicnn", "mtt-musicnn"
    labels = [{"of": [{"model": first, "label": it["name"]}]} for it in msd["labels"]]
    classical = {
        "of": [{"model": second, "label": name} for name in ("classical", "classic")],
        "unless": {"model": first, "label": "electronic", "least": ELECTRONIC},
    }
    lines = ",\n".join(json.dumps(it) for it in [*labels, classical])
    text = f'{{"labels": [\n{lines}\n],\n"parts": [0, 0]}}\n'
    (HERE / "standard.head").write_text(text)
    card = {
        "name": "standard",
        "description": "msd-musicnn, and Classical from mtt-musicnn where msd-musicnn hears no "
        "electronic music",
        "file": "standard.head",
        "sha256": hashlib.sha256(text.encode()).hexdigest(),
        "weights": "derived",
        "head_of": first,
        "also_of": [second],
        "tensors": {"input": "embedding", "logits": "scores", "layout": "embedding"},
        "activation": "sigmoid",
        "pooling": "logit-mean",
        "labels": [],
        "abstain": msd["abstain"],
        "licence": msd["licence"],
    }
    own = {"name": "classical", "kind": "genre", "display": "Classical", "least": LEAST}
    lines = ",\n".join("    " + json.dumps(it) for it in [*msd["labels"], own])
    card_text = json.dumps(card, indent=2).replace('"labels": []', f'"labels": [\n{lines}\n  ]')
    (HERE / "standard.json").write_text(card_text + "\n")


if __name__ == "__main__":
    main()
