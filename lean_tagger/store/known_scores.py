"""Find what each of a run's models heard in a file, if that is on record.

A model has scores on record; or an embedding that words still have to be compared with; or it is
derived from what others heard.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import product

from lean_tagger.decide.derived import Derived
from lean_tagger.jobs import Asked, Heard, Identity
from lean_tagger.store.journal import Journal, Known
from lean_tagger.store.model_keys import ModelKeys
from lean_tagger.store.rows import Key


class KnownScores:
    """Looks up what was heard.

    Parameters
    ----------
    journal : Journal
        Open.
    asked : sequence of Asked
        The models.

    Raises
    ------
    ModelError
        A derived model's file makes no sense.
    """

    def __init__(self, journal: Journal, asked: Sequence[Asked]) -> None:
        self._journal, self._keys, self._derived = journal, ModelKeys.of(asked), Derived(asked)

    def files(self, under: Iterable[str]) -> Iterator[Known]:
        """Yield what is known about files and folders; without scores if a model lacks them."""
        for known in self._journal.files(under, self._keys.scores[0]):
            yield replace(known, heard=Heard.together(self.each(known)))

    def each(self, known: Known) -> list[Heard | None]:
        """Return what each model heard in a file; `known` has the first model's scores."""
        others = (self._heard(known.path, key) for key in self._keys.scores[1:])
        each = [known.heard, *others]
        for number, key in enumerate(self._keys.embeddings):
            if each[number] is None and key is not None:
                each[number] = self._heard(known.path, key)
        for number, keys in enumerate(self._keys.parts):
            if each[number] is None and keys:
                parts = [self._heard(known.path, key) for key in keys]
                each[number] = self._derived.heard(number, parts)
        return each

    def resembling(self, path: str, identity: Identity) -> Iterator[tuple[Heard, ...]]:
        """Yield what each model heard in files that may be this one; see `Journal.resemble`."""
        for number, keys in enumerate(zip(self._keys.scores, self._keys.embeddings, strict=True)):
            alike = (self._journal.resemble(path, identity, key) for key in keys if key)
            found = [it for each in alike for it in each]
            if parts := self._keys.parts[number]:
                each_part = [self._journal.resemble(path, identity, key) for key in parts]
                derived = (self._derived.heard(number, it) for it in product(*each_part))
                found += [it for it in derived if it is not None]
            yield tuple(found)

    def _heard(self, path: str, key: Key) -> Heard | None:
        known = self._journal.recall(path, key)
        return known.heard if known else None
