"""What ``lean-tag`` can be told to do.

``lean-tag PATH...`` tags, which is `tag`. A command is a function ``(arguments, stop)`` that
returns the exit code; its module is imported only when it is asked for.
"""

NAMES = {
    "check": ("check", "run"),
    "doctor": ("doctor", "run"),
    "eval": ("evaluate", "run"),
    "explain": ("explain", "run"),
    "export": ("exchange", "export"),
    "import": ("exchange", "import_"),
    "labels": ("labels", "run"),
    "learn": ("learn", "run"),
    "merge": ("exchange", "merge"),
    "models": ("models", "run"),
    "redo": ("undo", "redo"),
    "retag": ("retag", "run"),
    "rules": ("rules", "run"),
    "runs": ("runs", "run"),
    "status": ("status", "run"),
    "undo": ("undo", "run"),
}
"""Module and function of each command, by the word that asks for it."""
