"""A Mosquitto broker for benchmarks, and an edge node that tells as fast as it is let.

The edge node is a process of its own. It patches time, sequence number and values into payloads
that were encoded once: what is measured is the platform, not the encoder.
"""

import multiprocessing
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from millbrain.connect.sparkplug import codec, fields

_PLACES: Final = "/usr/sbin:/usr/local/sbin"
_WINDOW: Final = 400  # messages that the broker has not acknowledged to the edge node


@contextmanager
def broker(folder: Path) -> Iterator[tuple[int, int]]:
    """Run a broker as the room's README configures it; yield its port and process id."""
    program = shutil.which("mosquitto") or shutil.which("mosquitto", path=_PLACES)
    if not program:
        raise SystemExit("Mosquitto is not installed (Debian: apt-get install mosquitto)")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = int(listener.getsockname()[1])
    config = folder / "mosquitto.conf"
    config.write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\n"
        f"max_inflight_messages {2 * _WINDOW}\nupgrade_outgoing_qos true\n", "utf-8"
    )  # fmt: skip
    child = subprocess.Popen([program, "-c", str(config)], stderr=subprocess.DEVNULL)
    try:
        time.sleep(0.5)
        yield port, child.pid
    finally:
        child.terminate()
        child.wait()


class _Teller:
    """Payloads of one device with places for time, sequence number and values."""

    def __init__(self, aliases: range) -> None:
        listed = [{"alias": a, "double_value": 0.0} for a in aliases]
        raw = codec.encode({"timestamp": 1 << 41, "metrics": listed, "seq": 128})
        self.raw = bytearray(raw)
        mark = np.frombuffer(raw, np.uint8)
        tag = fields.number("Metric", "double_value") << 3 | 1
        eight = np.lib.stride_tricks.sliding_window_view(mark, 9)
        hit = (eight[:, 0] == tag) & ~eight[:, 1:].any(axis=1)
        self.places = np.flatnonzero(hit)[:, None] + 1 + np.arange(8)
        assert len(self.places) == len(aliases)

    def message(self, at_ms: int, seq: int, values: "np.ndarray[Any, Any]") -> bytearray:
        raw = self.raw
        for i in range(6):  # a varint of six bytes until 2109
            raw[1 + i] = at_ms >> 7 * i & 127 | (128 if i < 5 else 0)
        raw[-2], raw[-1] = seq & 127 | 128, seq >> 7
        np.frombuffer(raw, np.uint8)[self.places] = values.view(np.uint8).reshape(-1, 8)
        return raw


def tell(port: int, devices: int, metrics: int, messages: int, hz: float, told: Any) -> None:
    """Tell births, wait for `told`, then `messages` data messages, `hz` of them a second."""
    client = mqtt.Client(CallbackAPIVersion.VERSION2, "edge")
    client.max_inflight_messages_set(_WINDOW)
    window = threading.BoundedSemaphore(_WINDOW)
    client.connect("127.0.0.1", port)
    client.loop_start()
    now_ms = time.time_ns() // 1_000_000
    for device in range(devices + 1):  # the node's own birth first
        own = range((device - 1) * metrics, device * metrics) if device else range(0)
        born = [{"name": f"m_{a}", "alias": a, "datatype": fields.DOUBLE, "double_value": 0.0}
                for a in own]  # fmt: skip
        payload = codec.encode({"timestamp": now_ms, "metrics": born, "seq": device})
        kind = f"DBIRTH/N/D{device}" if device else "NBIRTH/N"
        client.publish(f"spBv1.0/G/{kind}", payload, 1).wait_for_publish(10)
    tellers = [_Teller(range(d * metrics, (d + 1) * metrics)) for d in range(devices)]
    told.wait()
    client.on_publish = lambda *_: window.release()
    values = np.random.default_rng(7).normal(20.0, 1.0, metrics)
    began = time.perf_counter()
    for n in range(messages):
        window.acquire()
        at_ms = now_ms + 1_000 + n
        raw = tellers[n % devices].message(at_ms, (devices + 1 + n) % 256, values)
        client.publish(f"spBv1.0/G/DDATA/N/D{n % devices + 1}", raw, 1)
        ahead_s = n / hz - (time.perf_counter() - began)
        if ahead_s > 0:
            time.sleep(ahead_s)
    for _ in range(_WINDOW):
        window.acquire()
    client.disconnect()
    client.loop_stop()


def telling(*given: Any) -> multiprocessing.Process:
    """Start such an edge node."""
    child = multiprocessing.get_context("spawn").Process(target=tell, args=given)
    child.start()
    return child
