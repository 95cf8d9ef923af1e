"""Simulated machines as devices of a Sparkplug B edge node at an MQTT broker, ours or another's."""

import asyncio
import getpass
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, Final

from millbrain.connect.sparkplug import fields
from millbrain.connect.sparkplug.simulator import EdgeNode, SimulatedMetric
from millbrain.core.plant.tags import TagKind
from millbrain.run.plant.serving import Setting, Told, free_port

_PLACES: Final = ("/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin")
_READY_S_MAX: Final = 10.0
_CONFIG: Final = """\
listener {port} {host}
allow_anonymous true
user {user}
persistence false
max_queued_messages 0
"""


class SparkplugNode:
    """One edge node; each machine is a device of it. port: of the broker."""

    def __init__(self, setting: Setting, host: str, port: int) -> None:
        self.port, self._setting = port, setting
        self._last = {u: dict(v) for u, v in setting.first.items()}
        alias = 0
        metrics: dict[str, list[SimulatedMetric]] = {"": []}
        for unit, signals in setting.signals().items():
            metrics[unit] = []
            for signal in signals:
                alias += 1
                kind = fields.STRING if signal.kind is TagKind.TEXT else fields.DOUBLE
                name = f"moved/{signal.name}" if setting.is_moved else signal.name
                metrics[unit].append(SimulatedMetric(name, alias, kind, signal.unit))
        self._prefix = "moved/" if setting.is_moved else ""
        self._node = EdgeNode(
            host, port, setting.key, setting.plant.key, metrics, on_write=self._written
        )
        for unit, values in setting.first.items():
            self._node.last.update({(unit, self._prefix + n): v for n, v in values.items()})

    async def start(self) -> None:
        """Connect to the broker in a thread of its own and tell the births."""
        self._node.start()
        until = time.monotonic() + _READY_S_MAX
        while not self._node.online and time.monotonic() < until:
            await asyncio.sleep(0.02)

    async def tell(self, told: Sequence[Told]) -> None:
        """Tell values: one message for each machine and instant."""
        ordered = sorted(told, key=lambda t: (t.unit, t.at_ms))
        for (unit, at_ms), some in groupby(ordered, key=lambda t: (t.unit, t.at_ms)):
            values = {self._prefix + t.signal: t.value for t in some}
            self._last[unit] |= values
            self._node.tell(unit, values, at_ms + self._setting.clock_ms)

    async def stop(self) -> None:
        """Say goodbye and leave."""
        await asyncio.to_thread(self._node.stop)

    def _written(self, unit: str, name: str, value: Any) -> Any:
        """Set a set-point; what stands afterwards is told back."""
        signal = name.removeprefix(self._prefix)
        given = float(value) if isinstance(value, bool | int | float) else str(value)
        if self._setting.try_write(unit, signal, given):
            self._last[unit][name] = given
        return self._last[unit].get(name)


class OwnBroker:
    """A Mosquitto of the simulator's own, stopped with it."""

    def __init__(self, host: str, port: int) -> None:
        self.port = port or free_port(host)
        self._host = host
        self._folder = tempfile.TemporaryDirectory(prefix="millbrain-mqtt-")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> bool:
        """Start it; return whether it listens. Without Mosquitto it does not."""
        program = mosquitto()
        if not program:
            return False
        config = Path(self._folder.name) / "mosquitto.conf"
        text = _CONFIG.format(host=self._host, port=self.port, user=getpass.getuser())
        config.write_text(text, "utf-8")
        self._process = subprocess.Popen(
            [program, "-c", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        until = time.monotonic() + _READY_S_MAX
        while time.monotonic() < until and self._process.poll() is None:
            if listens(self._host, self.port):
                return True
            time.sleep(0.02)
        return False

    def stop(self) -> None:
        """Stop it and remove its folder."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(_READY_S_MAX)
        self._folder.cleanup()


def mosquitto() -> str:
    """Return the program of the broker, empty where it is not installed."""
    found = shutil.which("mosquitto") or shutil.which("mosquitto", path=":".join(_PLACES))
    return found or ""


def listens(host: str, port: int) -> bool:
    """Whether somebody listens there."""
    try:
        socket.create_connection((host, port), 0.5).close()
    except OSError:
        return False
    return True
