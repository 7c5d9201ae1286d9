"""``lean-tag redo``; see `undo`."""

from lean_tagger.commands.undo import redo as run

__all__ = ["run"]
