"""The commented rules file that a user starts from."""


def template() -> str:
    """Return a rules file that says what counts anyway, with every other rule as an example.

    Examples stand behind a ``#`` without a space; taking it away makes them count.
    """
    from importlib.resources import files

    return files("lean_tagger.rules").joinpath("template.toml").read_text(encoding="utf-8")
