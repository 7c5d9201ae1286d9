"""How a run decides: with its options, its models, and what was heard.

Loads nothing heavy, so the supervisor can decide from the journal as a worker does from what it
heard.
"""

from collections.abc import Sequence

from lean_tagger.card import load_cards
from lean_tagger.decide import leantag_field, tag_plan
from lean_tagger.decide.derived import head_of
from lean_tagger.jobs import Asked, Heard, Pooling, Values
from lean_tagger.rules import Rules, Step, adjusted
from lean_tagger.settings import LeantagForm, Settings


def ask(
    names: Sequence[str],
    *,
    pool: str | None,
    hop_seconds: float | None,
    labels: str | None = None,
) -> tuple[Asked, ...]:
    """Read the cards of models, and return them with their pooling.

    Parameters
    ----------
    names : sequence of str
        As `load_card` takes them.
    pool, hop_seconds
        See `Settings`; None takes the card's own.
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
    """Goes from scores to tags for one run.

    Parameters
    ----------
    asked : tuple of Asked
        Its models; earlier ones decide first.
    rules : Rules
        The user's, combined with the options of the command line.
    by_album : bool
        One decision for all tracks of an album; a folder counts as an album too.
    albums : bool
        One decision for all tracks of an album that the tags name.
    leantag : {'short', 'full', 'none'}
        How much LEANTAG says.

    Attributes
    ----------
    asked, rules
        As given.
    names : str
        The models' names for people.
    needs_track : bool
        Whether decisions depend on artist and album.
    albums : bool
        As given.
    """

    def __init__(
        self,
        asked: tuple[Asked, ...],
        rules: Rules,
        *,
        by_album: bool = False,
        albums: bool = False,
        leantag: LeantagForm = "short",
    ) -> None:
        self.asked, self.rules = asked, rules
        self._leantag: LeantagForm = leantag
        self.albums = albums
        self.names = ", ".join(it.card.name for it in asked)
        self.needs_track = (
            by_album
            or bool(rules.ignore_artists or rules.ignore_albums)
            or any(it.card.parts and head_of(it.card).has_heirs for it in asked)
        )

    @classmethod
    def of(cls, options: Settings) -> "Decider":
        """Return the decider for a run's settings.

        Raises
        ------
        ConfigError
            A model does not exist, or two have the same name.
        """
        asked = ask(
            options.models,
            pool=options.pool,
            hop_seconds=options.hop_seconds,
            labels=options.labels,
        )
        rules = adjusted(
            options.rules,
            fields=options.fields,
            policy=options.policy,
            min_score=options.min_score,
            ratio=options.ratio,
            max_tags=options.max_tags,
            player=options.player,
            replace_junk=options.replace_junk,
        )
        return cls(
            asked,
            rules,
            by_album=options.by_album,
            albums=options.albums,
            leantag=options.leantag,
        )

    def steps(self, path: str, heard: Heard) -> list[tuple[str, Step]]:
        """Return what each rule did to each candidate label, with the label's model."""
        values = self.basis(heard)
        decisions = tag_plan.decisions_on(path, self.asked, heard, rules=self.rules, values=values)
        return [(name, step) for name, decision in decisions.items() for step in decision.steps]

    def may_change(self, present: Values) -> tuple[str, ...]:
        """Return the fields that a plan may change in a file with these values."""
        policies = self.rules.policies
        fields = [it.name for it in self.rules.written]
        fields = [name for name in fields if policies[name] != "fill" or name not in present]
        return (*fields, "leantag") if fields and self._leantag != "none" else tuple(fields)

    def plan(
        self, path: str, heard: Heard, *, scores: Sequence[Sequence[float]] | None = None
    ) -> tag_plan.TagPlan:
        """Return what to write; see `tag_plan.propose`."""
        values = self.basis(heard) if scores is None else scores
        return tag_plan.propose(
            path, self.asked, heard, rules=self.rules, values=values, leantag=self._leantag
        )

    def basis(self, heard: Heard) -> Sequence[Sequence[float]] | None:
        """Return the album scores that decided a file before; else None."""
        return leantag_field.album_scores_in(heard.fields, self.asked) if self.albums else None
