"""A plant is written into the ledger once; what people changed since stays."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from millbrain.core.plant.tags import Connection
from millbrain.record.ledger import Ledger
from millbrain.run.plant.points import connection_of, read_servers
from millbrain.run.plant.register import register_places, register_servers


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = Ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    opened.migrate()
    yield opened
    opened.close()


def test_places_become_things_once(ledger: Ledger) -> None:
    plant, _ = read_servers("machining-works")
    assert register_places(ledger, plant) == 170
    line = ledger.things.get("MW-L01")
    assert line is not None
    assert (line.kind, line.model, line.simulated) == ("line", "line", True)
    machine = ledger.things.get("MW-L01-M03")
    assert machine is not None
    assert (machine.kind, machine.model) == ("machine", "Gear hobbing machine")
    assert machine.attributes["title_zh"] == "1号滚齿机"
    ledger.things.put([replace(machine, operator="North works")])
    assert register_places(ledger, plant) == 0
    kept = ledger.things.get("MW-L01-M03")
    assert kept is not None
    assert kept.operator == "North works"


def test_servers_become_connections_once_and_their_address_follows(ledger: Ledger) -> None:
    plant, servers = read_servers("machining-works")
    (heat,) = [s for s in servers if s.served.key == "mw-heat"]

    def at(port: int) -> Connection:
        return connection_of(heat.served, port, "127.0.0.1", plant)

    assert register_servers(ledger, plant, [(heat, at(5020))]) == 1
    tags = ledger.tags.tags("mw-heat")
    assert len(tags) == 72
    assert {t.thing for t in tags} == {f"MW-Z5-M0{n}" for n in range(1, 7)}
    assert [t.address for t in tags if t.writable and t.thing == "MW-Z5-M01"]
    known = ledger.tags.connection("mw-heat")
    assert known is not None
    ledger.tags.put_connection(replace(known, title="Our furnaces", enabled=False))
    ledger.tags.delete_tags("mw-heat", [tags[0].address])
    assert register_servers(ledger, plant, [(heat, at(5999))]) == 0
    found = ledger.tags.connection("mw-heat")
    assert found is not None
    assert (found.title, found.enabled) == ("Our furnaces", False)
    assert found.endpoint == "127.0.0.1:5999"
    assert len(ledger.tags.tags("mw-heat")) == 71
