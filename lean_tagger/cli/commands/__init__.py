"""The commands of ``lean-tag``.

``lean-tag PATH...`` tags, as ``lean-tag tag PATH...`` does. A command is a function
``(arguments, stop)`` that returns the exit code; its module is imported only when it is asked for.
"""

NAMES = {
    "answer": ("answer", "run"),
    "check": ("check", "run"),
    "doctor": ("doctor", "run"),
    "eval": ("evaluate", "run"),
    "explain": ("explain", "run"),
    "export": ("exchange", "export"),
    "find": ("find", "run"),
    "help": ("help", "run"),
    "import": ("exchange", "import_"),
    "labels": ("labels", "run"),
    "learn": ("learn", "run"),
    "merge": ("exchange", "merge"),
    "models": ("models", "run"),
    "path": ("similar", "path"),
    "playlists": ("playlists", "run"),
    "redo": ("undo", "redo"),
    "report": ("report", "run"),
    "retag": ("retag", "run"),
    "rules": ("rules", "run"),
    "runs": ("runs", "run"),
    "service": ("service", "run"),
    "similar": ("similar", "run"),
    "status": ("status", "run"),
    "tag": ("tag", "run"),
    "taggram": ("taggram", "run"),
    "undo": ("undo", "run"),
    "version": ("help", "version"),
    "watch": ("watch", "run"),
}
"""Module and function of each command, by its name."""

ONLINE = (("models", "get"), ("--notify",), ("tag", "--dask"), ("tag", "URL"), ("answer", "URL"))
"""What may open a connection, each only to the address it is given: a download, a player, a
cluster, music at an address. Nothing else does; `tests/cli/test_no_sockets.py` watches the system
calls."""
