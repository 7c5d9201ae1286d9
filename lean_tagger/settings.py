"""What a user may choose about a run, as one frozen value.

The command line builds it from its options, and the worker gets it whole: it is picklable,
so it can cross to another process.
"""

import os
from dataclasses import dataclass
from typing import Literal

from lean_tagger.rules import DEFAULT, Rules

DEFAULT_MODEL = "msd-musicnn"

LeantagForm = Literal["short", "full", "none"]
"""How much a file's LEANTAG field says."""

Verify = Literal["packets", "full"]
"""How a copy is proved to hold the same audio; see `listen.decode.audio_proof`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteSettings:
    """How a file is written.

    Attributes
    ----------
    hardlinks : {'skip', 'break', 'in-place'}
        What becomes of a file with several names: left alone; replaced, the others keeping
        what it held; changed where it stands, if the new tag fits into the room of the old.
    preserve_mtime : bool
        Keep the modification time. Music servers notice changes by it.
    id3_version : {3, 4}
        Of a new ID3v2 tag; one that is there keeps its own.
    verify : {'packets', 'full'}
        Whether the audio of a copy is proved by its packets, where they say all, or decoded.
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
        Each a model's name, or the path of a card or of the weights next to one. Of several,
        an earlier one comes before a later one where both have something to say.
    labels : str or None
        A file of words (``.npz``) in place of those of the cards that have some.
    device : {'auto', 'cpu', 'cuda', 'rocm'}
        Where the network runs; only ``auto`` falls back to the CPU.
    threads : int
        Threads of the network on a CPU, 1 or more.
    decoder : {'auto', 'ffmpeg', 'soundfile'}
        Which library decodes; ``auto`` tries FFmpeg, then libsndfile.
    pool : {'logit-mean', 'prob-mean', 'max'} or None
        How windows become one score per label; ``None`` takes the card's.
    hop_seconds : float or None
        Stride of the windows, in seconds; ``None`` takes the card's.
    effort : str
        How much of a track is heard: ``full``, ``balanced``, ``fast``, or a number of windows.
    rules : Rules
        The user's, from a file; what follows takes their place where it is not None.
    fields : tuple of {'genre', 'mood'} or None
        The tag fields that may be written.
    policy : {'fill', 'merge', 'overwrite'} or None
        What becomes of values that a field already has: kept and nothing added; kept, ours
        added; replaced.
    player : str or None
        For which player values are laid out.
    replace_junk : bool
        Genres that say nothing give way.
    by_album : bool
        One decision for all tracks of an album, also of one that is only a folder.
    albums : bool
        The same where the tags say what an album is.
    dry_run : bool
        Score and decide, write nothing.
    spoken_word : bool
        Also tag podcasts and audiobooks.
    min_score : float or None
        Least score (0 to 1) of a tag.
    ratio : float or None
        Least share (0 to 1) of the field's top score.
    max_tags : int or None
        Most values per field.
    ways : WriteSettings
        How files are written.
    leantag : {'short', 'full', 'none'}
        How much is left in a file of what was heard and done; see `decide.leantag_field`.
    listen : bool
        Load a model; without one, only what was heard before can be decided again or undone.
    max_mem_bytes : int
        Memory budget of the run, in bytes; for a worker, the most that it may have.
    max_gpu_mem_bytes : int
        The same of a GPU's memory, for the networks; 0 is no limit.
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
        """The models as a user calls them: of a path, the last part."""
        last = (os.path.basename(model) for model in self.models)
        return ", ".join(name.removesuffix(".json").removesuffix(".onnx") for name in last)
