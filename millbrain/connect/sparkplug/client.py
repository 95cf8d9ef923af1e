"""One session with a broker: an MQTT client that acknowledges only what is on disk.

One thread owns the client. It reads while the worker keeps up, writes acknowledgements once the
record stage has committed, and connects again when the broker goes away. The session is kept by
the broker under our client identifier, so what was not acknowledged comes again. While the worker
is behind, nothing is read: with MQTT 5 the broker sends at most `limits.MQTT_UNACKED_MAX` messages
of quality 1 ahead, and TCP holds back the rest.
"""

import contextlib
import json
import logging
import select
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from millbrain.connect.sparkplug.messages import Message, state_topic
from millbrain.core import limits
from millbrain.core.errors import LinkError, SettingsError
from millbrain.core.plant.tags import Phase

log = logging.getLogger(__name__)

KEEPALIVE_S: Final = 60
WAIT_S: Final = 1.0  # longest sleep of the thread; acknowledgements wake it
RETRY_S_MIN: Final = 0.2
RETRY_S_MAX: Final = 5.0
CONNECT_S_MAX: Final = 10.0
READS_MAX: Final = 200  # packets read in a row before acknowledgements have their turn
PORTS: Final = {"mqtt": 1883, "mqtts": 8883}


@dataclass(frozen=True, slots=True)
class Broker:
    """Where a broker is and how we present ourselves. host_id: empty = no primary host."""

    host: str
    port: int
    tls: bool
    client_id: str
    version: int = 5
    user: str = ""
    password: str = ""
    ca: str = ""
    certificate: str = ""
    key: str = ""
    session_s: int = 7 * 86_400
    host_id: str = ""
    filters: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Standing:
    """How the session stands."""

    phase: Phase
    since_ms: int
    why: str = ""
    why_zh: str = ""


def read_endpoint(endpoint: str) -> tuple[str, int, bool]:
    """Return host, port and whether TLS is used, of ``mqtt://host:1883`` or ``mqtts://host``.

    Raises
    ------
    SettingsError
        It is no such address.
    """
    try:
        parts = urlsplit(endpoint)
        if parts.scheme in PORTS and parts.hostname:
            port = parts.port or PORTS[parts.scheme]
            return parts.hostname, port, parts.scheme == "mqtts"
    except ValueError:  # a port that is no number
        pass
    raise SettingsError(f"endpoint {endpoint!r}: mqtt://host:1883 or mqtts://host:8883 is allowed")


class Session:
    """A session with a broker in a thread of its own.

    Parameters
    ----------
    broker
        Where and as whom.
    full
        Whether the worker is behind; then nothing is read.
    offer
        Takes a message; called from the session's thread.
    begun
        Called after each connect: whether the broker kept our session, and with it all messages
        of quality 1 since we left, in order.
    """

    def __init__(
        self,
        broker: Broker,
        full: Callable[[], bool],
        offer: Callable[[Message], None],
        begun: Callable[[bool], None],
    ) -> None:
        self.broker = broker
        self._full, self._offer, self._begun = full, offer, begun
        self._acks: deque[tuple[int, int]] = deque()
        self._out: deque[tuple[str, bytes, int, bool]] = deque()
        self._epoch = 0
        self._connected = False
        self._stopping = False
        self._state_at = 0
        self._refusal = ""
        self._standing = Standing(Phase.CONNECTING, _now_ms())
        self._wake_in, self._wake_out = socket.socketpair()
        self._wake_in.setblocking(False)
        self._wake_out.setblocking(False)
        self._thread = threading.Thread(target=self._run, name=f"mqtt-{broker.client_id}")

    def start(self) -> None:
        """Begin to connect."""
        self._thread.start()

    def stop(self) -> None:
        """Say goodbye and end the thread; the broker keeps what comes from now on."""
        self._stopping = True
        self._wake()
        self._thread.join(CONNECT_S_MAX + 5)
        self._wake_in.close()
        self._wake_out.close()

    @property
    def standing(self) -> Standing:
        """How the session stands."""
        return self._standing

    def acknowledge(self, marks: Sequence[tuple[int, int]]) -> None:
        """Acknowledge messages: pairs of connection number and message id. From any thread."""
        self._acks.extend(marks)
        self._wake()

    def publish(self, topic: str, payload: bytes, qos: int = 0, retain: bool = False) -> None:
        """Send a message. From any thread.

        Raises
        ------
        LinkError
            The broker is not connected.
        """
        if not self._connected:
            raise LinkError(f"{self.broker.host}:{self.broker.port}: {self._standing.why}")
        self._out.append((topic, payload, qos, retain))
        self._wake()

    def _wake(self) -> None:
        with contextlib.suppress(OSError):  # it is awake already, or closed
            self._wake_out.send(b"x")

    # In the session's thread --------------------------------------------------------------------

    def _run(self) -> None:
        retry_s = RETRY_S_MIN
        while not self._stopping:
            client = self._client()
            try:
                if self._connect(client):
                    retry_s = RETRY_S_MIN
                    self._serve(client)
            except (OSError, ValueError) as e:
                self._lost(f"{type(e).__name__}: {e}", "无法连接代理服务器")
            finally:
                self._connected = False
                self._drop(client)
            self._sleep(retry_s)
            retry_s = min(RETRY_S_MAX, 2 * retry_s)
        self._standing = Standing(Phase.OFF, _now_ms())

    def _client(self) -> mqtt.Client:
        b = self.broker
        protocol = mqtt.MQTTv5 if b.version == 5 else mqtt.MQTTv311
        clean = None if b.version == 5 else False
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2, b.client_id, clean, protocol=protocol, manual_ack=True
        )
        if b.user:
            client.username_pw_set(b.user, b.password)
        if b.tls:
            context = ssl.create_default_context(cafile=b.ca or None)
            if b.certificate:
                context.load_cert_chain(b.certificate, b.key or None)
            client.tls_set_context(context)
        client.connect_timeout = CONNECT_S_MAX
        client.on_message = self._on_message
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        # With such a callback packets are queued, and this thread alone writes them.
        client.on_socket_register_write = lambda *_: None
        self._state_at = _now_ms()
        if b.host_id:
            client.will_set(state_topic(b.host_id), self._state(False), qos=1, retain=True)
        return client

    def _state(self, online: bool) -> bytes:
        """STATE of a primary host (3.0 section 6.4.25): birth and death share their timestamp."""
        return json.dumps({"online": online, "timestamp": self._state_at}).encode()

    def _connect(self, client: mqtt.Client) -> bool:
        b = self.broker
        options: dict[str, Any] = {}
        if b.version == 5:
            asked: Any = Properties(PacketTypes.CONNECT)
            asked.SessionExpiryInterval = b.session_s
            asked.ReceiveMaximum = limits.MQTT_UNACKED_MAX
            asked.MaximumPacketSize = limits.MQTT_PACKET_BYTES_MAX
            options["properties"] = asked
            options["clean_start"] = False
        self._refusal = ""
        client.connect(b.host, b.port, KEEPALIVE_S, **options)
        until = time.monotonic() + CONNECT_S_MAX
        while not self._connected and not self._refusal and client.socket() is not None:
            if self._stopping or time.monotonic() > until:
                raise OSError(f"no answer to our CONNECT within {CONNECT_S_MAX:g} s")
            self._turn(client)
        if not self._connected:
            self._lost(self._refusal or "the broker closed the connection", "代理服务器拒绝连接")
        return self._connected

    def _serve(self, client: mqtt.Client) -> None:
        while self._connected and not self._stopping:
            self._turn(client)
            self._write_waiting(client)
        if self._stopping and self._connected:
            if self.broker.host_id:
                client.publish(state_topic(self.broker.host_id), self._state(False), 1, True)
            client.disconnect()
            self._flush(client)

    def _turn(self, client: mqtt.Client) -> None:
        """Wait for something to do, and do it once."""
        link = client.socket()
        if link is None:
            self._connected = False
            return
        full = self._full()
        reads = [self._wake_in] if full else [self._wake_in, link]
        writes = [link] if client.want_write() else []
        pending = isinstance(link, ssl.SSLSocket) and not full and link.pending() > 0
        ready, writable, _ = select.select(reads, writes, [], 0 if pending else WAIT_S)
        if self._wake_in in ready:
            with contextlib.suppress(BlockingIOError):
                self._wake_in.recv(65_536)
        if link in ready or pending:
            self._read(client, link)
        if writable:
            client.loop_write()
        client.loop_misc()

    def _read(self, client: mqtt.Client, link: Any) -> None:
        for _ in range(READS_MAX):
            client.loop_read()
            if client.socket() is None or self._full():
                return
            if (
                not (isinstance(link, ssl.SSLSocket) and link.pending())
                and not select.select([link], [], [], 0)[0]
            ):
                return

    def _write_waiting(self, client: mqtt.Client) -> None:
        while self._acks:
            epoch, mid = self._acks.popleft()
            if epoch == self._epoch:  # an older connection's message comes again under a new id
                client.ack(mid, 1)
        while self._out:
            topic, payload, qos, retain = self._out.popleft()
            client.publish(topic, payload, qos, retain)

    def _flush(self, client: mqtt.Client) -> None:
        until = time.monotonic() + 2
        while client.want_write() and time.monotonic() < until and client.socket() is not None:
            if client.loop_write() != mqtt.MQTT_ERR_SUCCESS:
                return

    def _drop(self, client: mqtt.Client) -> None:
        link = client.socket()
        client.on_message = client.on_disconnect = None
        if link is not None:
            link.close()

    def _sleep(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while not self._stopping and (left := until - time.monotonic()) > 0:
            if select.select([self._wake_in], [], [], left)[0]:
                with contextlib.suppress(BlockingIOError):
                    self._wake_in.recv(65_536)

    def _lost(self, why: str, why_zh: str) -> None:
        if self._standing.phase is not Phase.FAILED:
            log.warning("broker %s:%d: %s", self.broker.host, self.broker.port, why)
            since_ms = _now_ms()
        else:
            since_ms = self._standing.since_ms
        b = self.broker
        self._standing = Standing(
            Phase.FAILED, since_ms,
            f"the broker {b.host}:{b.port} is not connected: {why}; it is tried again",
            f"与代理服务器 {b.host}:{b.port} 未连接：{why_zh}（{why}），将自动重试",
        )  # fmt: skip

    # Called by the client -----------------------------------------------------------------------

    def _on_connect(self, client: mqtt.Client, *told: Any) -> None:
        reason = told[2]
        if reason.is_failure:
            self._refusal = f"the broker refused us: {reason}"
            return
        self._epoch += 1
        if self.broker.host_id:
            client.subscribe(state_topic(self.broker.host_id), 1)
        for wanted in self.broker.filters:
            client.subscribe(wanted, 1)
        if self.broker.host_id:
            client.publish(state_topic(self.broker.host_id), self._state(True), 1, True)
        self._connected = True
        if self._standing.phase is Phase.FAILED:
            log.info("broker %s:%d is back", self.broker.host, self.broker.port)
        self._standing = Standing(Phase.CONNECTED, _now_ms())
        self._begun(bool(told[1].session_present))

    def _on_disconnect(self, client: mqtt.Client, *told: Any) -> None:
        self._connected = False
        if not self._stopping:
            self._lost(f"the connection ended ({told[2]})", "连接中断")

    def _on_message(self, client: mqtt.Client, _: Any, message: mqtt.MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = ""
        if topic and topic == state_topic(self.broker.host_id):
            self._hear_state(client, message.payload)
            if message.qos:
                self._acks.append((self._epoch, message.mid))
            return
        self._offer(
            Message(self._epoch, message.mid, message.qos, topic, bytes(message.payload), _now_ms())
        )

    def _hear_state(self, client: mqtt.Client, payload: bytes | bytearray) -> None:
        """Say again that we are here where the death of an earlier session arrives late."""
        with contextlib.suppress(ValueError, AttributeError):
            if not json.loads(payload).get("online", True):
                self._state_at = _now_ms()
                client.publish(state_topic(self.broker.host_id), self._state(True), 1, True)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
