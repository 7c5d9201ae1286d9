"""Advice about what a run found, given once after its summary."""

from collections.abc import Iterator

from lean_tagger.run.summary import Summary

_MOST_SHOWN = 10
_MANY_UNSURE, _UNSURE_SHARE = 20, 0.25


def advices(summary: Summary, *, by_default_model: bool) -> Iterator[str]:
    """Yield pieces of advice, a line each.

    Parameters
    ----------
    summary : Summary
        The run's.
    by_default_model : bool
        The user chose no model, so another one can be recommended.
    """
    yield from _about_junk(summary)
    if by_default_model:
        yield from _about_unsure(summary)


def _about_junk(summary: Summary) -> Iterator[str]:
    """Say which genres say nothing."""
    if summary.junk:
        most = sorted(summary.junk.items(), key=lambda item: (-item[1], item[0]))
        values = ", ".join(f"{value} ({count})" for value, count in most[:_MOST_SHOWN])
        more = ", ..." if len(most) > _MOST_SHOWN else ""
        yield f"genres that say nothing: {values}{more}; --replace-junk replaces them"


def _about_unsure(summary: Summary) -> Iterator[str]:
    """Say what another model would do if many tracks got no genre."""
    scored = summary.tagged + summary.would_tag + summary.unchanged
    if summary.unsure >= _MANY_UNSURE and summary.unsure > _UNSURE_SHARE * scored:
        yield (
            f"nothing was sure enough for {summary.unsure} of {scored} files; --model standard "
            "also knows classical music, for twice the time; lean-tag learn adds your own genres"
        )
