"""How a run decides: its options, its models, and what was heard.

Loads nothing heavy, so that the supervisor decides from what the journal has just as a worker
does from what it heard.
"""

from collections.abc import Sequence

from lean_tagger import rules
from lean_tagger.card import load_cards
from lean_tagger.decide import tag_plan
from lean_tagger.jobs import Asked, Heard, Pooling
from lean_tagger.settings import Settings

__all__ = ["Decider", "ask"]


def ask(
    names: Sequence[str],
    *,
    pool: str | None,
    hop_seconds: float | None,
    labels: str | None = None,
) -> tuple[Asked, ...]:
    """Read the cards of models, and return them with how they are to be asked.

    Parameters
    ----------
    names : sequence of str
        As `load_card` takes them.
    pool, hop_seconds
        See `Settings`; each card's own for None.
    labels : str, optional
        See `Settings`.

    Raises
    ------
    ConfigError
        A card is not usable; two models have the same name; the hop makes no sense.
    """
    return tuple(
        Asked(card, Pooling(pool or card.pooling, card.hop_frames_for(hop_seconds)))
        for card in load_cards(names, words=labels)
    )


class Decider:
    """The way from scores to tags that one run goes.

    Parameters
    ----------
    options : Settings
        The run's.

    Raises
    ------
    ConfigError
        A model is not there, or two have the same name.

    Attributes
    ----------
    asked : tuple of Asked
        Its models, in the order in which they have a say.
    names : str
        What they are called, for people.
    rules : Rules
        The person's, with the options of the command line in them.
    needs_track : bool
        Whether it matters whose music a file is.
    """

    def __init__(self, options: Settings) -> None:
        self.asked = ask(
            options.models,
            pool=options.pool,
            hop_seconds=options.hop_seconds,
            labels=options.labels,
        )
        self.names = ", ".join(it.card.name for it in self.asked)
        self.rules = rules.adjusted(
            options.rules,
            fields=options.fields,
            policy=options.policy,
            min_score=options.min_score,
            ratio=options.ratio,
            max_tags=options.max_tags,
            player=options.player,
        )
        self._leantag = options.leantag
        self.needs_track = options.by_album or bool(
            self.rules.ignore_artists or self.rules.ignore_albums
        )

    def steps(self, path: str, heard: Heard) -> list[tuple[str, rules.Step]]:
        """Return what each rule did to each label that had a chance, and whose label it is."""
        decisions = tag_plan.decisions_on(path, self.asked, heard, rules=self.rules)
        return [(name, step) for name, decision in decisions.items() for step in decision.steps]

    def plan(
        self, path: str, heard: Heard, *, scores: Sequence[Sequence[float]] | None = None
    ) -> tag_plan.TagPlan:
        """Return what to write; see `tag_plan.propose`."""
        return tag_plan.propose(
            path, self.asked, heard, rules=self.rules, values=scores, leantag=self._leantag
        )
