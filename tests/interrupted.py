"""Write many files, each in a process of its own that a tracer may interrupt.

``python interrupted.py WAY FILE...``; what became of each is left as a symbolic link
``FILE.ended``, since making one is no call that the tracer interferes with.
"""

import os
import sys

from audiofiles import fingerprint

from lean_tagger import write
from lean_tagger.errors import FileError, LeanTagError
from lean_tagger.settings import WriteSettings

VALUES = {"genre": ("Rock",), "leantag": ("{}",)}


def attempt(path: str, hardlinks: str) -> int:
    try:
        write.write(path, VALUES, fingerprint=fingerprint, ways=WriteSettings(hardlinks=hardlinks))
    except (FileError, LeanTagError):
        return 7
    except BaseException:  # noqa: BLE001 - told apart from the above
        return 1
    return 0


def main(hardlinks: str, paths: list[str]) -> None:
    # Whatever is loaded late is loaded now, and not in every process.
    write.write(paths[0], {}, fingerprint=fingerprint)
    fingerprint(paths[0])
    for path in paths:
        pid = os.fork()
        if pid == 0:
            os._exit(attempt(path, hardlinks))
        _, status = os.waitpid(pid, 0)
        os.symlink(str(os.waitstatus_to_exitcode(status)), f"{path}.ended")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
