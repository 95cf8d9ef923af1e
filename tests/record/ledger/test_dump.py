"""The ledger's part of a backup, on both databases."""

import pytest

from millbrain.core.errors import StoreError
from millbrain.record import backup_ledger
from millbrain.record.ledger import Ledger


def test_what_is_dumped_comes_back(ledger: Ledger, url: str, tmp_path):
    ledger.peers.add("city-01", "secret-of-city-01", "重庆")
    folder = tmp_path / "backup"
    folder.mkdir()
    name = backup_ledger.dump(url, folder)
    assert name == ("ledger.sqlite" if url.startswith("sqlite") else "ledger.dump")
    assert backup_ledger.holds(url) == "table peer has 1 rows"
    ledger.peers.add("city-02", "secret-of-city-02")
    ledger.close()
    backup_ledger.load(url, folder / name)
    again = Ledger(url)
    assert again.peers.check("city-01", "secret-of-city-01")
    assert not again.peers.check("city-02", "secret-of-city-02")
    again.migrate()
    again.close()


def test_a_ledger_that_is_not_there_holds_nothing(tmp_path):
    assert backup_ledger.holds(f"sqlite:///{tmp_path / 'none.sqlite'}") == ""
    with pytest.raises(StoreError, match="it cannot be read"):
        backup_ledger.holds("postgresql://nobody@127.0.0.1:1/none")
    with pytest.raises(StoreError, match="pg_dump of ledger none failed"):
        backup_ledger.dump("postgresql://nobody@127.0.0.1:1/none", tmp_path)
