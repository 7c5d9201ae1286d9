"""Entry of ``python -m lean_tagger`` and of the ``lean-tag`` script."""

import sys

try:
    from lean_tagger.cli.main import main
except KeyboardInterrupt:  # an impatient Ctrl-C: no traceback either
    raise SystemExit(130) from None

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main())
