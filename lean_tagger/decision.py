"""How a run decides: its options, its model, and what was heard.

Loads nothing heavy, so that the supervisor decides from what the journal has just as a worker
does from what it heard.
"""

from collections.abc import Sequence

from lean_tagger import rules, tags
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
    rules : Rules
        The person's, with the options of the command line in them.
    pooling : Pooling
        How windows become one score.
    needs_track : bool
        Whether it matters whose music a file is.
    """

    def __init__(self, card: ModelSpec, options: Options) -> None:
        self._card = card
        self.pooling = Pooling(
            options.pool or card.pooling, card.hop_frames_for(options.hop_seconds)
        )
        self.rules = rules.adjusted(
            options.rules,
            fields=options.fields,
            policy=options.policy,
            min_score=options.min_score,
            ratio=options.ratio,
            max_tags=options.max_tags,
            player=options.player,
        )
        self.needs_track = options.by_album or bool(
            self.rules.ignore_artists or self.rules.ignore_albums
        )

    def steps(self, path: str, heard: Heard) -> tuple[rules.Step, ...]:
        """Return what each rule did to each label that had a chance."""
        track = heard.track
        decided = tags.decision_on(path, self._card, heard.values, rules=self.rules, track=track)
        return decided.steps

    def plan(
        self, path: str, heard: Heard, *, scores: Sequence[float] | None = None
    ) -> tags.TagPlan:
        """Return what to write; see `tags.propose`."""
        return tags.propose(
            path, self._card, heard, rules=self.rules, pooling=self.pooling, values=scores
        )
