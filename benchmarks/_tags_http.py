"""The part of `tags` over the http room: Arrow and JSON pushes flat out, beside a bare store."""

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).resolve().parent))

from _engine import Figure, Process, process

RATE_HZ_GOAL: Final = 200_000
MEMORY_MIB_GOAL: Final = 2048
SENDERS: Final = 8  # each waits for its commit, 250 ms and more, before it goes on
MACHINES: Final = 200  # of each sender, with ten signals each: 16,000 series in all
STEPS: Final = 10  # seconds of device time in one push: 20,000 readings
BOUND_ROWS: Final = 50_000  # of one commit at the goal: 200,000/s in 250 ms
TOKEN: Final = "bench"
FORMS: Final = ("arrow", "json")
MAKING_SHARE: Final = 0.5  # of the time of pushing; to make the bodies takes somewhat less
PACED: Final = "paced"  # Arrow at the rate of the goal, a push a second


def figures(seconds: float) -> list[Figure]:
    """Run both forms against one engine and the bare store; return the figures."""
    with tempfile.TemporaryDirectory(prefix="millbrain-bench-") as folder:
        data = Path(folder)
        keys = [f"{form}-{n}" for form in FORMS for n in range(SENDERS)]
        connect_all(data, keys)
        options = ["--port", "0", "--clickhouse-port", "0", "--no-auth-peers"]
        with process("engine", data, options) as running:
            found = [f for form in FORMS for f in _form(running, form, seconds)]
            found.append(Figure("tags.http.engine_memory_max", running.memory_mib(), "MiB",
                                MEMORY_MIB_GOAL))  # fmt: skip
    bound_hz = _bound(min(seconds, 10.0))
    rates = {f.name: f.value for f in found}
    shares = [
        Figure(f"tags.http_{form}.of_bound", rates[f"tags.http_{form}.rate"], "values/s", bound_hz)
        for form in FORMS
    ]
    return [*found, Figure("tags.bound.bare_store", bound_hz, "values/s"), *shares]


def connect_all(data: Path, keys: list[str]) -> None:
    """Register connections of the http room and their token, as the pages would."""
    from millbrain.core.plant.tags import Connection
    from millbrain.record.ledger import Ledger
    from millbrain.run.tags.secrets import SecretFiles

    ledger, secrets = Ledger(f"sqlite:///{data.absolute() / 'ledger.sqlite'}"), SecretFiles(data)
    ledger.migrate()
    for key in keys:
        ledger.tags.put_connection(Connection(key, "http", endpoint=f"/push/{key}"))
        secrets.put(key, "token", TOKEN)
    ledger.close()


def _form(running: Process, form: str, seconds: float) -> list[Figure]:
    before_s = running.cpu_s()
    sent = _send(running.ports["http"], form, seconds)
    cpu_us = (running.cpu_s() - before_s) / sent["readings"] * 1e6
    _check(running, form, sent)
    ((p50, p99),) = running.query(
        "SELECT quantileExact(0.5)(w), quantileExact(0.99)(w) FROM (SELECT toUnixTimestamp64Milli("
        "committed_at) - toUnixTimestamp64Milli(first_received_at) AS w FROM intake "
        f"WHERE link LIKE '{form}-%')"
    )
    name = f"tags.http_{form}"
    return [
        Figure(f"{name}.readings", sent["readings"], "count"),
        Figure(f"{name}.sender_cpu", sent["cpu_s"] / sent["readings"] * 1e6, "us/value"),
        Figure(f"{name}.engine_cpu", cpu_us, "us/value"),
        Figure(f"{name}.answer_p99", sent["answer_p99_ms"], "ms"),
        Figure(f"{name}.commit_p50", float(p50), "ms"),
        Figure(f"{name}.commit_p99", float(p99), "ms"),
        Figure(f"{name}.rate", sent["readings"] / sent["seconds"], "values/s", RATE_HZ_GOAL),
    ]


def _send(port: int, form: str, seconds: float) -> dict[str, Any]:
    command = [sys.executable, __file__, "--send", form, "--port", str(port)]
    done = subprocess.run([*command, "--seconds", str(seconds)], check=True, capture_output=True)
    sent: dict[str, Any] = json.loads(done.stdout)
    return sent


def _check(running: Process, form: str, sent: dict[str, Any]) -> None:
    """Compare what was acknowledged with rows and ledger: nothing missing, nothing twice."""
    mine = f"link LIKE '{form}-%'"
    ((rows, different),) = running.query(
        f"SELECT count(), uniqExact(thing, signal, device_at) FROM reading WHERE {mine}"
    )
    ((received, stored, duplicate, rejected),) = running.query(
        f"SELECT sum(received), sum(stored), sum(duplicate), sum(rejected) FROM intake WHERE {mine}"
    )
    found = [int(n) for n in (rows, different, received, stored, duplicate, rejected)]
    want = sent["readings"]
    if found != [want, want, want, want, 0, 0]:
        raise RuntimeError(
            f"{want} readings were acknowledged; rows, different, received, stored, duplicate, "
            f"rejected are {found}"
        )


def send(port: int, form: str, seconds: float) -> None:
    """Push flat out from several connections and print what was acknowledged. In its process."""
    import numpy as np

    from millbrain.connect.http import fields
    from millbrain.connect.http.simulator import Plant, Pusher, encoded

    media = fields.ARROW if form == "arrow" else fields.JSON
    start_ms = int(time.time() * 1000) - 86_400_000
    pushed, waits = [0] * SENDERS, []
    # Made before the clock starts: a gateway has its values ready; what is measured is the engine.
    began = threading.Barrier(SENDERS + 1)
    ends_s = [0.0]

    def run(number: int) -> None:
        plant = Plant(MACHINES, start_ms, prefix=f"{form}{number}")
        sender = Pusher(port, f"{form}-{number}", TOKEN)
        body = encoded(plant.steps(0, STEPS), media)
        step = 0
        began.wait()
        while time.monotonic() < ends_s[0]:
            asked_s = time.monotonic()
            status, said = sender.push(body, media)
            if status != 200 or said["stored"] != said["received"]:
                raise RuntimeError(f"a push was answered with {status}: {said}")
            waits.append(time.monotonic() - asked_s)
            pushed[number] += said["stored"]
            step += STEPS
            body = encoded(plant.steps(step, STEPS), media)

    threads = [threading.Thread(target=run, args=(n,)) for n in range(SENDERS)]
    for thread in threads:
        thread.start()
    before_s = time.process_time()
    start_s = time.monotonic()
    ends_s[0] = start_s + seconds
    began.wait()
    for thread in threads:
        thread.join()
    took_s = time.monotonic() - start_s
    print(json.dumps({
        "readings": sum(pushed), "seconds": took_s, "cpu_s": time.process_time() - before_s,
        "answer_p99_ms": float(np.percentile(waits, 99)) * 1000,
    }))  # fmt: skip


def send_paced(port: int, seconds: float) -> None:
    """Push 1,000 machines with 200 signals each, as of now, once a second. In its process.

    Says a line when it begins. Bodies are made before: a plant's gateways are other machines.
    """
    from _tags_page import MACHINES as PLANT
    from _tags_page import SIGNALS

    from millbrain.connect.http import fields, simulator

    others = [f"sensor_{n}_degc" for n in range(SIGNALS - len(simulator.SIGNALS))]
    begin_s = time.time() + MAKING_SHARE * seconds
    plants = [
        simulator.Plant(PLANT // SENDERS, round(begin_s * 1000), prefix=f"{PACED}{number}",
                        signals=[*simulator.SIGNALS, *others])
        for number in range(SENDERS)
    ]  # fmt: skip
    bodies = [
        [simulator.encoded(plant.steps(step, 1), fields.ARROW) for step in range(int(seconds))]
        for plant in plants
    ]
    time.sleep(max(0.0, begin_s - time.time()))
    print("begun", flush=True)
    start_s = time.monotonic()

    def run(number: int) -> None:
        sender = simulator.Pusher(port, f"{PACED}-{number}", TOKEN)
        for step, body in enumerate(bodies[number]):
            time.sleep(max(0.0, start_s + step + number / SENDERS - time.monotonic()))
            status, said = sender.push(body, fields.ARROW)
            if status != 200 or said["stored"] != said["received"]:
                raise RuntimeError(f"a push was answered with {status}: {said}")

    with ThreadPoolExecutor(SENDERS) as pool:
        list(pool.map(run, range(SENDERS)))


def _bound(seconds: float) -> float:
    command = [sys.executable, __file__, "--bound", "--seconds", str(seconds)]
    done = subprocess.run(command, check=True, capture_output=True)
    return float(json.loads(done.stdout)["rate_hz"])


def bound(seconds: float) -> None:
    """Insert the same rows into a bare store, ready as columns; print the rate. In its process."""
    import numpy as np

    from millbrain.core.columns import Column, Columns
    from millbrain.core.plant.readings import READING
    from millbrain.core.tables import arrow_batch
    from millbrain.record.warehouse import create_tables, open_embedded

    with tempfile.TemporaryDirectory(prefix="millbrain-bench-") as folder:
        store = open_embedded(Path(folder))
        create_tables(store, [READING])
        series = SENDERS * MACHINES * 10
        things = np.array([f"arrow-M{i:04d}" for i in range(series // 10)], np.bytes_)
        signals = np.array([f"signal_{i}_degc" for i in range(10)], np.bytes_)
        now_ms, rows, number = int(time.time() * 1000), 0, 0
        start_s = time.monotonic()
        while time.monotonic() - start_s < seconds:
            place = (np.arange(BOUND_ROWS) + number * BOUND_ROWS) % series
            step = (np.arange(BOUND_ROWS) + number * BOUND_ROWS) // series
            values: dict[str, Column] = {
                "thing": things[place // 10], "signal": signals[place % 10],
                "device_at": now_ms + step * 1000, "received_at": np.full(BOUND_ROWS, now_ms),
                "value": (place * 7 + step * 31) % 1000 / 10.0,
                "quality": np.full(BOUND_ROWS, 192, np.uint8),
                "link": np.full(BOUND_ROWS, b"arrow-0"),
                "batch": np.full(BOUND_ROWS, number, np.uint64),
                "frame_count": np.ones(BOUND_ROWS, np.uint8),
            }  # fmt: skip
            store.insert(READING, arrow_batch(READING, Columns(BOUND_ROWS, values)))
            rows, number = rows + BOUND_ROWS, number + 1
        took_s = time.monotonic() - start_s
        store.close()
    print(json.dumps({"rate_hz": rows / took_s}))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--send", default="", choices=["", *FORMS, PACED])
    parser.add_argument("--bound", action="store_true")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=20.0)
    asked = parser.parse_args()
    if asked.bound:
        bound(asked.seconds)
    elif asked.send == PACED:
        send_paced(asked.port, asked.seconds)
    elif asked.send:
        send(asked.port, asked.send, asked.seconds)
