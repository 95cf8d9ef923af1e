"""The simulated machines answer to bare clients of each protocol: asyncua, pymodbus, paho."""

import asyncio
import struct
import threading
import time
from collections.abc import Awaitable, Callable
from datetime import UTC
from pathlib import Path
from typing import Any

import openpyxl
import paho.mqtt.client as mqtt
import pytest
from asyncua import Client, ua
from paho.mqtt.enums import CallbackAPIVersion
from pymodbus.client import AsyncModbusTcpClient

from millbrain.connect.modbus import fields as modbus_fields
from millbrain.connect.opcua import addresses
from millbrain.connect.sparkplug import codec
from millbrain.core.errors import SettingsError
from millbrain.run.plant.points import Ports, read_servers, tags_of
from millbrain.run.plant.process import Wanted, plan_of, write_tags
from millbrain.run.plant.simulate import Simulation
from millbrain.run.plant.sparkplug_node import listens
from tests.brokers import mosquitto

FREE = Ports(opcua=0, modbus=0, mqtt=0)
Steps = Callable[[Simulation], Awaitable[None]]


def simulated(only: str, steps: Steps, speed: float = 60.0, faults: tuple[str, ...] = ()) -> None:
    """Run one server while `steps` look at it."""

    async def run() -> None:
        wanted = Wanted("machining-works", FREE, speed, only=(only,), faults=faults)
        simulation = Simulation(plan_of(wanted))
        await simulation.start()
        stopping = asyncio.Event()
        running = asyncio.create_task(simulation.run(stopping))
        try:
            await steps(simulation)
        finally:
            stopping.set()
            await running
            await simulation.stop()

    asyncio.run(run())


def endpoint(simulation: Simulation) -> str:
    assert [r.why for r in simulation.running] == [""]
    return simulation.running[0].connection.endpoint


def test_opcua_values_come_with_their_instants_and_set_points_are_written() -> None:
    async def steps(simulation: Simulation) -> None:
        tags = {
            (t.thing, t.signal): t.address
            for t in tags_of(simulation.running[0].server, simulation.plan.plant)
        }
        async with Client(endpoint(simulation)) as client:
            spaces = await client.get_namespace_array()

            def node(thing: str, signal: str) -> Any:
                address = addresses.parse(tags[thing, signal])
                return client.get_node(address.resolved(spaces))

            state = node("MW-L03-M01", "machine_state")
            first = await state.read_data_value()
            assert first.Value.Value in range(8)
            power = node("MW-L03-M01", "power_kw")
            await asyncio.sleep(1.5)
            value = await power.read_data_value()
            age_s = time.time() - value.SourceTimestamp.replace(tzinfo=UTC).timestamp()
            assert 0 <= age_s < 3
            made = await node("MW-L03-M01", "good_count").read_value()
            feed = node("MW-L03-M01", "feed_set_mmpmin")
            await feed.write_value(333.0)
            machine = simulation.floor.by_id["MW-L03-M01"]
            assert machine.set_points["feed_set_mmpmin"] == 333.0
            with pytest.raises(ua.UaStatusCodeError, match="BadOutOfRange"):
                await feed.write_value(90_000.0)
            with pytest.raises(ua.UaStatusCodeError, match="BadUserAccessDenied"):
                await node("MW-L03-M01", "good_count").write_value(made + 1)
            line = client.get_node(
                f"ns={spaces.index('urn:millbrain:simulated:machining-works')};s=MW-L03"
            )
            names = [(await c.read_browse_name()).Name for c in await line.get_children()]
            assert names[:2] == ["MW-L03-M01", "MW-L03-M02"]
            assert len(names) == 6

    simulated("MW-L03", steps)


class Heard:
    """What a bare subscription brings: values with their instants."""

    def __init__(self) -> None:
        self.values: list[tuple[float, float]] = []

    def datachange_notification(self, _: Any, value: float, data: Any) -> None:
        at = data.monitored_item.Value.SourceTimestamp.replace(tzinfo=UTC)
        self.values.append((at.timestamp(), value))


def test_at_speed_events_follow_one_another_and_none_is_in_the_future() -> None:
    """At 3600 a machine of 128 s a piece makes one every 0.04 s of ours, if it is not stopped."""

    async def steps(simulation: Simulation) -> None:
        heard = Heard()
        async with Client(endpoint(simulation)) as client:
            index = await client.get_namespace_index("urn:millbrain:simulated:machining-works")
            watch = await client.create_subscription(100, heard)
            made = client.get_node(ua.NodeId("MW-L03-M02.good_count", index))
            await watch.subscribe_data_change(made, queuesize=1000, sampling_interval=0)
            await asyncio.sleep(4)
        (first, _), *rest = heard.values
        counts = [value for _, value in heard.values]
        assert len(rest) >= 4
        assert counts == [counts[0] + n for n in range(len(counts))]
        times = [at for at, _ in rest]
        assert times == sorted(times)
        assert times[-1] <= time.time()
        assert first <= times[0]

    simulated("MW-L03", steps, speed=3600)


def test_modbus_registers_are_those_of_the_tag_list() -> None:
    async def steps(simulation: Simulation) -> None:
        server = simulation.running[0].server
        tags = [t for t in tags_of(server, simulation.plan.plant) if t.thing == "MW-Z5-M02"]
        host, _, port = endpoint(simulation).partition(":")
        client = AsyncModbusTcpClient(host, port=int(port))
        await client.connect()

        async def words(signal: str) -> tuple[bytes, str]:
            (tag,) = [t for t in tags if t.signal == signal]
            station, _, rest = tag.address.partition("/")
            _, number, kind, *more = rest.split(":")
            count = int(more[0]) if more else modbus_fields.TYPES[kind][0]
            answer = await client.read_holding_registers(
                int(number), count=count, device_id=int(station)
            )
            return b"".join(struct.pack(">H", w) for w in answer.registers), kind

        state, kind = await words("machine_state")
        machine = simulation.floor.by_id["MW-Z5-M02"]
        assert (struct.unpack(">H", state)[0], kind) == (machine.state, "u16")
        heat, kind = await words("chamber_temp_degc")
        assert (struct.unpack(">f", heat)[0], kind) == (pytest.approx(920, abs=15), "f32")
        order, kind = await words("order_operation")
        assert (order.rstrip(b"\0").decode(), kind) == (machine.order_operation, "text")
        (setting,) = [t for t in tags if t.signal == "temp_set_degc"]
        at = int(setting.address.split(":")[1])
        high, low = struct.unpack(">HH", struct.pack(">f", 905.0))
        assert not (await client.write_registers(at, [high, low], device_id=2)).isError()
        assert machine.set_points["temp_set_degc"] == 905.0
        too_hot = struct.unpack(">HH", struct.pack(">f", 4000.0))
        assert (await client.write_registers(at, list(too_hot), device_id=2)).exception_code == 3
        assert (await client.write_register(0, 1, device_id=2)).exception_code == 2
        assert (await words("temp_set_degc"))[0] == struct.pack(">f", 905.0)
        client.close()

    simulated("MW-Z5", steps)


def test_sparkplug_births_then_data_and_a_written_set_point() -> None:
    mosquitto()
    heard: list[tuple[str, dict[str, Any]]] = []
    told = threading.Event()

    def listen(_: Any, __: Any, message: mqtt.MQTTMessage) -> None:
        heard.append((message.topic, codec.decode(bytes(message.payload))))
        told.set()

    async def steps(simulation: Simulation) -> None:
        client = mqtt.Client(CallbackAPIVersion.VERSION2)
        client.on_message = listen
        port = simulation.running[0].port
        client.connect("127.0.0.1", port)
        client.subscribe("spBv1.0/#")
        client.loop_start()
        node = "mw-flange/machining-works"
        rebirth = {"metrics": [{"name": "Node Control/Rebirth", "datatype": 11,
                                "boolean_value": True}]}  # fmt: skip
        await asyncio.sleep(0.3)
        group, name = node.split("/")
        client.publish(f"spBv1.0/{group}/NCMD/{name}", codec.encode(rebirth))
        write = {"metrics": [{"name": "feed_set_mmpmin", "datatype": 10, "double_value": 210.0}]}
        client.publish(f"spBv1.0/{group}/DCMD/{name}/MW-L16-M02", codec.encode(write))
        machine = simulation.floor.by_id["MW-L16-M02"]
        birth = f"spBv1.0/{group}/DBIRTH/{name}/MW-L16-M05"
        until = time.monotonic() + 30
        while time.monotonic() < until and (
            machine.set_points["feed_set_mmpmin"] != 210.0 or not _data(heard)
            or not any(topic == birth for topic, _ in list(heard))
        ):  # fmt: skip
            await asyncio.sleep(0.05)
        assert machine.set_points["feed_set_mmpmin"] == 210.0
        client.loop_stop()
        born = [p for t, p in heard if t == birth]
        names = [m["name"] for m in born[-1]["metrics"]]
        assert {"machine_state", "good_count", "pilot_mm"} <= set(names)
        assert _data(heard)

    simulated("mw-flange", steps)


def _data(heard: list[tuple[str, dict[str, Any]]]) -> list[dict[str, Any]]:
    return [p for t, p in heard if "/DDATA/" in t]


def test_without_a_broker_mqtt_machines_are_left_out_in_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("millbrain.run.plant.sparkplug_node.mosquitto", lambda: "")

    async def steps(simulation: Simulation) -> None:
        (running,) = simulation.running
        assert running.speaking is None
        assert "Mosquitto is not installed" in running.why

    simulated("mw-metrology", steps)


@pytest.mark.parametrize("server", ["ep-measuring", "ep-hot"])
def test_a_port_that_is_taken_is_passed_over(server: str) -> None:
    async def run() -> None:
        listener = await asyncio.start_server(lambda r, w: w.close(), "127.0.0.1", 0)
        port = listener.sockets[0].getsockname()[1]
        plan = plan_of(Wanted("engine-plant", Ports(modbus=port, opcua=port), only=(server,)))
        simulation = Simulation(plan)
        await simulation.start()
        (running,) = simulation.running
        assert running.why == ""
        assert running.port > port
        assert str(running.port) in running.connection.endpoint
        await simulation.stop()
        listener.close()
        await listener.wait_closed()

    asyncio.run(run())


@pytest.mark.parametrize("server", ["ep-measuring", "ep-hot"])
def test_a_port_that_cannot_be_opened_is_said(server: str) -> None:
    async def run() -> None:  # 192.0.2.1 is an address for documents, nobody has it (RFC 5737)
        plan = plan_of(Wanted("engine-plant", Ports("192.0.2.1", 4840, 5020), only=(server,)))
        simulation = Simulation(plan)
        await simulation.start()
        (running,) = simulation.running
        assert " on 192.0.2.1 cannot be opened: " in running.why
        await simulation.stop()

    asyncio.run(run())


def test_faults_on_request() -> None:
    async def steps(simulation: Simulation) -> None:
        async with Client(endpoint(simulation)) as client:
            index = await client.get_namespace_index("urn:millbrain:simulated:machining-works")
            await asyncio.sleep(0.8)
            moved = client.get_node(ua.NodeId("moved.MW-L01-M01.power_kw", index))
            value = await moved.read_data_value()
            age_s = time.time() - value.SourceTimestamp.replace(tzinfo=UTC).timestamp()
            assert age_s == pytest.approx(3600, abs=5)
            gone = client.get_node(ua.NodeId("MW-L01-M01.power_kw", index))
            with pytest.raises(ua.UaStatusCodeError, match="BadNodeIdUnknown"):
                await gone.read_value()

    simulated("MW-L01", steps, faults=("clock=mw-l01:-3600", "nodes=mw-l01"))


def test_a_server_goes_away_and_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("millbrain.run.plant.simulate.DROP_AFTER_S", 0.2)

    async def steps(simulation: Simulation) -> None:
        host, _, port = endpoint(simulation).partition(":")
        seen = []
        for _ in range(30):
            seen.append(await asyncio.to_thread(listens, host, int(port)))
            if seen[-1] and False in seen:
                break
            await asyncio.sleep(0.05)
        assert seen[0]
        assert seen[-1]
        assert False in seen

    simulated("MW-Z5", steps, faults=("drop=mw-heat:0.4",))


def test_a_dimension_shifts_from_the_start() -> None:
    plan = plan_of(Wanted("machining-works", FREE, faults=("drift=MW-L01-M08.bore_mm:4",)))
    (fault,) = plan.faults
    assert (fault.kind, fault.target, fault.amount) == ("drift", "MW-L01-M08.bore_mm", 4.0)


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        ({"faults": ("burn=mw-l01",)}, "kinds are drop, clock, nodes, shift"),
        ({"faults": ("drop=mw-x",)}, "'mw-x' is none of mw-l01, mw-gears"),
        ({"faults": ("shift=MW-L01-M08.size_mm",)}, "'MW-L01-M08.size_mm' is none of MW-L01-M08"),
        ({"faults": ("drop=mw-l01:soon",)}, "'soon' is no number"),
        ({"only": ("MW-L99",)}, "--only MW-L99: neither a server nor a place"),
        ({"only": ("MW-Z6-M04",)}, "nothing of machining-works is left"),  # a bench has no data
    ],
)
def test_wrong_wishes_are_refused(wanted: dict[str, Any], says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        plan_of(Wanted("machining-works", FREE, **wanted))


@pytest.mark.parametrize("pack", ["machining-works", "engine-plant"])
def test_each_machine_with_data_has_a_server_and_each_tag_one_address(pack: str) -> None:
    plant, servers = read_servers(pack)
    units = [u.id for s in servers for u in s.units]
    assert sorted(units) == sorted(u.id for u in plant.units() if u.digital)
    for server in servers:
        tags = tags_of(server, plant)
        assert len({t.address for t in tags}) == len(tags)
        assert len({(t.thing, t.signal) for t in tags}) == len(tags)


def test_tag_list_and_connections_are_written(tmp_path: Path) -> None:
    async def steps(simulation: Simulation) -> None:
        write_tags(simulation, tmp_path)

    simulated("MW-Z5", steps)
    sheet = openpyxl.load_workbook(tmp_path / "tags.xlsx").worksheets[0]
    assert sheet.max_row == 1 + 72
    assert 'room = "modbus"' in (tmp_path / "connections.toml").read_text("utf-8")
