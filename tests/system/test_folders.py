"""Where lean-tag keeps things: by the XDG variables, or below the home folder, or nowhere."""

import pwd
from collections.abc import Callable
from pathlib import Path

import pytest

from lean_tagger.card import installed_models, load_card, shipped_models, user_models_folder
from lean_tagger.cli import session
from lean_tagger.errors import ConfigError
from lean_tagger.rules import DEFAULT
from lean_tagger.store import location
from lean_tagger.system import folders

DEFAULTS: dict[Callable[[], Path], tuple[str, str]] = {
    folders.config: ("XDG_CONFIG_HOME", ".config/lean-tag"),
    folders.state: ("XDG_STATE_HOME", ".local/state/lean-tag"),
    folders.data: ("XDG_DATA_HOME", ".local/share/lean-tag"),
    folders.cache: ("XDG_CACHE_HOME", ".cache/lean-tag"),
}
EACH = [pytest.param(folder, *names, id=names[0]) for folder, names in DEFAULTS.items()]


@pytest.fixture
def homeless(monkeypatch: pytest.MonkeyPatch) -> None:
    """Be a user of whom only the number is known, as in a container."""

    def unknown(uid: int) -> pwd.struct_passwd:
        raise KeyError(f"getpwuid(): uid not found: {uid}")

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    for name in ("HOME", *(variable for variable, _ in DEFAULTS.values())):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(("folder", "variable", "default"), EACH)
def test_a_variable_names_the_folder_if_it_is_absolute(
    folder: Callable[[], Path], variable: str, default: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setenv(variable, "/elsewhere")
    assert folder() == Path("/elsewhere/lean-tag")
    for ignored in ("", "relative", "./here", "~/there"):
        monkeypatch.setenv(variable, ignored)
        assert folder() == Path("/home/me", default)
    monkeypatch.delenv(variable)
    assert folder() == Path("/home/me", default)


@pytest.mark.usefixtures("homeless")
@pytest.mark.parametrize(("folder", "variable", "default"), EACH)
def test_without_a_home_the_error_names_the_variable_and_that_suffices(
    folder: Callable[[], Path], variable: str, default: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    del default
    with pytest.raises(ConfigError, match=f"set HOME, or {variable} to an absolute path"):
        folder()
    monkeypatch.setenv(variable, "/elsewhere")
    assert folder() == Path("/elsewhere/lean-tag")


@pytest.mark.usefixtures("homeless")
def test_without_a_home_there_are_the_shipped_models_and_rules() -> None:
    assert installed_models() == shipped_models()
    assert load_card("msd-musicnn").name == "msd-musicnn"
    assert session.load_rules(None) == DEFAULT
    with pytest.raises(ConfigError, match="there is no model 'nosuch'"):
        load_card("nosuch")
    with pytest.raises(ConfigError, match="XDG_DATA_HOME"):
        user_models_folder()


@pytest.mark.usefixtures("homeless")
def test_without_a_home_the_journal_can_be_anywhere_else() -> None:
    with pytest.raises(ConfigError, match=r"XDG_STATE_HOME .* --state"):
        location.default_path()


@pytest.mark.usefixtures("homeless")
def test_nothing_is_made_by_asking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for folder in DEFAULTS:
        folder()
    assert list(tmp_path.iterdir()) == []
