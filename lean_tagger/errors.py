"""Every error that lean-tag raises on purpose, in one tree.

::

    LeanTagError
    ├─ ConfigError        bad option, bad card              abort, exit 2
    ├─ ModelError         load, provider, shape, NaN        abort, exit 3
    ├─ BudgetError        cannot fit, known before starting abort, exit 4
    ├─ StateError         our own I/O failed (disk full)    abort, exit 5
    ├─ DownloadError      a network could not be fetched    abort, exit 6
    ├─ ClusterError       gone, or not answering            abort, exit 7
    ├─ LockedError        another run holds the library     abort, exit 11
    └─ FileError(path)    becomes Failed; the run goes on   exit 1 at the end
       ├─ DecodeError     the audio cannot be read
       ├─ NoAudioError    it holds no audio
       ├─ TooShortError   less audio than a judgement needs
       ├─ EncryptedError  protected against reading
       ├─ WriteError      the tags cannot be written safely
       │  ├─ NoTagSupportError  never can, in this kind of file
       │  └─ ObstacleError     as stat(2) tells before anything is tried
       │     ├─ HardlinkedError    would break its hard links
       │     ├─ ReadOnlyError      protected against everybody
       │     ├─ NoPermissionError  of this user, for the file or its folder
       │     └─ NoRoomError        on the disk, for a copy
       ├─ SpokenWordError a podcast or an audiobook, left alone
       ├─ ChangedError    its audio has changed, and no model is loaded
       ├─ UnreadableError the file cannot be opened
       └─ OverBudgetError scoring it would break the memory budget

A message says what happened and what to do. The path of a file is kept apart, in
``FileError.path``, so that whoever prints it can escape it.
"""

from typing import ClassVar


class LeanTagError(Exception):
    """Root of the tree; never raised itself.

    Attributes
    ----------
    exit_code : int
        The command's exit code when this error ends it.
    kind : str
        The error's name in ``--json`` output.
    """

    exit_code: ClassVar[int] = 1
    kind: ClassVar[str] = "error"

    @property
    def sentences(self) -> tuple[str, ...]:
        """What to tell a user, a line each; most errors have one sentence."""
        return (str(self),)


class ConfigError(LeanTagError):
    """An option, a model card or a rules file makes no sense.

    It holds a sentence for each mistake: a rules file may have several.
    """

    exit_code = 2
    kind = "config"

    def __str__(self) -> str:
        return "\n".join(self.sentences)

    @property
    def sentences(self) -> tuple[str, ...]:
        """What to tell a user, a line each."""
        return tuple(str(sentence) for sentence in self.args)


class ModelError(LeanTagError):
    """A model cannot be loaded, or does not give what its card says."""

    exit_code = 3
    kind = "model"


class BudgetError(LeanTagError):
    """The memory budget is below what the run needs."""

    exit_code = 4
    kind = "budget"


class StateError(LeanTagError):
    """Writing failed for a reason that the next file would meet too, such as a full disk."""

    exit_code = 5
    kind = "state"


class DownloadError(LeanTagError):
    """A file could not be fetched, or another one came than was asked for."""

    exit_code = 6
    kind = "download"


class ClusterError(LeanTagError):
    """The cluster that listens does not answer any more."""

    exit_code = 7
    kind = "cluster"


class LockedError(LeanTagError):
    """Another run holds the library."""

    exit_code = 11
    kind = "locked"


class FileError(LeanTagError):
    """One file cannot be done; the run goes on.

    Parameters
    ----------
    path : str
        The file, as the operating system names it (undecodable bytes as surrogates).
    message : str
        One sentence: what happened, and what to do if anything can be done.
    """

    kind = "file"

    def __init__(self, path: str, message: str) -> None:
        super().__init__(path, message)
        self.path = path
        self.message = message

    def __str__(self) -> str:
        return self.message

    @property
    def sentences(self) -> tuple[str, ...]:
        """The message with its file, for a command that ends with this error."""
        return (f"{self.path}: {self.message}",)


class DecodeError(FileError):
    """The audio cannot be read."""

    kind = "decode"


class NoAudioError(FileError):
    """There is no audio in the file."""

    kind = "no-audio"


class TooShortError(FileError):
    """There is less audio than a judgement needs."""

    kind = "too-short"


class EncryptedError(FileError):
    """The audio is protected against reading."""

    kind = "encrypted"


class WriteError(FileError):
    """The tags cannot be written without risk; the file is as it was."""

    kind = "write"


class ObstacleError(WriteError):
    """Something about the file or its folder prevents writing; its content does not matter."""


class HardlinkedError(ObstacleError):
    """The file has several hard links, which writing would break."""

    kind = "hard-linked"


class BeingWrittenError(ObstacleError):
    """Another program has the file open for writing, and would lose what it writes next."""

    kind = "being-written"


class NoTagSupportError(WriteError):
    """The file is of a kind that has no place for our fields."""

    kind = "no-tag-support"


class ChangedError(FileError):
    """The audio has changed since it was heard, and no model is loaded to hear it."""

    kind = "changed"


class SpokenWordError(FileError):
    """The file is a podcast or an audiobook, which are left alone unless asked for."""

    kind = "spoken-word"


class ReadOnlyError(ObstacleError):
    """The file or its file system is protected against changes."""

    kind = "read-only"


class NoPermissionError(ObstacleError):
    """The user may not write the file, or could not keep its owner."""

    kind = "no-permission"


class NoRoomError(ObstacleError):
    """There is no room on the disk for a copy of the file."""

    kind = "no-room"


class UnreadableError(FileError):
    """The file cannot be opened."""

    kind = "unreadable"


class OverBudgetError(FileError):
    """Going on with this file would break the memory budget."""

    kind = "over-budget"
