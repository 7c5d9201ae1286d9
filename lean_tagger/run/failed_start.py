"""Explain why a worker did not start, as the error that ends the run.

There are three kinds of reasons, each with its own exit code: the memory that a process may have,
the libraries of this machine, and the model.
"""

from lean_tagger.errors import BudgetError, LeanTagError, ModelError, StateError
from lean_tagger.jobs import Failed
from lean_tagger.system.memory import NO_MEMORY, format_size, process_limit_bytes

_NO_ROOM = (*NO_MEMORY, "failed to map segment", "MemoryError", "Memory allocation")
"""Messages of the dynamic linker, Python and OpenBLAS when no memory is left."""


def ran_out(message: str) -> bool:
    """Tell whether a process says that it got no memory."""
    return any(words in message for words in _NO_ROOM)


def reason(models: str, failure: Failed, *, status: int, libraries_loaded: bool) -> LeanTagError:
    """Return the error for a worker that ended before it was ready.

    Parameters
    ----------
    models : str
        What it should load, for the message.
    failure : Failed
        What is known about its end.
    status : int
        Its exit status; for a signal, the negative number.
    libraries_loaded : bool
        Whether it had loaded its libraries.
    """
    what = f"a worker with the model {models} could not start: {failure.message}"
    limit_bytes = process_limit_bytes()
    told = ran_out(failure.message)
    # Some libraries crash if they get no memory.
    crashed = status < 0 and failure.kind == "crashed"
    if limit_bytes is not None and (told or crashed):
        return BudgetError(
            f"{what}; the address space of a process is limited to {format_size(limit_bytes)} "
            "here, which is too little; lift that: ulimit -v unlimited"
        )
    if told or failure.kind in {"killed", "over-budget"}:
        return BudgetError(what)
    if failure.kind == "hung":
        what += "; allow more with --start-timeout"
    if libraries_loaded:
        return ModelError(what)
    return StateError(f"{what}; lean-tag doctor shows which libraries load here")
