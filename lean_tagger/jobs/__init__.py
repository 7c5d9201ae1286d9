"""Values that travel: what is asked for one file, what was heard in it, what became of it.

Plain data: picklable, so that it can cross to a worker process, and JSON-able, so that
``--json`` prints it as it is.
"""

from lean_tagger.jobs.heard import Asked, Heard, Pooling, TrackInfo, Values
from lean_tagger.jobs.identity import PART, Identity, names_audio
from lean_tagger.jobs.job import Job, Later, Ours, Recognise, Restore, Writing
from lean_tagger.jobs.outcomes import (
    Failed,
    Opinion,
    Outcome,
    Recognised,
    Reported,
    Restored,
    RestoreStatus,
    Skipped,
    Tagged,
    TagStatus,
)
from lean_tagger.jobs.scores import SCORE_STEPS, from_uint16, quantised, to_uint16

__all__ = [
    "PART",
    "SCORE_STEPS",
    "Asked",
    "Failed",
    "Heard",
    "Identity",
    "Job",
    "Later",
    "Opinion",
    "Ours",
    "Outcome",
    "Pooling",
    "Recognise",
    "Recognised",
    "Reported",
    "Restore",
    "RestoreStatus",
    "Restored",
    "Skipped",
    "TagStatus",
    "Tagged",
    "TrackInfo",
    "Values",
    "Writing",
    "from_uint16",
    "names_audio",
    "quantised",
    "to_uint16",
]
