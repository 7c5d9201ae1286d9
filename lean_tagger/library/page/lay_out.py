"""The whole page: template, styles, script, and its security policy."""

import base64
import hashlib
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib import resources

from lean_tagger import __version__
from lean_tagger.library.heat_map import HeatMap
from lean_tagger.library.markup import escaped
from lean_tagger.library.page import Extra, sections
from lean_tagger.library.page.data import Sound, script_data
from lean_tagger.library.page.gather import Gathered

_PLACE = re.compile(r"\{\{(\w+)\}\}")


def page(
    found: Gathered,
    sound: Sound,
    *,
    pictures: Sequence[HeatMap] = (),
    extras: Sequence[Extra] = (),
) -> Iterator[str]:
    """Yield the page, piece by piece."""
    script, style = _own("page.js"), _own("page.css")
    fill: dict[str, Callable[[], Iterable[str]]] = {
        "policy": lambda: [_policy(script, style)],
        "style": lambda: [style],
        "script": lambda: [script],
        "data": lambda: script_data(found, sound),
        "name": lambda: [escaped(os.path.basename(found.root) or found.root)],
        "made": lambda: [f"{time.strftime('%Y-%m-%d %H:%M')}, lean-tag {escaped(__version__)}"],
        "links": lambda: sections.links(pictures, extras),
        "summary": lambda: sections.summary(found.counts),
        "genres": lambda: sections.genres(found.counts),
        "reasons": lambda: sections.reasons(found.counts.reasons),
        "runs": lambda: sections.runs(found.runs),
        "taggrams": lambda: sections.taggrams(pictures),
        "extras": lambda: sections.extras(extras),
        "left_out": lambda: _left_out(found, sound),
    }
    # Odd pieces are names of placeholders.
    for number, piece in enumerate(_PLACE.split(_own("template.html"))):
        if number % 2:
            yield from fill[piece]()
        else:
            yield piece


def _policy(script: str, style: str) -> str:
    """Return the page's security policy: run and show only its own contents, load nothing."""
    return (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _own(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8").strip()


def _left_out(found: Gathered, sound: Sound) -> Iterator[str]:
    """Yield which files are not on the map, and why."""
    shown = len(found.rows.names)
    if shown < found.counts.files:
        yield (
            f"<p>The map and the table show {shown:,} of {found.counts.files:,} files, an even "
            "selection; the numbers above are about all files.</p>"
        )
    heard = sum(seconds > 0 for seconds in found.rows.seconds)
    placed = sum(digest in sound.rows for digest in found.rows.digests)
    if heard > placed:
        yield (
            f"<p>{heard - placed:,} files are not on the map: they were heard by another network, "
            "or with --effort, or are only known by their LEANTAG. They will be on it when they "
            "are heard in full.</p>"
        )
