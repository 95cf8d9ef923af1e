"""Recipes written over OPC UA and Modbus to simulated machines, read back, refused, audited."""

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from millbrain.connect.modbus import driver as modbus
from millbrain.connect.modbus.simulator import Simulator as ModbusDevice
from millbrain.connect.opcua import driver as opcua
from millbrain.connect.opcua.simulator import NAMESPACE
from millbrain.connect.opcua.simulator import Simulator as OpcUaServer
from millbrain.core.columns import Delivery
from millbrain.core.plant.tags import Connection, Phase, Tag, TagKind
from millbrain.core.rooms import Wiring
from millbrain.core.scans.commands import Command, NotTakenError, Result, Setting
from millbrain.core.times import utc_from_epoch
from millbrain.decide.recipes.commanding import carry_out
from millbrain.hands import links
from millbrain.record.ledger import Ledger
from millbrain.run.scans.machines import Controllers, MachineController, is_line, place_of
from millbrain.run.settings import Settings


class Everything:
    """An intake that keeps nothing."""

    def put(self, delivery: Delivery) -> None:
        if delivery.on_commit:
            delivery.on_commit()


@dataclass
class Floor:
    """Two machines, the rooms that reach them, and the controller of their stations.

    It stands for the engine too: `command` asks the running room of that name.
    """

    ledger: Ledger
    server: OpcUaServer
    device: ModbusDevice
    rooms: dict[str, Any]
    loop: asyncio.AbstractEventLoop
    addresses: dict[str, str]

    def run(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(30)

    def command(self, room: str, thing: str, order: dict[str, Any], wait_s: float) -> Any:
        return self.run(self.rooms[room].command(thing, order))

    def controller(self) -> Controllers:
        at = self.addresses.__getitem__
        machines = MachineController(self.ledger, lambda: self, at)
        return Controllers(machines, machines, at)

    def carried_out(self, station: str, *settings: Setting, number: int = 1) -> Any:
        deadline = now() + timedelta(seconds=10)
        command = Command(f"scan-{number}", number, station, settings, deadline, "zhang")
        return carry_out(command, self.controller(), now)


def now() -> Any:
    return utc_from_epoch(time.time())


def wait_until(what: Callable[[], bool]) -> bool:
    end = time.monotonic() + 20
    while time.monotonic() < end and not what():
        time.sleep(0.02)
    return what()


@contextlib.contextmanager
def turning() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield loop
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def tags(ledger: Ledger, opc: str, device: ModbusDevice) -> None:
    node = f"nsu={NAMESPACE};s=Press."
    ledger.tags.put_connection(Connection("cell", "opcua", endpoint=opc))
    ledger.tags.put_connection(Connection("bus", "modbus", endpoint=f"127.0.0.1:{device.port}"))
    ledger.tags.put_tags([
        Tag("cell", node + "force_set", "PRESS-1", "force_kn", unit="kN", writable=True),
        Tag("cell", node + "recipe_name", "PRESS-1", "program", TagKind.TEXT, writable=True),
        Tag("cell", node + "speed_rpm", "PRESS-1", "speed_rpm"),
        Tag("bus", "holding:10:u16", "OVEN-1", "temperature_degc", scale=0.1, writable=True),
    ])  # fmt: skip


@pytest.fixture
def floor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Floor]:
    monkeypatch.setattr(links, "FOLLOW_S", 0.05)
    ledger = Ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    ledger.migrate()
    server, device = OpcUaServer().start(), ModbusDevice()
    with turning() as loop:
        floor = Floor(ledger, server, device, {}, loop, {
            "press": "PRESS-1", "press over cell": "opcua:cell/PRESS-1",
            "press over bus": "modbus:bus/PRESS-1", "oven": "OVEN-1", "nowhere": "a b",
        })  # fmt: skip
        floor.run(device.start())
        tags(ledger, server.endpoint, device)
        for key, room in (("opcua", opcua), ("modbus", modbus)):
            wiring = Wiring(Everything(), ledger.peers, ledger.tags, folder=tmp_path / key)
            floor.rooms[key] = floor.run(room.start(getattr(Settings(), key), wiring))
        assert wait_until(lambda: all(
            [s.phase for s in r.states()] == [Phase.CONNECTED] for r in floor.rooms.values()
        ))  # fmt: skip
        yield floor
        for room in floor.rooms.values():
            floor.run(room.stop())
        floor.run(device.stop())
    server.stop()
    ledger.close()


def test_addresses_say_which_machine() -> None:
    assert is_line("localhost:4800")
    assert not is_line("opcua:cell/PRESS-1")
    assert place_of("MW-L03-M07").thing == "MW-L03-M07"
    assert place_of("modbus:bus 7/M1").connection == "bus 7"
    with pytest.raises(NotTakenError, match="is no machine"):
        place_of("opcua:cell/")


@pytest.mark.slow
def test_settings_are_written_and_read_back(floor: Floor) -> None:
    force = Setting("force_kn", 12.1, "kN")
    done = floor.carried_out("press", force, Setting("program", "B7"))
    assert (done.result, done.write_count) == (Result.DONE, 1)
    assert done.read_back == (force, Setting("program", "B7"))
    assert floor.server.value("force_set") == pytest.approx(12.1)
    assert floor.server.value("recipe_name") == "B7"
    done = floor.carried_out("oven", Setting("temperature_degc", 185.5), number=2)
    assert done.result is Result.DONE
    assert floor.device.station.tables["holding"][10] == 1855
    rows, _ = floor.ledger.commands.page("PRESS-1")
    assert {r.order["signal"]: r.state for r in rows} == {
        "force_kn": "answered", "program": "answered",
    }  # fmt: skip
    trail, _ = floor.ledger.audit.page(what="command.write")
    assert {(e.who, e.object, e.result) for e in trail} == {
        ("zhang", "PRESS-1 force_kn", "ok"), ("zhang", "PRESS-1 program", "ok"),
        ("zhang", "OVEN-1 temperature_degc", "ok"),
    }  # fmt: skip


@pytest.mark.slow
def test_what_cannot_be_written_is_refused_before_anything_is(floor: Floor) -> None:
    force = Setting("force_kn", 3.0, "kN")
    refused = {
        "is not writable": ("press", force, Setting("speed_rpm", 900.0)),
        "has no signal torque_nm": ("press", force, Setting("torque_nm", 1.0)),
        "is in kN, the recipe in N": ("press", Setting("force_kn", 3.0, "N")),
        "has no signal force_kn over modbus:bus": ("press over bus", force),
        "is no machine": ("nowhere", force),
    }
    for number, (why, (station, *settings)) in enumerate(refused.items(), 10):
        outcome = floor.carried_out(station, *settings, number=number)
        assert (outcome.result, why in outcome.detail) == (Result.REFUSED, True), outcome
    assert floor.server.value("force_set") == pytest.approx(10.0)
    assert floor.ledger.commands.page("PRESS-1")[1] == 0
    over = floor.carried_out("press over cell", force, number=30)
    assert over.result is Result.DONE
    wrong = (Setting("force_kn", 4.0), Setting("program", 7.0))
    stopped = floor.carried_out("press", *wrong, number=31)
    assert (stopped.result, "holds a text" in stopped.detail) == (Result.REFUSED, True)
    assert floor.server.value("force_set") == pytest.approx(4.0)  # the audit tells what was written
    floor.server.stop()
    gone = floor.carried_out("press", force, number=32)
    assert gone.result is Result.UNREACHED
    assert "PRESS-1 force_kn" in gone.detail
