"""Tag music by ear, under a memory budget that holds.

The flow, in order; each step is one module::

    decode → resample → window → frontend → model → pool → tags → write
    mono at   fixed-size  views    log-mel    logits  scores plan   the user's
    its rate  chunks      of it    patches                          own file

`listen` hears, `decide` plans, `write` writes; `tagger` joins them for one file. `store` keeps the
journal, `run` works through a library, `cli` talks to the user.

What is named in ``__all__`` is public: `Tagger` for the whole flow, its results `Scores`,
`Taggram` and `TagPlan`, the `Rules` that choose the tags, `stream` for the audio alone, and the
errors. Everything else may change with any version.

Examples
--------
>>> from lean_tagger import FileError, Tagger
>>> tagger = Tagger("msd-musicnn")
>>> for path in ["song.mp3", "song.flac", "no such file.ogg"]:
...     try:
...         plan = tagger.tag(path, dry_run=True)
...     except FileError as error:
...         print(error.path, "-", type(error).__name__)
...     else:
...         print(path, "-", *plan.tags["genre"])
song.mp3 - Electronic
song.flac - Folk
no such file.ogg - UnreadableError
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

from lean_tagger._version import __version__

# ONNX Runtime's Linux wheels since 1.29 phone home and write under ~/.cache unless this
# is set before they are imported, so it is set before any other of our modules is loaded.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

if TYPE_CHECKING:
    from lean_tagger.decide.tag_plan import TagPlan
    from lean_tagger.errors import (
        BeingWrittenError,
        BudgetError,
        ChangedError,
        ClusterError,
        ConfigError,
        DecodeError,
        DownloadError,
        EncryptedError,
        FileError,
        HardlinkedError,
        LeanTagError,
        LockedError,
        ModelError,
        NoAudioError,
        NoPermissionError,
        NoRoomError,
        NoTagSupportError,
        ObstacleError,
        OverBudgetError,
        ReadOnlyError,
        SpokenWordError,
        StateError,
        TooShortError,
        UnreadableError,
        WriteError,
    )
    from lean_tagger.listen.listener import Taggram
    from lean_tagger.listen.pooling import Scores
    from lean_tagger.listen.stream import stream
    from lean_tagger.rules.model import Rules
    from lean_tagger.tagger import Tagger

__all__ = [
    "BeingWrittenError",
    "BudgetError",
    "ChangedError",
    "ClusterError",
    "ConfigError",
    "DecodeError",
    "DownloadError",
    "EncryptedError",
    "FileError",
    "HardlinkedError",
    "LeanTagError",
    "LockedError",
    "ModelError",
    "NoAudioError",
    "NoPermissionError",
    "NoRoomError",
    "NoTagSupportError",
    "ObstacleError",
    "OverBudgetError",
    "ReadOnlyError",
    "Rules",
    "Scores",
    "SpokenWordError",
    "StateError",
    "TagPlan",
    "Tagger",
    "Taggram",
    "TooShortError",
    "UnreadableError",
    "WriteError",
    "__version__",
    "stream",
]

_MODULES = {
    "Rules": "rules.model",
    "Scores": "listen.pooling",
    "TagPlan": "decide.tag_plan",
    "Tagger": "tagger",
    "Taggram": "listen.listener",
    "stream": "listen.stream",
}
"""The modules that define the public names; a name that is missing here is an error."""


def __getattr__(name: str) -> Any:
    """Load the audio stack only when it is needed (PEP 562): the command starts without it."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = import_module(f"{__name__}.{_MODULES.get(name, 'errors')}")
    return getattr(module, name)


def __dir__() -> list[str]:
    return __all__
