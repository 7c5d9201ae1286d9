"""The commented rules file that a user starts from."""


def template() -> str:
    """Return a rules file with the defaults, and an example of every other rule.

    Examples come after a ``#`` without a space; without the ``#`` they take effect.
    """
    from importlib.resources import files

    return files("lean_tagger.rules").joinpath("template.toml").read_text(encoding="utf-8")
