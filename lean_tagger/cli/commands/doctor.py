"""``lean-tag doctor``: its options."""

from lean_tagger.cli import doctor, option_types, options
from lean_tagger.cli.signals import Stop


def run(arguments: list[str], _: Stop) -> int:
    """Examine this machine and print what was found."""
    parser = options.Parser(
        prog="lean-tag doctor",
        description="Say whether lean-tag will work here, and if not, what to do.",
    )
    parser.add_argument("paths", nargs="*", metavar="PATH", help="music that a run would be given")
    parser.add_argument(
        "--max-mem", type=option_types.size, metavar="SIZE", help="plan with this budget"
    )
    options.add_start_timeout(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object, for programs")
    given = parser.parse_anywhere(arguments)
    return doctor.run(
        given.paths,
        max_mem_bytes=given.max_mem,
        start_seconds=given.start_timeout,
        as_json=given.json,
    )
