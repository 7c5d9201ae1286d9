"""What is printed about the batches of ``lean-tag watch``: one line each, and what failed."""

import json
from typing import Any

from lean_tagger.cli.console import Console
from lean_tagger.run.summary import Summary

_NEWS = frozenset({"tagged", "would tag", "failed"})


class BatchReport:
    """Reports batches in which something is new.

    Parameters
    ----------
    console : Console
        Where to print.
    json_lines : bool
        Pass on the records themselves.
    verbose : bool
        Also report what was tagged, and batches in which nothing is new.
    """

    def __init__(self, console: Console, *, json_lines: bool, verbose: bool) -> None:
        self._console, self._json_lines, self._verbose = console, json_lines, verbose
        self._news = False
        self._summary: dict[str, Any] | None = None

    def told(self, record: dict[str, Any]) -> None:
        """Take one record of a batch."""
        if record["type"] == "summary":
            self._summary = record
        elif self._is_news(record):
            self._news = True
            self._tell(record)

    def ended(self) -> None:
        """Sum up the batch that has just ended."""
        summary, self._summary = self._summary, None
        news, self._news = self._news, False
        if summary is None or not (news or self._verbose):
            return
        if self._json_lines:
            self._console.line(json.dumps(summary))
        else:
            self._console.summary(Summary(**{k: v for k, v in summary.items() if k != "type"}))

    def _is_news(self, record: dict[str, Any]) -> bool:
        if record["type"] != "result":
            return False
        heard = bool(record.get("windows")) and not record.get("known")
        return heard or record["status"] in _NEWS

    def _tell(self, record: dict[str, Any]) -> None:
        if self._json_lines:
            self._console.line(json.dumps(record))
        elif record["status"] == "failed":
            self._console.line(f"failed  {record['path']}: {record['error']['message']}")
        elif self._verbose:
            tags = ", ".join(value for values in record["tags"].values() for value in values)
            self._console.line(f"{record['status']}  {record['path']}: {tags}")
