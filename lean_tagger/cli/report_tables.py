"""Reports of `learn` and `check` as tables on a page."""

import contextlib
from collections.abc import Iterator
from typing import Any

from lean_tagger.card import installed_models, read_json, user_models_folder
from lean_tagger.cli.genres_page import percent
from lean_tagger.errors import ConfigError
from lean_tagger.library.page import Extra

_NEVER = "never"


def learnt() -> Iterator[Extra]:
    """Yield the thresholds and mistakes of each model that was learnt on this machine."""
    for name in installed_models():
        report = _record(name).get("report")
        if isinstance(report, dict) and report.get("type") == "learnt":
            # The file is the user's, who may have changed it.
            with contextlib.suppress(KeyError, TypeError, ValueError):
                yield from _of_model(name, report)


def checked(report: dict[str, Any]) -> Iterator[Extra]:
    """Yield what looks wrong, as `check` reports it."""
    rows = tuple(
        (it["path"], ", ".join(it["has"]), it["says"], percent(it["sure"]))
        for it in report["wrong"]
    )
    yield Extra(
        title="Tags that look wrong",
        text=f"{report['tracks']:,} tracks with a {report['field']} were compared with what others "
        f"of the same {report['field']} sound like; the most suspicious first. Of the first "
        f"{report['first']}, about {report['wrong_of_first']:.0f} are likely wrong.",
        head=("File", f"Has the {report['field']}", "Sounds like", "Sure"),
        rows=rows,
        of_files=True,
    )


def _record(name: str) -> dict[str, Any]:
    """Return the record next to a model of the user's; empty if there is none.

    The same as in `catalogue.user_models`, which loads 4 MiB of libraries.
    """
    try:
        found = read_json(user_models_folder() / f"{name}.added")
    except ConfigError:
        return {}
    return found if isinstance(found, dict) else {}


def _of_model(name: str, report: dict[str, Any]) -> Iterator[Extra]:
    field, overall = report["field"], report["overall"]
    rows = tuple(
        (
            row["class"],
            f"{row['tracks']:,}",
            f"{row['artists']:,}",
            percent(row["precision"]),
            percent(row["recall"]),
            _NEVER if row["threshold"] is None else f"{row['threshold']:.2f}",
            percent(row["recall_above"]),
        )
        for row in report["classes"]
    )
    yield Extra(
        title=f"Learnt: {name}",
        text=f"{report['tracks']:,} tracks of {report['artists']:,} artists; how right it is for "
        f"artists that were left out of the learning. {percent(overall['coverage'])} of them would "
        f"be written, and of that {percent(overall['precision'])} right.",
        head=(field.title(), "Tracks", "Artists", "Right", "Found", "Sure from", "Then found"),
        rows=rows,
    )
    if report["confusion"]:
        yield Extra(
            title=f"Mistaken by {name}",
            text="Which is taken for which, most often first.",
            head=(field.title(), "Taken for", "Tracks"),
            rows=tuple((it["class"], it["taken_for"], str(it["n"])) for it in report["confusion"]),
        )
