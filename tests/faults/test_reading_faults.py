"""The engine killed at random while gateways push: what was acknowledged is stored exactly once."""

import random
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from millbrain.connect.http import fields
from millbrain.connect.http.simulator import SIGNALS, Plant, Pusher, encoded
from millbrain.core.plant.tags import Connection
from millbrain.record.ledger import Ledger
from millbrain.run.tags.secrets import SecretFiles
from tests import engines
from tests.engines import Process
from tests.faults import lengths
from tests.faults.judging import Watch, balance

pytestmark = [pytest.mark.fault, pytest.mark.timeout(lengths.LIFE_S)]
START_MS = int(time.time() * 1000) - 3_600_000
MACHINES, STEPS = 8, 5
MEDIA = (fields.ARROW, fields.JSON, fields.CSV)


class Gateway(threading.Thread):
    """Pushes numbered batches, each until it is taken, and now and then an old one once more."""

    def __init__(self, running: Process, number: int) -> None:
        super().__init__(daemon=True)
        self.running, self.number = running, number
        self.media = MEDIA[number % len(MEDIA)]
        self.plant = Plant(MACHINES, START_MS, prefix=f"G{number}")
        self.taken = self.retries = 0
        self.failure: Exception | None = None
        self.ended = threading.Event()

    def run(self) -> None:
        dice = random.Random(self.number)
        try:
            while not self.ended.is_set():
                self._push(self.taken)
                self.taken += 1
                if dice.random() < 0.1:
                    self._push(dice.randrange(self.taken))
        except Exception as error:  # told by the test, which would wait for ever otherwise
            self.failure = error

    def _push(self, number: int) -> None:
        body = encoded(self.plant.steps(number * STEPS, STEPS), self.media)
        key = f"{number}" if self.number % 2 else ""
        while True:
            port = self.running.ports.get("http", 0)
            pusher = Pusher(port, f"gate-{self.number}", "token")
            try:
                status, said = pusher.push(body, self.media, key)
            except (OSError, ValueError):
                status, said = 503, {}
            finally:
                pusher.close()
            if status == 200:
                assert said["received"] == said["stored"] + said["duplicate"]
                return
            assert status in (401, 503), said  # 401: connections are not read yet
            self.retries += 1
            time.sleep(0.05)


def connect_all(data: Path, count: int) -> None:
    ledger = Ledger(f"sqlite:///{data.absolute() / 'ledger.sqlite'}")
    ledger.migrate()
    for number in range(count):
        key = f"gate-{number}"
        ledger.tags.put_connection(Connection(key, "http", endpoint=f"/push/{key}"))
        SecretFiles(data).put(key, "token", "token")
    ledger.close()


def stored(running: Process, gateway: Gateway) -> int:
    return running.number(
        f"SELECT count() FROM reading WHERE startsWith(thing, 'G{gateway.number}-')"
    )


def sum_of(running: Process, gateway: Gateway) -> int:
    """Return the sum of what is stored of a gateway, in tenths."""
    return running.number(
        "SELECT sum(toInt64(round(10 * value))) FROM reading "
        f"WHERE startsWith(thing, 'G{gateway.number}-')"
    )


def pushed_sum(gateway: Gateway) -> int:
    """Return the sum of all that a gateway has pushed, in tenths."""
    batch = gateway.plant.steps(0, gateway.taken * STEPS)
    return int(np.round(10 * batch.column("value").to_numpy()).sum())


def test_killed_at_random_nothing_acknowledged_is_lost_or_doubled(tmp_path: Path) -> None:
    dice, watch = random.Random(17), Watch()
    width = MACHINES * len(SIGNALS) * STEPS
    connect_all(tmp_path, 4)
    with engines.engine(tmp_path) as running:
        gateways = [Gateway(running, n) for n in range(4)]
        for gateway in gateways:
            gateway.start()
        for _ in range(lengths.ENGINE_OF_PUSHES):
            time.sleep(dice.uniform(0.3, 2.0))
            running.kill()
            watch.kills["engine"] += 1
            taken = [g.taken for g in gateways]
            running.start()
            for gateway, batches in zip(gateways, taken, strict=True):
                assert stored(running, gateway) >= batches * width
        time.sleep(1)
        for gateway in gateways:
            gateway.ended.set()
        for gateway in gateways:
            gateway.join(60)
            assert gateway.failure is None
            assert gateway.taken > 0
            assert stored(running, gateway) == gateway.taken * width
            assert sum_of(running, gateway) == pushed_sum(gateway)
        balance(running)
        rows, different = running.sql(
            "SELECT count(), uniqExact(thing, signal, device_at) FROM reading"
        )[0]
        assert rows == different
        series = 4 * MACHINES * len(SIGNALS)
        newest = (
            "SELECT count() FROM (SELECT thing, signal, max(device_at) AS at, count() AS n"
            " FROM reading GROUP BY thing, signal) AS r JOIN (SELECT * FROM reading_latest FINAL)"
            " AS l USING (thing, signal) WHERE l.device_at = r.at AND l.reading_count = r.n"
        )
        end = time.monotonic() + 20
        while running.number(newest) < series:
            assert time.monotonic() < end, "the newest values are not those of the readings"
            time.sleep(0.2)
        taken_all, retries = sum(g.taken for g in gateways), sum(g.retries for g in gateways)
        told = f"{taken_all * width} values accepted, {rows} stored, {retries} pushes sent again"
        print(watch.line(told, running))
