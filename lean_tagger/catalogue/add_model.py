"""Add a network to the user's folder: copy it, try it under a budget, and only then add it."""

import time
from pathlib import Path
from typing import Any

import lean_tagger
from lean_tagger.card import load_card
from lean_tagger.catalogue import measure, user_models
from lean_tagger.catalogue.propose_card import Proposal
from lean_tagger.errors import ConfigError, ModelError

MOST_NAMES_BYTES = 1 << 20


def add(
    weights: Path,
    metadata: Path | None,
    proposal: Proposal,
    *,
    accepted: str | None,
    replace: bool,
    max_mem_bytes: int,
    start_seconds: float,
    came_from: tuple[str, str] | None = None,
) -> measure.Measured:
    """Add a network under its card's name, and return what it needs.

    Parameters
    ----------
    weights : Path
        The network.
    metadata : Path or None
        The file with the metadata, if there was one.
    proposal : Proposal
        Its card.
    accepted : str or None
        The day on which its licence was accepted.
    replace : bool
        Replace a model of that name.
    max_mem_bytes, start_seconds
        See `measure.measure`.
    came_from : (str, str), optional
        Addresses of the network and of its metadata, for the record; by default their paths.

    Raises
    ------
    LeanTagError
        It does not run, does not fit its card, or cannot be copied; nothing is added then.
    """
    name = str(proposal.card["name"])
    with user_models.place() as prepared:
        user_models.check_name(name, replace=replace)  # again: it may have been added since
        card = _card(weights, metadata, proposal.card, prepared)
        user_models.write_json(prepared / f"{name}.json", card)
        try:
            measured = measure.measure(
                str(prepared / f"{name}.json"),
                max_mem_bytes=max_mem_bytes,
                start_seconds=start_seconds,
            )
        except ConfigError as error:  # it names the copy, which users do not know
            text = str(error).replace(str(prepared / f"{name}.json"), str(metadata or weights))
            raise ConfigError(text) from error
        weights_from, metadata_from = came_from or (
            str(weights.absolute()),
            str(metadata.absolute()) if metadata else None,
        )
        record = {
            "added": time.strftime("%Y-%m-%d"),
            "by": f"lean-tag {lean_tagger.__version__}",
            "from": weights_from,
            "metadata": metadata_from,
            "licence": proposal.licence,
            "accepted": accepted,
            "said": list(proposal.said),
            "assumed": list(proposal.assumed),
        }
        user_models.write_json(prepared / f"{name}.added", record)
        user_models.settle(prepared, name, card)
    measure.remember(load_card(name), measured)
    return measured


def _card(
    weights: Path, metadata: Path | None, proposed: dict[str, Any], prepared: Path
) -> dict[str, Any]:
    """Copy a card's files, and return the card with their names."""
    name = proposed["name"]
    sha256 = user_models.copy(weights, prepared / f"{name}.onnx")
    if proposed.get("sha256") not in {None, sha256}:
        raise ModelError(
            f"{weights} is not the network that {metadata} describes (sha256 {sha256[:12]}…): "
            "damaged or replaced; fetch it again"
        )
    first = {"name": name, "description": proposed["description"]}
    card = {**first, **proposed, "file": f"{name}.onnx", "sha256": sha256}
    vectors = card.get("label_vectors")
    if isinstance(vectors, dict) and metadata is not None:
        user_models.copy(metadata.parent / str(vectors.get("file")), prepared / f"{name}.npz")
        card["label_vectors"] = {**vectors, "file": f"{name}.npz"}
    return card


def class_names(path: Path) -> tuple[str, ...]:
    """Return the names of labels, one per line of a file.

    Raises
    ------
    ConfigError
        It cannot be read, or names none, or one twice.
    """
    try:
        if not path.is_file():
            raise ConfigError(f"cannot read {path}: it is not a file")
        with path.open(encoding="utf-8") as file:
            lines = file.read(MOST_NAMES_BYTES).splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read {path}: {error}") from error
    names = tuple(line.strip() for line in lines if line.strip())
    if not names or len(set(names)) < len(names):
        raise ConfigError(f"{path} names no labels, or one of them twice")
    return names
