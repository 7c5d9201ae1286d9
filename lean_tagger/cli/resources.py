"""The budget and the journal's path, from the options of most commands."""

import argparse
from pathlib import Path

from lean_tagger.errors import BudgetError
from lean_tagger.run.budget import SUPERVISOR_BYTES
from lean_tagger.store import location
from lean_tagger.system import machine
from lean_tagger.system.memory import format_size

_LEAST_MEANT_BYTES = 1 << 16  # a smaller number was probably meant in megabytes


def budget_bytes(given_bytes: int | None) -> int:
    """Return the memory budget of a run: as given, lowered to what the machine allows.

    Raises
    ------
    BudgetError
        Not even a run without anything to hear fits.
    """
    if given_bytes is not None and given_bytes < SUPERVISOR_BYTES:
        meant = f" (did you mean {given_bytes}M?)" if given_bytes < _LEAST_MEANT_BYTES else ""
        raise BudgetError(
            f"--max-mem {format_size(given_bytes)} is too little for any run{meant}; lean-tag "
            "doctor says what each model needs"
        )
    return min(given_bytes or machine.default_budget_bytes(), machine.machine_limit_bytes())


def state_path(given: argparse.Namespace) -> Path:
    """Return the path of the journal that the options name."""
    return Path(given.state).absolute() if given.state else location.default_path()
