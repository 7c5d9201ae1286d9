"""How a run decides: its options, its model, and what was heard.

Loads nothing heavy, so that the supervisor decides from what the journal has just as a worker
does from what it heard.
"""

from collections.abc import Sequence

from lean_tagger import tags
from lean_tagger.options import Options
from lean_tagger.outcome import Heard, Pooling
from lean_tagger.spec import ModelSpec

__all__ = ["Decision"]


class Decision:
    """The way from scores to tags that one run goes.

    Parameters
    ----------
    card : ModelSpec
        Of the model that hears.
    options : Options
        The run's.

    Attributes
    ----------
    pooling : Pooling
        How windows become one score.
    """

    def __init__(self, card: ModelSpec, options: Options) -> None:
        self._card = card
        self._policy = options.policy
        self.pooling = Pooling(
            options.pool or card.pooling, card.hop_frames_for(options.hop_seconds)
        )
        self._rules = tags.adjust(
            {field: tags.RULES[field] for field in options.fields},
            min_score=options.min_score,
            ratio=options.ratio,
            max_tags=options.max_tags,
        )

    def steps(self, heard: Heard) -> list[tags.Step]:
        """Return what the rules made of each label that had a chance; see `tags.explain`."""
        return tags.explain(heard.values, self._card.labels, self._rules)

    def plan(
        self, path: str, heard: Heard, *, scores: Sequence[float] | None = None
    ) -> tags.TagPlan:
        """Return what to write; see `tags.propose`."""
        return tags.propose(
            path,
            self._card,
            heard,
            policy=self._policy,
            rules=self._rules,
            pooling=self.pooling,
            values=scores,
        )
