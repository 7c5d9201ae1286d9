"""What ``lean-tag`` can be told to do: one module for each command.

``lean-tag PATH...`` tags, which is `tag`. A module's ``run(arguments, stop)`` returns the
exit code; it is imported only when it is asked for.
"""

__all__ = ["NAMES"]

NAMES = {
    "doctor": "doctor",
    "explain": "explain",
    "redo": "redo",
    "retag": "retag",
    "runs": "runs",
    "status": "status",
    "undo": "undo",
}
"""The module of each command by the word that asks for it."""
