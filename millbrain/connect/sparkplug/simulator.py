"""A Sparkplug edge node that tells simulated values to a broker, and can misbehave on purpose.

It does what section 5 of the specification asks of an edge node: a will with its session number,
births before data, sequence numbers, rebirth on command, and, where it has a primary host, it keeps
what it measures while that host is away and tells it afterwards as historical. Whenever it or its
host comes back, it tells again what it told since `overlap_s` seconds before the connection was
lost: a broker that was killed may have lost what it had taken.
"""

import json
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from millbrain.connect.sparkplug import codec, fields
from millbrain.connect.sparkplug.messages import command_topic, state_topic

KEPT_MAX: Final = 100_000  # messages that wait for the host, or are told again


@dataclass(frozen=True, slots=True)
class SimulatedMetric:
    """One metric. alias: as told in births; datatype: of `fields`; unit: its engineering unit."""

    name: str
    alias: int
    datatype: int = fields.DOUBLE
    unit: str = ""


@dataclass(slots=True)
class Told:
    """A data message that waits, or was sent at `sent_ms`, the last time where more than once."""

    device: str
    values: Mapping[str, Any]
    at_ms: int
    sent_ms: int = 0


@dataclass(slots=True)
class EdgeNode:
    """One simulated edge node.

    metrics: of each device, ``""`` = of the node itself. on_write: called with device, metric name
    and value of a command; what it returns is told as the new value. host_id: its primary host,
    empty = none. qos: of its data; the specification says 0, 1 survives a broker that restarts.
    births_ms: instants at which it told its newest values once more, in births [ms].
    """

    host: str
    port: int
    group: str
    name: str
    metrics: Mapping[str, Sequence[SimulatedMetric]]
    host_id: str = ""
    qos: int = 0
    overlap_s: int = 10
    on_write: Callable[[str, str, Any], Any] = lambda device, name, value: value
    rebirths: int = 0
    seq: int = 0
    bd_seq: int = -1
    online: bool = False
    host_online: bool = True
    births_ms: "deque[int]" = field(default_factory=lambda: deque(maxlen=KEPT_MAX))
    last: dict[tuple[str, str], Any] = field(default_factory=dict)
    _recent: "deque[Told]" = field(default_factory=lambda: deque(maxlen=KEPT_MAX))
    _waiting: "deque[Told]" = field(default_factory=lambda: deque(maxlen=KEPT_MAX))
    _lost_ms: int = 0
    _host_since: int | None = None
    _lock: Any = field(default_factory=threading.RLock)
    _client: mqtt.Client | None = None

    def start(self) -> "EdgeNode":
        """Connect in a thread of its own, and stay connected."""
        self.host_online = not self.host_id
        client = mqtt.Client(CallbackAPIVersion.VERSION2, f"sim-{self.group}-{self.name}")
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        client.max_inflight_messages_set(1000)
        client.reconnect_delay_set(1, 2)
        self._client = client
        self._will()
        client.connect_async(self.host, self.port, 30)
        client.loop_start()
        return self

    def stop(self, *, goodbye: bool = True) -> None:
        """End the session; without a goodbye the broker tells our death."""
        client = self._client
        if client is None:
            return
        if goodbye and self.online:
            self.send("NDEATH", "", self._death(), qos=1).wait_for_publish(5)
            client.disconnect()
        elif link := client.socket():
            link.close()
        client.loop_stop()

    # What it tells ------------------------------------------------------------------------------

    def birth(self) -> None:
        """Tell all metrics of the node and of its devices."""
        with self._lock:
            self.seq = 0
            self.online = True
            rebirth = {
                "name": fields.REBIRTH, "datatype": fields.BOOLEAN, "boolean_value": False
            }  # fmt: skip
            own = self._death()["metrics"]
            self._born("NBIRTH", "", [*own, rebirth])
            for device in self.metrics:
                if device:
                    self._born("DBIRTH", device, [])

    def _born(self, kind: str, device: str, more: list[dict[str, Any]]) -> None:
        now_ms = _now_ms()
        self.births_ms.append(now_ms)
        listed = [
            self._metric(m, self.last.get((device, m.name)), now_ms, born=True)
            for m in self.metrics.get(device, ())
        ]
        self.send(kind, device, {"timestamp": now_ms, "metrics": [*more, *listed]})

    def tell(self, device: str, values: Mapping[str, Any], at_ms: int = 0) -> None:
        """Tell values of a device, or keep them while the host is away."""
        told = Told(device, dict(values), at_ms or _now_ms())
        with self._lock:
            self.last.update({(device, n): v for n, v in values.items()})
            if not (self.online and self.host_online):
                self._waiting.append(told)
                return
            self._tell(told, historical=False)

    def _tell(self, told: Told, *, historical: bool) -> None:
        known = {m.name: m for m in self.metrics[told.device]}
        listed = [self._metric(known[n], v, told.at_ms) for n, v in told.values.items()]
        for metric in listed:
            if historical:
                metric["is_historical"] = True
        kind = "DDATA" if told.device else "NDATA"
        self.send(kind, told.device, {"timestamp": _now_ms(), "metrics": listed}, qos=self.qos)
        told.sent_ms = _now_ms()
        self._recent.append(told)

    def _metric(
        self, metric: SimulatedMetric, value: Any, at_ms: int, *, born: bool = False
    ) -> dict[str, Any]:
        shown: dict[str, Any] = {"alias": metric.alias, "timestamp": at_ms}
        if born:
            shown |= {"name": metric.name, "datatype": metric.datatype}
            if metric.unit:
                unit = {"type": fields.STRING, "string_value": metric.unit}
                shown["properties"] = {"keys": ["engUnit"], "values": [unit]}
        carrier = fields.DATATYPES[metric.datatype][1]
        return shown | ({"is_null": True} if value is None else {carrier: value})

    def send(
        self, kind: str, device: str, payload: Mapping[str, Any] | bytes, qos: int = 0
    ) -> mqtt.MQTTMessageInfo:
        """Send a message as it is; a dictionary takes the next sequence number."""
        assert self._client is not None
        parts = [fields.NAMESPACE, self.group, kind, self.name, *([device] if device else [])]
        with self._lock:
            if not isinstance(payload, bytes):
                if kind != "NDEATH" and "seq" not in payload:
                    payload = {**payload, "seq": self.seq}
                    self.seq = (self.seq + 1) % fields.SEQUENCE
                payload = codec.encode(payload)
            return self._client.publish("/".join(parts), payload, qos)

    # Misbehaviour -------------------------------------------------------------------------------

    def skip(self, count: int = 1) -> None:
        """Lose messages: their sequence numbers never come."""
        self.seq = (self.seq + count) % fields.SEQUENCE

    def tell_without_birth(self, device: str, alias: int, value: float) -> None:
        """Tell an alias that no birth has told."""
        metric = {"alias": alias, "timestamp": _now_ms(), "double_value": value}
        self._send_data(device, metric)

    def tell_raw(self, device: str, metric: Mapping[str, Any]) -> None:
        """Tell one metric as it is: a NaN, a huge text, another type, a wrong clock."""
        shown = {"timestamp": _now_ms(), **metric}
        self._send_data(device, shown)

    def _send_data(self, device: str, metric: Mapping[str, Any]) -> None:
        payload = {"timestamp": _now_ms(), "metrics": [metric]}
        self.send("DDATA" if device else "NDATA", device, payload)

    def tell_twice(self, device: str, values: Mapping[str, Any]) -> None:
        """Tell the same values of one instant twice."""
        at_ms = _now_ms()
        self.tell(device, values, at_ms)
        self.tell(device, values, at_ms)

    # What it hears ------------------------------------------------------------------------------

    def _death(self) -> dict[str, Any]:
        metric = {"name": fields.BD_SEQ, "datatype": fields.INT64, "long_value": self.bd_seq}
        return {"timestamp": _now_ms(), "metrics": [metric]}

    def _will(self) -> None:
        assert self._client is not None
        self.bd_seq = (self.bd_seq + 1) % fields.SEQUENCE
        topic = f"{fields.NAMESPACE}/{self.group}/NDEATH/{self.name}"
        self._client.will_set(topic, codec.encode(self._death()), qos=1)

    def _on_connect(self, client: mqtt.Client, *told: Any) -> None:
        if told[2].is_failure:
            return
        node = f"{self.group}/{self.name}"
        client.subscribe([(command_topic(node), 1), (command_topic(f"{node}/+"), 1)])
        if self.host_id:
            client.subscribe(state_topic(self.host_id), 1)
        with self._lock:
            self.birth()
            self._tell_again()
            self._forward()

    def _tell_again(self) -> None:
        """Let what may be lost wait to be told once more, before what waits already."""
        since_ms = (self._lost_ms or _now_ms()) - self.overlap_s * 1000
        self._lost_ms = 0
        again = [t for t in self._recent if t.sent_ms >= since_ms]
        self._recent.clear()
        self._waiting.extendleft(reversed(again))

    def _forward(self) -> None:
        """Tell what has waited, as historical."""
        while self._waiting and self.online and self.host_online:
            self._tell(self._waiting.popleft(), historical=True)

    def _on_disconnect(self, client: mqtt.Client, *told: Any) -> None:
        with self._lock:
            self.online = False
            self._lost_ms = _now_ms()
            self.host_online = not self.host_id
            self._will()

    def _on_message(self, client: mqtt.Client, _: Any, message: mqtt.MQTTMessage) -> None:
        if self.host_id and message.topic == state_topic(self.host_id):
            with self._lock:
                told = json.loads(message.payload)
                self.host_online = bool(told.get("online"))
                if self.host_online and told.get("timestamp") != self._host_since:
                    self._host_since = told.get("timestamp")  # a new session of the host
                    self._tell_again()
                self._forward()
            return
        device = message.topic.split("/")[4] if message.topic.count("/") == 4 else ""
        for metric in codec.decode(bytes(message.payload))["metrics"]:
            if metric.get("name") == fields.REBIRTH:
                self.rebirths += 1
                self.birth()
                continue
            value = next((v for k, v in metric.items() if k.endswith("_value")), None)
            self.tell(device, {metric["name"]: self.on_write(device, metric["name"], value)})


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
