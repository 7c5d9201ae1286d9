"""Save what was learnt as one of the user's models: a card, and one small file."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import lean_tagger
from lean_tagger.card import DerivedHead, load_card, user_models_folder
from lean_tagger.catalogue import user_models
from lean_tagger.errors import ConfigError, StateError
from lean_tagger.system.digest import sha256_of

ENDING = ".head"


def save(name: str, report: Mapping[str, Any], options: Mapping[str, Any], *, replace: bool) -> str:
    """Save a model completely or not at all, and return its path.

    Parameters
    ----------
    name : str
        Its name.
    report : mapping
        From `arithmetic.fit.learn`.
    options : mapping
        How it was learnt, for `--update`.
    replace : bool
        Replace a model of that name.

    Raises
    ------
    ConfigError, StateError
        The name is taken, or the folder cannot be written.
    """
    with user_models.place() as prepared:
        user_models.check_name(name, replace=replace)
        data = report["head"].encode()
        path = prepared / f"{name}{ENDING}"
        try:
            path.write_bytes(data)
        except OSError as error:
            raise StateError(f"cannot write {path}: {error.strerror}") from error
        card = _card(name, report, sha256_of([data]))
        user_models.write_json(prepared / f"{name}.json", card)
        DerivedHead(load_card(str(prepared / f"{name}.json")))  # check that it can be read
        record = {
            "added": time.strftime("%Y-%m-%d"),
            "by": f"lean-tag {lean_tagger.__version__}",
            "from": f"lean-tag learn, {report['tracks']} tracks of {report['artists']} artists",
            "learnt": dict(options),
            "report": {key: value for key, value in report.items() if key != "head"},
        }
        user_models.write_json(prepared / f"{name}.added", record)
        user_models.settle(prepared, name, card)
    return str(user_models_folder() / f"{name}.json")


def how_learnt(name: str) -> dict[str, Any]:
    """Return the options with which a model was learnt.

    Raises
    ------
    ConfigError
        There is no such model, or it was not learnt.
    """
    found = user_models.record(name).get("learnt")
    if not isinstance(found, dict):
        raise ConfigError(f"there is no learnt model {name!r} to update")
    return found


def _card(name: str, report: Mapping[str, Any], sha256: str) -> dict[str, Any]:
    first, *others = report["models"]
    return {
        "name": name,
        "description": f"your own {report['field']}s, learnt from {report['tracks']} tracks of "
        f"{report['artists']} artists",
        "file": Path(f"{name}{ENDING}").name,
        "sha256": sha256,
        "weights": "derived",
        "head_of": first,
        **({"also_of": others} if others else {}),
        "tensors": {"input": "embedding", "logits": "scores", "layout": "embedding"},
        "activation": "sigmoid",
        "pooling": "logit-mean",
        "labels": report["labels"],
        "licence": {"id": "your own", "holder": "you", "notice": ""},
    }
