"""Fetch an entry's networks and make models of them; check all before adding any."""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lean_tagger.card import installed_models, onnx_graph, read_json
from lean_tagger.catalogue import add_model, fetch, measure, on_record, propose_card
from lean_tagger.catalogue.downloads import Entry, Network, Source
from lean_tagger.catalogue.fetch import Manners, Progress, Wanted, part_path
from lean_tagger.catalogue.partial_file import PartialFile, sweep
from lean_tagger.errors import BudgetError, ConfigError, ModelError

MOST_BYTES = 256 << 20
"""Most bytes of weights of unknown length."""

_MOST_METADATA_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """The user's options for a download.

    Attributes
    ----------
    url : str or None
        Where to fetch from instead: the address of one .onnx file, or of a mirror.
    most_bytes : int
        Largest size of a file of unknown length.
    accept_changed : bool
        Accept files that differ from those on record.
    replace : bool
        Also fetch what is there.
    manners : Manners
        How to behave towards servers.
    """

    manners: Manners
    url: str | None = None
    most_bytes: int = MOST_BYTES
    accept_changed: bool = False
    replace: bool = False


@dataclass(frozen=True, slots=True)
class Item:
    """One network to fetch, and its addresses.

    Attributes
    ----------
    network : Network
        The network.
    source : Source
        Its source, with the terms of use.
    url, metadata_url : str
        Addresses of its two files.
    """

    network: Network
    source: Source
    url: str
    metadata_url: str


@dataclass(frozen=True, slots=True)
class _Came:
    """A file that was fetched."""

    name: str
    url: str
    path: Path
    sha256: str


def items(entry: Entry, entries: Mapping[str, Entry], wishes: Wishes) -> list[Item]:
    """Return the networks to fetch, the backbone first, without those that are there.

    Raises
    ------
    ConfigError
        One address is given for several networks.
    """
    there = set() if wishes.replace else set(installed_models())
    one = wishes.url is not None and wishes.url.endswith(".onnx")
    if one and len(entry.networks) > 1:
        raise ConfigError(
            f"{entry.name} is {len(entry.networks)} networks: give --url the address of the "
            "folder with all of them"
        )
    found = []
    needed = entries.get(entry.needs or "")
    if needed is not None and not set(needed.models) <= set(installed_models()):
        found += [_item(it, needed.source, None if one else wishes.url) for it in needed.networks]
    found += [_item(it, entry.source, wishes.url) for it in entry.networks if it.name not in there]
    return found


def _item(network: Network, source: Source, url: str | None) -> Item:
    if url is not None and url.endswith(".onnx"):
        return Item(network, source, url, url.removesuffix(".onnx") + ".json")
    base = source.base if url is None else url.rstrip("/") + "/"
    return Item(network, source, base + network.weights, base + network.metadata)


def get(
    wanted: Sequence[Item],
    wishes: Wishes,
    *,
    accepted: Mapping[str, str | None],
    max_mem_bytes: int,
    start_seconds: float,
    say: Callable[[str], None],
    progress: Callable[[str], contextlib.AbstractContextManager[Progress]],
) -> Iterator[tuple[str, measure.Measured]]:
    """Fetch networks, and yield the name and needs of each model that was added.

    Parameters
    ----------
    wanted : sequence of Item
        From `items`.
    wishes : Wishes
        The user's options.
    accepted : mapping
        By licence, the day on which it was accepted; None if it needs no agreement.
    max_mem_bytes, start_seconds
        See `measure.measure`.
    say : callable
        Takes a sentence for the user.
    progress : callable
        Takes the name of a file, and returns the function that is told its progress.

    Raises
    ------
    LeanTagError
        Something did not come, or is not the right file. Models that were yielded are
        complete; nothing is left of the others.
    """
    folder = on_record.downloads_folder()
    sweep(folder)
    with contextlib.ExitStack() as parts:
        came = []
        for item in wanted:
            metadata = _fetch(item, wishes, parts, progress, metadata=True, say=say)
            weights = _fetch(item, wishes, parts, progress, metadata=False, say=say)
            _look(weights, metadata)
            came.append((item, weights, metadata))
        for item, weights, metadata in came:
            measured = _add(
                item,
                weights,
                metadata,
                accepted=accepted[item.source.licence],
                replace=wishes.replace,
                max_mem_bytes=max_mem_bytes,
                start_seconds=start_seconds,
            )
            for file in (weights, metadata):
                on_record.remember(file.name, file.sha256, file.url)
            yield item.network.name, measured
            for file in (weights, metadata):
                file.path.unlink(missing_ok=True)
                file.path.with_name(file.path.name + ".note").unlink(missing_ok=True)


def _fetch(
    item: Item,
    wishes: Wishes,
    parts: contextlib.ExitStack,
    progress: Callable[[str], contextlib.AbstractContextManager[Progress]],
    *,
    metadata: bool,
    say: Callable[[str], None],
) -> _Came:
    """Fetch one of a network's two files, and compare it with what is known about it."""
    url = item.metadata_url if metadata else item.url
    name = item.network.name + (".json" if metadata else ".onnx")
    known = on_record.checksum(name)
    strict = wishes.url is None and not wishes.accept_changed and not metadata
    pinned = None if metadata else item.network.sha256
    wanted = Wanted(
        url=url,
        size_bytes=item.network.size_bytes if strict else None,
        most_bytes=_MOST_METADATA_BYTES if metadata else wishes.most_bytes,
        sha256=pinned if strict else known[0] if known else None,
        for_more="" if metadata else "add --max-size",
    )
    part = parts.enter_context(PartialFile(part_path(on_record.downloads_folder(), url)))
    with progress(name) as told:
        sha256 = fetch.fetch(wanted, part, wishes.manners, told)
    if strict and pinned is not None and sha256 != pinned:
        part.drop()
        raise ModelError(
            f"{url} is not the network that lean-tag knows (sha256 {sha256}, and not {pinned}): "
            "damaged or replaced. To take it anyway, add --accept-changed"
        )
    if known is not None and sha256 != known[0] and not wishes.accept_changed:
        part.drop()
        raise ModelError(
            f"{url} is not the file that came on {known[1]} (sha256 {sha256}, and not {known[0]}): "
            "damaged or replaced. To take it anyway, add --accept-changed"
        )
    if not metadata:
        say(f"{name}: sha256 {sha256}, {_compared(sha256, pinned, known)}")
    return _Came(name, url, part.path, sha256)


def _compared(sha256: str, pinned: str | None, known: tuple[str, str] | None) -> str:
    """Return the result of comparing a checksum, in words."""
    if sha256 == pinned:
        return "the one that lean-tag knows"
    if known is None:
        other = "" if pinned is None else "not the one that lean-tag knows, "
        return f"{other}recorded now"
    if sha256 == known[0]:
        return f"the same as on {known[1]}"
    return f"not the same as on {known[1]}"


def _look(weights: _Came, metadata: _Came) -> None:
    """Check that a network and its metadata can be read, before anything is added."""
    with _said_of(weights), _said_of(metadata):
        onnx_graph.read(weights.path)
        _metadata(metadata)


def _metadata(metadata: _Came) -> dict[str, Any]:
    data = read_json(metadata.path)
    if not isinstance(data, dict):
        raise ConfigError(f"{metadata.path} is not the metadata of a network")
    return data


@contextlib.contextmanager
def _said_of(file: _Came) -> Iterator[None]:
    """Name the address in errors instead of our own copy, and delete a bad copy."""
    try:
        yield
    except (ConfigError, ModelError) as error:
        if str(file.path) not in str(error):
            raise
        file.path.unlink(missing_ok=True)
        raise type(error)(str(error).replace(str(file.path), file.url)) from error


def _add(
    item: Item,
    weights: _Came,
    metadata: _Came,
    *,
    accepted: str | None,
    replace: bool,
    max_mem_bytes: int,
    start_seconds: float,
) -> measure.Measured:
    """Make a model from a fetched network."""
    name = item.network.name
    try:
        with _said_of(weights), _said_of(metadata):
            said = {**_metadata(metadata), "licence": item.source.licence}
            proposal = propose_card.propose(
                onnx_graph.read(weights.path), said, propose_card.Wishes(name=name)
            )
            return add_model.add(
                weights.path,
                metadata.path,
                proposal,
                accepted=accepted,
                replace=replace,
                max_mem_bytes=max_mem_bytes,
                start_seconds=start_seconds,
                came_from=(weights.url, metadata.url),
            )
    except (BudgetError, ConfigError, ModelError) as error:
        if name in str(error):
            raise
        raise type(error)(f"{name}: {error}") from error
