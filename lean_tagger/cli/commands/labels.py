"""``lean-tag labels``: words of your own, for a network that was trained with text."""

import argparse
import math
from itertools import groupby
from pathlib import Path

from lean_tagger.card import Label, read_words
from lean_tagger.cli import options
from lean_tagger.cli.console import Console
from lean_tagger.cli.signals import Stop
from lean_tagger.errors import ConfigError
from lean_tagger.system import machine
from lean_tagger.system.digest import sha256_of_file

SCALE = 1 / 0.07
"""The scale with which CLIP and CLAP begin their training; a network's own is better."""

_MOST_BYTES = 1 << 20


def run(arguments: list[str], _: Stop) -> int:
    """Make a file of words, or show one."""
    given = _parse(arguments)
    console = Console()
    if given.action == "make":
        _make(given, console)
    else:
        _show(Path(given.file), console)
    return 0


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = options.Parser(
        prog="lean-tag labels",
        description="Use words of your own as labels, for a model that was trained with text.",
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="make|show")
    make = actions.add_parser(
        "make",
        description="Turn a list of words into vectors, once; lean-tag --labels FILE.npz then "
        "needs no text model. One word or phrase a line; 'name = text for the model'; "
        "[mood] and [genre] say what the lines below are; # starts a comment.",
        help="turn a list of words into a file of vectors",
    )
    add = make.add_argument
    add("words", metavar="WORDS.txt", help="the list")
    add("--text-model", required=True, metavar="FILE.onnx", help="the network's text half")
    add("--tokenizer", required=True, metavar="FILE.json", help="its tokenizer.json")
    add("-o", "--out", metavar="FILE.npz", help="where to write (default: next to the list)")
    add("--template", metavar="TEXT", help='what the model reads (default: "This is {} music.")')
    add("--kind", choices=("genre", "mood"), default="genre", help="default: genre")
    add(
        "--scale",
        type=_positive,
        default=SCALE,
        metavar="X",
        help="the network's exp(logit_scale), which makes scores sharper or flatter "
        "(default: %(default).2f, where the training of such networks begins)",
    )
    add("--bias", type=_finite, metavar="X", help="its logit_bias, if trained with a sigmoid loss")
    add("--output", metavar="NAME", help="the output to take, where the network has several")
    show = actions.add_parser(
        "show", description="Show what is in a file of words.", help="show a file of vectors"
    )
    show.add_argument("file", metavar="FILE.npz")
    return parser.parse_args(arguments)


def _make(given: argparse.Namespace, console: Console) -> None:
    from lean_tagger.catalogue.text import word_list

    source = Path(given.words)
    wanted = word_list.parse(
        _text(source),
        template=given.template or word_list.TEMPLATE,
        kind=given.kind,
        where=str(source),
    )
    target = Path(given.out) if given.out else source.with_suffix(".npz")
    if target.suffix != ".npz":
        raise ConfigError(f"the name {target} should end in .npz")
    from lean_tagger.catalogue.text import make_vectors  # late: it loads numpy and ONNX Runtime

    model = make_vectors.TextModel(
        Path(given.text_model),
        Path(given.tokenizer),
        output=given.output,
        threads=machine.usable_cores(),
    )
    vectors = (model(phrase.text) for phrase in wanted)
    count, dim = make_vectors.save(target, wanted, vectors, scale=given.scale, bias=given.bias)
    console.line(f"{target}: {count} words, {dim} numbers each")


def _show(path: Path, console: Console) -> None:
    found = read_words(path)
    scale = "no scale; the card must have one" if found.scale is None else f"{found.scale:.4g}"
    console.line(f"{path}: {len(found.labels)} words, {found.dim} numbers each, scale {scale}")
    console.line(f"sha256 {sha256_of_file(path)}, for a card")
    if found.bias is not None:
        console.line(f"bias {found.bias:.4g}: each word is judged on its own")
    for kind, labels in groupby(sorted(found.labels, key=_kind), key=_kind):
        names = [label.name for label in labels]
        console.line(f"{kind} ({len(names)}): {', '.join(names)}")


def _kind(label: Label) -> str:
    return label.kind


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    if len(data) > _MOST_BYTES:
        raise ConfigError(f"{path} is too long for a list of words")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8; save it as such") from error


def _positive(text: str) -> float:
    number = _finite(text)
    if number <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return number


def _finite(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number")
    return number
