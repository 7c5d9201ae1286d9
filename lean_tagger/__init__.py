"""Tag music by ear, under a memory budget that holds.

The flow, in order; each step is one module::

    decode → resample → window → frontend → model → pool → tags → write
    mono at   fixed-size  views    log-mel    logits  scores plan   the user's
    its rate  chunks      of it    patches                          own file

`listen` hears, `decide` plans, `write` writes; `pipeline` joins them for one file, `tagger`
is it for programs. `store` remembers, `run` walks a library, `cli` talks to the person.

>>> from lean_tagger import Tagger
>>> Tagger("msd-musicnn").score("song.mp3").top(3)      # doctest: +SKIP
"""

import os
from typing import TYPE_CHECKING, Any

# ONNX Runtime's Linux wheels since 1.29 phone home and write under ~/.cache unless this
# is set before they are imported, so it is the first thing that any of our code does.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

if TYPE_CHECKING:
    from lean_tagger.listen.stream import stream
    from lean_tagger.tagger import Tagger

__all__ = ["Tagger", "__version__", "stream"]

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Load the audio stack only when it is asked for (PEP 562): the command starts without."""
    if name == "Tagger":
        from lean_tagger.tagger import Tagger

        return Tagger
    if name == "stream":
        from lean_tagger.listen.stream import stream

        return stream
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
