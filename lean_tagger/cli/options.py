"""The parser of every command, and the options that commands share."""

import argparse
import os
from collections.abc import Sequence
from typing import Any, NoReturn

from lean_tagger import __version__
from lean_tagger.cli import option_types
from lean_tagger.cli.terminal import escape
from lean_tagger.run.worker_clock import START_SECONDS
from lean_tagger.system import machine

VERSION = f"lean-tag {__version__}"
_HELP = "show this help and exit"
_MOST = 1024  # threads or values: more is a typing mistake


class Parser(argparse.ArgumentParser):
    """A parser that reports mistakes in one line and takes options anywhere.

    No abbreviations: each would break when an option is added.
    """

    def __init__(self, *, add_help: bool = True, **given: Any) -> None:
        super().__init__(allow_abbrev=False, add_help=False, **given)
        if add_help:
            self.add_argument("-h", "--help", action="help", help=_HELP)

    def error(self, message: str) -> NoReturn:
        """End with one sentence instead of the whole usage."""
        unknown = message.partition("unrecognized arguments: ")[2].split()
        hint = self._like(unknown[0].partition("=")[0]) if unknown else ""
        self.exit(2, f"{self.prog}: {escape(message)}{hint}; see {self.prog} --help\n")

    def _like(self, option: str) -> str:
        """Return the option that was probably meant, as a question."""
        import difflib  # late: only a mistake needs it

        like = difflib.get_close_matches(option, self._option_string_actions, n=1)
        return f" (did you mean {like[0]}?)" if like else ""

    def parse_anywhere(self, arguments: list[str]) -> argparse.Namespace:
        """Parse; what follows ``--`` is paths. argparse gets that wrong when ``--`` comes first."""
        split = arguments.index("--") if "--" in arguments else len(arguments)
        given = self.parse_intermixed_args(arguments[:split])
        given.paths += arguments[split + 1 :]
        return given


def add_choice(group: argparse._ArgumentGroup) -> None:
    """Add the options that decide what is written."""
    from lean_tagger.fields import NUMBERS  # late: few commands write
    from lean_tagger.rules import FIELDS, PLAYERS

    add = group.add_argument
    add("-n", "--dry-run", action="store_true", help="show what would be written, write nothing")
    _add_policy(group.add_mutually_exclusive_group())
    add("--rules", metavar="FILE", help="your own vocabulary; see lean-tag rules --init")
    add("--player", choices=sorted(PLAYERS), metavar="NAME", help=f"for: {', '.join(PLAYERS)}")
    _add_albums(group.add_mutually_exclusive_group())
    add(
        "--fields",
        type=option_types.fields,
        metavar="LIST",
        help=f"fields to write: {','.join((*FIELDS, *NUMBERS))} (default: all that the models "
        "give)",
    )
    add(
        "--replace-junk",
        action="store_true",
        help="replace genres that say nothing: Other, Unknown, numbers, addresses",
    )
    add_ways(group)
    add("--min-score", type=option_types.share, metavar="X", help="lowest score of a tag, 0 to 1")
    add(
        "--ratio",
        type=option_types.share,
        metavar="R",
        help="lowest share of the top score, 0 to 1",
    )
    add("--max-tags", type=option_types.count, metavar="N", help="most values per field")


def _add_policy(group: argparse._ActionsContainer) -> None:
    group.add_argument(
        "--overwrite",
        dest="policy",
        action="store_const",
        const="overwrite",
        help="replace the genres and moods that are there",
    )
    group.add_argument(
        "--merge",
        dest="policy",
        action="store_const",
        const="merge",
        help="keep what is there and add to it",
    )


def _add_albums(group: argparse._ActionsContainer) -> None:
    group.add_argument(
        "--album-genre",
        action="store_true",
        default=None,
        help="treat every folder as an album (default: only albums that their tags name)",
    )
    group.add_argument(
        "--no-album-genre",
        dest="album_genre",
        action="store_false",
        help="decide each track on its own",
    )


def add_ways(group: argparse._ActionsContainer) -> None:
    """Add the options of writing."""
    add = group.add_argument
    add(
        "--hardlinks",
        choices=("skip", "break", "in-place"),
        default="skip",
        metavar="HOW",
        help="files with hard links: skip (default), break, in-place",
    )
    add(
        "--leantag",
        choices=("short", "full", "none"),
        default="short",
        metavar="FORM",
        help="what the field LEANTAG holds: short (default), full (scores by name), none",
    )
    add(
        "--preserve-mtime",
        action="store_true",
        help="keep the file's time; servers may miss the change",
    )
    add(
        "--verify",
        choices=("packets", "full"),
        default="packets",
        metavar="HOW",
        help="compare a copy's audio by packets (default), full (decode all of it)",
    )


def add_model(group: argparse._ArgumentGroup) -> None:
    """Add the options of listening."""
    add_models(group)
    add = group.add_argument
    add(
        "--device",
        choices=("auto", "cpu", "cuda", "rocm"),
        default="auto",
        help="where the network runs: auto (default), cpu, cuda, rocm",
        metavar="NAME",
    )
    add(
        "--max-gpu-mem",
        type=option_types.size,
        default=0,
        metavar="SIZE",
        help="GPU memory for all networks together (default: all of it)",
    )
    add(
        "--decoder",
        choices=("auto", "ffmpeg", "soundfile"),
        default="auto",
        help="decode with: auto (default), ffmpeg, soundfile",
        metavar="NAME",
    )
    add(
        "--pool",
        choices=("logit-mean", "prob-mean", "max"),
        help="combine windows by: logit-mean, prob-mean, max (default: the model's)",
        metavar="HOW",
    )
    add(
        "--hop-seconds",
        type=option_types.seconds,
        metavar="S",
        help="from one window to the next (default: the model's)",
    )


def add_models(group: argparse._ActionsContainer) -> None:
    """Add the choice of models; see `models`."""
    from lean_tagger.settings import Settings  # late: most commands have no models

    group.add_argument(
        "--model",
        action="extend",
        type=_model_names,
        metavar="NAME|PATH",
        help=f"default: {Settings().model}; repeat it for one to fill what the first leaves open",
    )
    group.add_argument(
        "--labels",
        metavar="FILE.npz",
        help="your own words, for a model that knows text; see lean-tag labels make --help",
    )


def models(given: argparse.Namespace) -> tuple[str, ...]:
    """Return the models that are asked; earlier ones decide first."""
    from lean_tagger.settings import Settings  # late, as above

    return tuple(given.model or Settings().models)


def add_effort(group: argparse._ActionsContainer) -> None:
    """Add the choice of how much of a track is heard."""
    group.add_argument(
        "--effort",
        type=option_types.effort,
        default="full",
        metavar="full|balanced|fast|N",
        help="how much to hear: all (default); until the tags are clear; a few windows; N windows",
    )


def add_resources(group: argparse._ArgumentGroup) -> None:
    """Add the limits of a run, and how it reports."""
    add_budget(
        group, says="memory budget: 1500M, 1.5G, 512MiB (default: 2G or half of the machine)"
    )
    add = group.add_argument
    add(
        "--jobs",
        type=option_types.count,
        default=machine.usable_cores(),
        metavar="N",
        help="most files at a time, and most cores in use (default: all usable, %(default)s here)",
    )
    add(
        "--timeout",
        type=option_types.seconds,
        default=60.0,
        metavar="S",
        help="give up on a file after S seconds (default 60) plus 40 s per MB",
    )
    add_start_timeout(group)
    add_output(group)


def add_budget(
    group: argparse._ActionsContainer, *, says: str = "memory budget (default: as for lean-tag)"
) -> None:
    """Add the budget of a command; by default that of a run."""
    group.add_argument("--max-mem", type=option_types.size, metavar="SIZE", help=says)


def add_waiting(group: argparse._ActionsContainer) -> None:
    """Add what is left for another run."""
    add = group.add_argument
    add(
        "--settle",
        type=option_types.seconds,
        metavar="S",
        help="leave files alone that changed in the last S seconds or are being written",
    )
    add(
        "--until",
        type=option_types.clock,
        metavar="HH:MM",
        help="start no file after this time of day",
    )
    add(
        "--only-in",
        type=_listed_folders,
        metavar="FILE",
        help="only these folders below PATH: absolute names, each followed by NUL; a slash at the "
        "end includes all below; - reads standard input",
    )


def add_pace(group: argparse._ActionsContainer, default: str = "normal") -> None:
    """Add how much other programs notice of a run."""
    group.add_argument(
        "--pace",
        choices=("normal", "gentle"),
        default=default,
        metavar="normal|gentle",
        help=f"gentle lets other programs have processors and disks first (default: {default})",
    )


def add_start_timeout(group: argparse._ActionsContainer) -> None:
    """Add the time that a worker may take to load its model."""
    group.add_argument(
        "--start-timeout",
        type=option_types.seconds,
        default=START_SECONDS,
        metavar="S",
        help="give up on a model that takes longer to load (default: %(default)g s)",
    )


def add_output(group: argparse._ActionsContainer) -> None:
    """Add how a command reports."""
    add = group.add_argument
    add("--json", action="store_true", help="one JSON object per line, for programs")
    much = group.add_mutually_exclusive_group()
    much.add_argument(
        "-v",
        "--verbose",
        action="store_true",
        help="also print files where nothing changes, and albums",
    )
    much.add_argument(
        "-q", "--quiet", action="store_true", help="print only what failed, and the summary"
    )
    add(
        "--color",
        choices=("auto", "always", "never"),
        default="auto",
        metavar="WHEN",
        help="auto (default), always, never",
    )
    add("-V", "--version", action="version", version=VERSION, help="show the version and exit")
    add("-h", "--help", action="help", help=_HELP)


def add_state(group: argparse._ActionsContainer) -> None:
    """Add the options that say where the journal is."""
    add = group.add_argument
    add("--state", metavar="PATH", help="the journal of scores and writes (default: your own)")
    add("--state-on-network", action="store_true", help="allow a journal on a network file system")


def _model_names(text: str) -> list[str]:
    """Return the models of one ``--model``; a path may have commas in it."""
    if os.path.exists(text):
        return [text]
    return [model for name in text.split(",") for model in _members(name)]


def _members(name: str) -> Sequence[str]:
    """Return the models that a name stands for; an entry of ``models get`` may have several."""
    from lean_tagger.card import installed_models  # late: most commands have no models

    if name in installed_models():
        return [name]
    from lean_tagger.catalogue import downloads  # late: the package's own models need no list

    models = downloads.models_of(name)
    if models and not set(models) & set(installed_models()):
        raise argparse.ArgumentTypeError(f"{name} is not here yet: lean-tag models get {name}")
    return models or [name]


def _listed_folders(name: str) -> list[str]:
    """Return the names in a file, or on standard input."""
    try:
        with open(0 if name == "-" else name, "rb", closefd=name != "-") as file:
            names = [os.fsdecode(it) for it in file.read().split(b"\0") if it]
    except (OSError, ValueError) as error:
        raise argparse.ArgumentTypeError(f"cannot read {name!r}: {error}") from error
    wrong = next((it for it in names if not os.path.isabs(it)), None)
    if wrong is not None:
        raise argparse.ArgumentTypeError(f"{wrong!r} is not an absolute name")
    return names
