"""The command ``lean-tag``: find the command, run it, end with the right code.

``lean-tag PATH...`` tags; the other commands are in `commands.NAMES`. A folder that is named
like a command can be given as ``./name``. Nothing heavy is imported until the options are
checked, so ``--help`` and mistakes are answered at once. Commands raise a `LeanTagError`;
only this module turns it into sentences and an exit code.
"""

import errno
import importlib
import os
import sys
from collections.abc import Sequence

from lean_tagger.cli import commands
from lean_tagger.cli.signals import Stop
from lean_tagger.cli.terminal import OutputClosed
from lean_tagger.errors import BudgetError, LeanTagError, StateError

_CLOSED_EXIT = 128 + 13  # as if ended by SIGPIPE, which Windows lacks


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Parameters
    ----------
    argv : sequence of str or None
        The arguments; ``None`` takes those of the process.

    Returns
    -------
    int
        Exit code: 0; 1 if a file failed; that of the error that ended the run; or 128 plus the
        number of the signal that ended it.

    Raises
    ------
    SystemExit
        After ``--help`` and ``--version``, and with 2 for a bad option.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    module, function = "tag", "run"
    if arguments and arguments[0] in commands.NAMES:
        module, function = commands.NAMES[arguments.pop(0)]
    with Stop() as stop:
        try:
            command = getattr(
                importlib.import_module(f"lean_tagger.cli.commands.{module}"), function
            )
            code: int = command(arguments, stop)
        except KeyboardInterrupt:
            # If it came while a class was being made (dataclasses and named tuples run source
            # text), Python would end by SIGINT whatever we return. Running another text clears it.
            exec("")  # noqa: S102 - nothing in it
            return stop.exit_code
        except LeanTagError as error:
            from lean_tagger.cli.console import Console  # late: few runs end like this

            Console().error(*error.sentences)
            return error.exit_code
        except OutputClosed:
            return _CLOSED_EXIT
        except (OSError, ImportError) as error:
            # It may happen anywhere, from a late import to a pipe.
            if os.strerror(errno.EMFILE) not in str(error):
                raise
            sys.stderr.write(
                "lean-tag: this process may not open enough files; allow more: ulimit -n 256\n"
            )
            return StateError.exit_code
        except MemoryError:
            sys.stderr.write(
                "lean-tag: this process may not use enough memory; lift the limit: "
                "ulimit -v unlimited\n"
            )
            return BudgetError.exit_code
        return code
