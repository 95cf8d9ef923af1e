"""Secrets of connections: kept for their owner alone, never listed."""

from pathlib import Path

import pytest

from millbrain.core.errors import SettingsError
from millbrain.run.tags.secrets import SecretFiles


def test_a_secret_comes_back_in_another_process(tmp_path: Path) -> None:
    SecretFiles(tmp_path).put("line 3/press", "password", "pä55")
    again = SecretFiles(tmp_path)
    assert again.get("line 3/press", "password") == "pä55"
    assert again.names("line 3/press") == {"password"}
    assert again.get("line 3/press", "token") == ""
    assert again.get("another", "password") == ""


def test_only_the_owner_may_read_it(tmp_path: Path) -> None:
    SecretFiles(tmp_path).put("press", "password", "x")
    (path,) = (tmp_path / "secrets").iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o077 == 0


def test_a_name_leads_to_no_other_folder(tmp_path: Path) -> None:
    SecretFiles(tmp_path).put("../../escape", "password", "x")
    assert [p.name for p in tmp_path.iterdir()] == ["secrets"]
    with pytest.raises(SettingsError, match="belongs to a connection"):
        SecretFiles(tmp_path).get("", "password")


def test_an_empty_secret_is_forgotten(tmp_path: Path) -> None:
    secrets = SecretFiles(tmp_path)
    secrets.put("press", "password", "x")
    secrets.put("press", "password", "")
    assert secrets.names("press") == frozenset()
    assert list((tmp_path / "secrets").iterdir()) == []
