"""``lean-tag taggram SONG``: what a network hears second by second, as a picture or a table."""

import os
from typing import get_args

from lean_tagger.cli import options, session
from lean_tagger.cli.console import Console
from lean_tagger.cli.signals import Stop
from lean_tagger.library.taggram import Form, Request, heard
from lean_tagger.system.write_whole import written_whole

MARKS = {
    "png": b"Software\0lean-tag",
    "svg": b"<metadata>lean-tag</metadata>",
    "json": b'{"type": "taggram", "by": "lean-tag',
}
"""Marks a file as ours; such a file may be replaced."""


def run(arguments: list[str], _: Stop) -> int:
    """Listen to one file and write what was heard."""
    parser = options.Parser(
        prog="lean-tag taggram",
        description="Listen to a file, and show what the network hears in it second by second.",
    )
    add = parser.add_argument
    add("song", metavar="SONG", help="a music file")
    add(
        "-o",
        "--output",
        required=True,
        metavar="FILE",
        help="the file to write: a picture (.png, .svg) or a table (.json)",
    )
    options.add_models(parser)
    options.add_budget(parser)
    add("-q", "--quiet", action="store_true", help="print nothing but errors")
    given = parser.parse_args(arguments)
    form = os.path.splitext(given.output)[1][1:].lower()
    if form not in get_args(Form):
        parser.error(f"{given.output}: give a name that ends with .png, .svg or .json")
    request = Request(
        path=os.path.abspath(given.song),
        models=options.models(given),
        labels=os.path.abspath(given.labels) if given.labels else None,
        form=form,
    )
    with written_whole(given.output, mark=MARKS[form]) as file:
        for piece in heard(request, max_mem_bytes=session.budget_bytes(given.max_mem)):
            file.write(piece)
    Console(quiet=given.quiet).notice(f"wrote {given.output}")
    return 0
