"""Compare every family's front-end with what others compute: librosa and Essentia.

Needs the extra `reference`. By default for the excerpts in ``tests/data``; ``--music`` names a
folder of full tracks. The patches are streamed as the tagger does it, the peer has the whole
track. Differences are of single bands of single frames, in the unit that the network takes.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from common import CLIPS, ROOT, progress, write_table

sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(ROOT / "tests"))

from familycards import card_of, heard, streamed
from frontendpeers import BY_ESSENTIA, BY_LIBROSA

from lean_tagger.card import LogMelSpec, ModelSpec

MUSIC = {".flac", ".m4a", ".mp3", ".ogg", ".opus", ".wav"}


def without_rounding(family: str) -> ModelSpec:
    """Return the card, its float16 left away: a value between two steps may go to either."""
    card = card_of(family)
    assert isinstance(card.frontend, LogMelSpec)  # noqa: S101 - the others have no peers
    return replace(card, frontend=replace(card.frontend, mel_rounding="none"))


def main() -> None:
    """Print, and write where asked, one row per family and peer."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--music", type=Path, default=CLIPS, help="folder of tracks")
    parser.add_argument("--out", type=Path, help="folder for frontends.md and frontends.json")
    given = parser.parse_args()
    tracks = sorted(path for path in given.music.iterdir() if path.suffix in MUSIC)
    rows = []
    for family in BY_LIBROSA:
        card = without_rounding(family)
        largest, sums, values, beyond = {}, {}, {}, {}
        for track in tracks:
            progress(f"{family}: {track.name}")
            samples = heard(track, card)
            got = streamed(card, samples)
            for peer, peers in (("librosa", BY_LIBROSA), ("essentia", BY_ESSENTIA)):
                if family in peers:
                    difference = np.abs(got - peers[family](samples))
                    largest[peer] = max(largest.get(peer, 0.0), float(difference.max()))
                    sums[peer] = sums.get(peer, 0.0) + float(difference.sum())
                    values[peer] = values.get(peer, 0) + difference.size
                    beyond[peer] = beyond.get(peer, 0) + int((difference > 1e-4).sum())
        rows += [
            {
                "family": family,
                "peer": peer,
                "largest": f"{largest[peer]:.1e}",
                "mean": f"{sums[peer] / values[peer]:.1e}",
                "values": values[peer],
                "above 1e-4": beyond[peer],
            }
            for peer in largest
        ]
    progress("")
    write_table(rows, "frontends", given.out)


if __name__ == "__main__":
    main()
