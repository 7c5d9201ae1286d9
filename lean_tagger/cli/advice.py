"""Advice about what a run found, given once after its summary."""

from collections.abc import Iterator

from lean_tagger.run.summary import Summary

_MOST_SHOWN = 10
_MANY_UNSURE, _UNSURE_SHARE = 20, 0.25


def advices(
    summary: Summary, *, by_default_model: bool, replaces_junk: bool = False
) -> Iterator[str]:
    """Yield pieces of advice, a line each.

    Parameters
    ----------
    summary : Summary
        The run's.
    by_default_model : bool
        The user chose no model, so another one can be recommended.
    replaces_junk : bool
        Genres that say nothing were replaced if something was sure.
    """
    yield from _about_junk(summary, replaced=replaces_junk)
    if by_default_model:
        yield from _about_unsure(summary)


def _about_junk(summary: Summary, *, replaced: bool) -> Iterator[str]:
    """Name the genres that say nothing, and say what happens to them."""
    if summary.junk:
        most = sorted(summary.junk.items(), key=lambda item: (-item[1], item[0]))
        values = ", ".join(f"{value} ({count})" for value, count in most[:_MOST_SHOWN])
        more = ", ..." if len(most) > _MOST_SHOWN else ""
        then = (
            "they give way where something is sure"
            if replaced
            else "--replace-junk replaces them where something is sure"
        )
        yield f"genres that say nothing: {values}{more}; {then}"


def _about_unsure(summary: Summary) -> Iterator[str]:
    """Say what another model would do if many tracks got no genre."""
    scored = summary.tagged + summary.would_tag + summary.unchanged
    if summary.unsure >= _MANY_UNSURE and summary.unsure > _UNSURE_SHARE * scored:
        yield (
            f"nothing was sure enough for {summary.unsure} of {scored} files; --model standard "
            "also knows classical music, for twice the time; lean-tag learn adds your own genres"
        )
