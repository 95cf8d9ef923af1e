"""The identifiers in a backup: of a stopped node and of a running one, whole and back again."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from millbrain.core.errors import MillbrainError, StoreError
from millbrain.core.keys import handle_key
from millbrain.record import backup
from millbrain.record.backup import Manifest
from millbrain.record.identifiers import RocksIdentifiers
from millbrain.record.identifiers.upkeep import examine
from millbrain.run.cli.keep_identifiers import (
    add_identifiers,
    check_identifiers_absent,
    restore_identifiers,
)
from millbrain.run.settings import Settings, load
from tests.identify.asking import put
from tests.identify.resolver import PREFIX, prepare, resolver

URL = {"index": 1, "type": "URL", "data": "https://id.example.cn/late"}


def dated(folder: Path) -> Path:
    """A backup folder as `backup.back_up` leaves it, without the two other stores."""
    made = folder / "millbrain-20261122T100000Z"
    made.mkdir(parents=True)
    manifest = Manifest(
        1, "0", "0", "2026-11-22T10:00:00+00:00", "default", "ledger.sqlite", {}, {}
    )
    (made / "manifest.json").write_text(json.dumps(asdict(manifest)))
    return made


def settings_of(folder: Path) -> Settings:
    return load(folder, None)


def handles(folder: Path) -> list[str]:
    store = RocksIdentifiers(folder / "identifiers")
    assert examine(store).problems == ()
    found = [key.decode()[4:] for key, _ in store.scan(handle_key(f"{PREFIX}/"))]
    store.close()
    return found


def test_a_stopped_node_goes_into_a_backup_and_comes_back(tmp_path: Path) -> None:
    made, old, new = dated(tmp_path / "b"), settings_of(tmp_path / "a"), settings_of(tmp_path / "c")
    add_identifiers(old, made, "")  # there is no store yet: nothing is added
    assert backup.part(made, "identifiers") is None
    prepare(old.data)
    add_identifiers(old, made, "")
    assert backup.verify(made).files.keys() >= {"identifiers/CURRENT"}
    assert not list(old.data.glob("identifiers.checkpoint*"))
    with pytest.raises(StoreError, match="already"):
        add_identifiers(old, made, "")
    new.data.mkdir()
    check_identifiers_absent(new)
    restore_identifiers(new, made)
    assert handles(new.data) == handles(old.data) == [f"{PREFIX}/ADMIN", f"{PREFIX}/P7"]
    with pytest.raises(MillbrainError, match="holds identifiers"):
        check_identifiers_absent(new)
    table = next((made / "identifiers").glob("*.sst"))
    table.write_bytes(table.read_bytes()[:-1] + b"x")
    with pytest.raises(StoreError, match="has changed"):
        backup.verify(made)


@pytest.mark.slow
def test_a_running_node_goes_into_a_backup(tmp_path: Path) -> None:
    made, data = dated(tmp_path / "b"), tmp_path / "a"
    prepare(data)
    with resolver(data) as node:
        put(node, "late", URL)
        key = json.loads((data / "secrets.json").read_text("utf-8"))["internal_key"]
        add_identifiers(settings_of(data), made, key)
        put(node, "later", URL)
        with pytest.raises(MillbrainError, match="made no copy"):
            add_identifiers(settings_of(data), dated(tmp_path / "d"), "guess")
        with pytest.raises(MillbrainError, match="resolver runs"):
            check_identifiers_absent(settings_of(data))
        assert not list(data.glob("identifiers.checkpoint*"))
    backup.verify(made)
    new = settings_of(tmp_path / "c")
    new.data.mkdir()
    restore_identifiers(new, made)
    assert handles(new.data) == [f"{PREFIX}/{name}" for name in ("ADMIN", "LATE", "P7")]
