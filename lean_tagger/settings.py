"""A user's choices for a run, as one frozen value.

The command line builds it from its options and sends it to the workers: it is picklable.
"""

import os
from dataclasses import dataclass
from typing import Literal

from lean_tagger.rules import DEFAULT, Rules

DEFAULT_MODEL = "msd-musicnn"

LeantagForm = Literal["short", "full", "none"]
"""How much a file's LEANTAG field says."""

Verify = Literal["packets", "full"]
"""How a copy's audio is proved to be the same; see `listen.decode.audio_proof`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteSettings:
    """How a file is written.

    Attributes
    ----------
    hardlinks : {'skip', 'break', 'in-place'}
        What to do with a file that has several names: leave it alone; replace it, so that the
        other names keep the old content; change it in place, if the new tag fits.
    preserve_mtime : bool
        Keep the modification time, which music servers use to notice changes.
    id3_version : {3, 4}
        Version of a new ID3v2 tag; an existing tag keeps its own.
    verify : {'packets', 'full'}
        Prove a copy's audio by its packets, where that is certain, or decode all of it.
    """

    hardlinks: Literal["skip", "break", "in-place"] = "skip"
    preserve_mtime: bool = False
    id3_version: Literal[3, 4] = 4
    verify: Verify = "packets"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The choices for one run.

    Attributes
    ----------
    models : tuple of str
        Each is a model's name, or the path of a card or of the weights next to one. Earlier
        models decide before later ones.
    labels : str or None
        A file of words (``.npz``) that replaces the words of cards that have some.
    device : {'auto', 'cpu', 'cuda', 'rocm'}
        Where the network runs; only ``auto`` falls back to the CPU.
    threads : int
        Threads of the network on a CPU, 1 or more.
    decoder : {'auto', 'ffmpeg', 'soundfile'}
        The library that decodes; ``auto`` tries FFmpeg, then libsndfile.
    pool : {'logit-mean', 'prob-mean', 'max'} or None
        How windows become one score per label; ``None`` takes the card's.
    hop_seconds : float or None
        Stride of the windows, in seconds; ``None`` takes the card's.
    effort : str
        How much of a track is heard: ``full``, ``balanced``, ``fast``, or a number of windows.
    rules : Rules
        The user's, from a file; the settings below replace parts of them unless they are None.
    fields : tuple of {'genre', 'mood'} or None
        The tag fields that may be written.
    policy : {'fill', 'merge', 'overwrite'} or None
        What to do with values that a field already has: keep them and add nothing; keep them
        and add ours; replace them.
    player : str or None
        The player that values are laid out for.
    replace_junk : bool
        Replace genres that say nothing.
    by_album : bool
        One decision for all tracks of an album; a folder counts as an album too.
    albums : bool
        One decision for all tracks of an album that the tags name.
    dry_run : bool
        Score and decide, write nothing.
    spoken_word : bool
        Also tag podcasts and audiobooks.
    min_score : float or None
        Lowest score (0 to 1) of a tag.
    ratio : float or None
        Lowest share (0 to 1) of the field's top score.
    max_tags : int or None
        Most values per field.
    ways : WriteSettings
        How files are written.
    leantag : {'short', 'full', 'none'}
        How much LEANTAG says; see `decide.leantag_field`.
    listen : bool
        Load a model; without one, a run can only decide again what was heard before, or undo.
    max_mem_bytes : int
        Memory budget of the run, in bytes; for a worker, the most that it may have.
    max_gpu_mem_bytes : int
        Budget of GPU memory for the networks, in bytes; 0 is no limit.
    """

    models: tuple[str, ...] = (DEFAULT_MODEL,)
    labels: str | None = None
    device: Literal["auto", "cpu", "cuda", "rocm"] = "auto"
    threads: int = 1
    decoder: Literal["auto", "ffmpeg", "soundfile"] = "auto"
    pool: Literal["logit-mean", "prob-mean", "max"] | None = None
    hop_seconds: float | None = None
    effort: str = "full"
    rules: Rules = DEFAULT
    fields: tuple[str, ...] | None = None
    policy: Literal["fill", "merge", "overwrite"] | None = None
    player: str | None = None
    replace_junk: bool = False
    by_album: bool = False
    albums: bool = False
    dry_run: bool = False
    spoken_word: bool = False
    min_score: float | None = None
    ratio: float | None = None
    max_tags: int | None = None
    ways: WriteSettings = WriteSettings()
    leantag: LeantagForm = "short"
    listen: bool = True
    max_mem_bytes: int = 0
    max_gpu_mem_bytes: int = 0

    @property
    def model(self) -> str:
        """The first model."""
        return self.models[0]

    @property
    def names(self) -> str:
        """The models' names for users; a path gives its last part."""
        last = (os.path.basename(model) for model in self.models)
        return ", ".join(name.removesuffix(".json").removesuffix(".onnx") for name in last)
