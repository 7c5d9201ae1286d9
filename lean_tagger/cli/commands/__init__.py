"""What ``lean-tag`` can be told to do.

``lean-tag PATH...`` tags, which is `tag`. A command is a function ``(arguments, stop)`` that
returns the exit code; its module is imported only when it is asked for.
"""

NAMES = {
    "doctor": ("doctor", "run"),
    "explain": ("explain", "run"),
    "export": ("exchange", "export"),
    "find": ("find", "run"),
    "import": ("exchange", "import_"),
    "labels": ("labels", "run"),
    "merge": ("exchange", "merge"),
    "models": ("models", "run"),
    "path": ("similar", "path"),
    "playlists": ("playlists", "run"),
    "redo": ("undo", "redo"),
    "report": ("report", "run"),
    "retag": ("retag", "run"),
    "rules": ("rules", "run"),
    "runs": ("runs", "run"),
    "similar": ("similar", "run"),
    "status": ("status", "run"),
    "taggram": ("taggram", "run"),
    "undo": ("undo", "run"),
}
"""Module and function of each command, by the word that asks for it."""
