"""The simulated city against the real driver: what the faults tally is what the driver counts."""

import asyncio
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from millbrain.connect.gbt32960 import driver
from millbrain.connect.gbt32960.simulator.clients import VehicleLink
from millbrain.core.columns import Delivery
from millbrain.core.rooms import Wiring
from millbrain.hands.tag_memory import TagMemory
from millbrain.run import play


class Anyone:
    """Peers that let everyone in."""

    def check(self, user: str, password: str) -> bool:
        return True

    def keys(self, user: str) -> Mapping[str, bytes]:
        return {}

    def foreign(self) -> frozenset[str]:
        return frozenset()

    def signers(self) -> frozenset[str]:
        return frozenset()


@dataclass
class Options:
    host: str = "127.0.0.1"
    port: int = 0
    auth_peers: bool = False
    vehicle_links: str = "open"


class House:
    """A driver in a loop of its own thread; deliveries are counted and count as committed."""

    def __init__(self) -> None:
        self.received: Counter[str] = Counter()
        self.stored: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()
        self.rejected = 0
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.running = self.run(driver.start(Options(), Wiring(self, Anyone(), TagMemory())))

    def put(self, delivery: Delivery) -> None:
        self.received.update(delivery.received)
        for name in ("vehicle_report", "link_event"):
            if name in delivery.tables:
                self.stored[name] += int(delivery.tables[name].array("frame_count").sum())
        self.reasons.update(letter.reason for letter in delivery.rejected)
        self.rejected += sum(letter.frames for letter in delivery.rejected)
        if delivery.on_commit:
            delivery.on_commit()

    def run(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(60)

    def stop(self) -> None:
        self.run(self.running.stop())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()


@pytest.fixture
def house() -> Iterator[House]:
    one = House()
    yield one
    one.stop()


@pytest.mark.slow
def test_a_faulty_city_balances_and_every_fault_has_its_reason(house: House) -> None:
    kinds = ("duplicate", "bad_bcc", "truncated", "garbage", "unknown_block", "clock_skew")
    summary = play.play_city(
        "chongqing", 1500, "127.0.0.1", house.running.port, period_s=1.0, seconds=1.5, speed=2.0,
        user="sim-city", faults=dict.fromkeys(kinds, 0.01),
    )  # fmt: skip
    tally = summary.tally
    assert summary.is_complete
    assert min(tally[k] for k in kinds[:5]) > 0
    assert sum(house.received.values()) == sum(house.stored.values()) + house.rejected
    assert house.stored["link_event"] == tally["commands"] + 2  # platform login and logout
    assert house.stored["vehicle_report"] == tally["frames"] - tally["commands"]
    assert house.reasons["checksum"] == tally["bad_bcc"]
    # what is no frame makes one letter a round of reading, however many pieces it is in
    pieces = house.reasons["truncated"] + house.reasons["garbage"]
    assert 0 < pieces <= tally["truncated"] + tally["garbage"]
    assert house.reasons["note_unknown_block"] == tally["unknown_block"]
    assert set(house.received) == {"sim-city"}


def test_a_simulated_vehicle_is_queried_and_set(house: House) -> None:
    vin = "0SMSMA006S1000001"
    box: dict[str, Any] = {}

    async def drive() -> None:
        link = VehicleLink("127.0.0.1", house.running.port, edition=2016, id=vin, wait_s=10)
        await link.open()
        assert await link.login() == 1
        for name, more in (("set", {"values": {2: 20}}), ("query", {"ids": [2, 9]})):
            order = {"command": name, "edition": 2016, **more}
            asked = asyncio.run_coroutine_threadsafe(house.running.command(vin, order), house.loop)
            box[name] = await asyncio.wrap_future(asked)
        assert await link.logout() == 1
        await link.close()

    asyncio.run(drive())
    assert box["set"]["flag"] == 1
    values = {row["key"]: row["value"] for row in box["query"]["values"]["params"]}
    assert values == {"report_period_s": 20, "heartbeat_period_s": 60}
