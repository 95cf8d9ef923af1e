"""Settings: precedence, refusals in plain words, and a private data folder."""

import json
from pathlib import Path

import pytest

from millbrain.core.errors import SettingsError
from millbrain.run.settings import load, prepare_data_folder
from millbrain.run.up import write_in_force


def test_the_environment_wins_over_the_file_and_options_win_over_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "millbrain.toml").write_text("[web]\nport = 1111\nhost = '127.0.0.2'\n", "utf-8")
    assert load(tmp_path).web.port == 1111
    monkeypatch.setenv("MILLBRAIN_WEB__PORT", "2222")
    assert load(tmp_path).web.port == 2222
    assert load(tmp_path, web__port=3333).web.port == 3333
    assert load(tmp_path, web__port=None).web.host == "127.0.0.2"


def test_the_data_folder_comes_from_the_environment_where_no_option_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MILLBRAIN_DATA", str(tmp_path / "there"))
    assert load().data == tmp_path / "there"
    assert load(tmp_path).data == tmp_path


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[web]\nport = 70000\n", "web.port"),  # no such port
        ("[web]\nprot = 8080\n", "web.prot"),  # a typo
        ("[wbe]\nport = 8080\n", "wbe"),  # a typo in the section
        ("[demo]\nvehicles = 0\n", "demo.vehicles"),  # below its range
        ("[gbt32960]\nvehicle_links = 'maybe'\n", "vehicle_links"),  # not one of the words
        ("[web\n", "not valid TOML"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "millbrain.toml").write_text(text, "utf-8")
    with pytest.raises(SettingsError, match=said):
        load(tmp_path)


def test_a_settings_file_that_was_named_must_exist(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="does not exist"):
        load(tmp_path, tmp_path / "none.toml")


def test_the_settings_in_force_written_for_the_children_read_back_the_same(tmp_path: Path) -> None:
    settings = load(tmp_path, web__port=0, demo__enabled=False, demo__period_s=2.5)
    path = tmp_path / "in_force.toml"
    write_in_force(settings, path)
    assert load(tmp_path, path) == settings
    assert path.stat().st_mode & 0o077 == 0


def test_the_data_folder_and_its_secret_are_private_and_made_once(tmp_path: Path) -> None:
    settings = load(tmp_path / "data")
    key = prepare_data_folder(settings)
    assert len(key) > 30
    assert prepare_data_folder(settings) == key
    assert settings.data.stat().st_mode & 0o077 == 0
    secret = settings.data / "secrets.json"
    assert secret.stat().st_mode & 0o077 == 0
    assert json.loads(secret.read_text("utf-8"))["internal_key"] == key
