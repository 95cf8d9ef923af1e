"""A small OPC UA server of a machine, in a thread of its own, that also misbehaves on request.

Started by ``python -m millbrain.connect.opcua.simulator --port 4840``, or within a test. It is made
of asyncua's server; what it serves is simulated.
"""

import argparse
import asyncio
import logging
import math
import socket
import threading
import time
from collections import Counter
from collections.abc import Coroutine, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TypeVar

from asyncua import Server, ua, uamethod
from asyncua.common.utils import ServiceError
from asyncua.crypto import cert_gen
from asyncua.crypto.permission_rules import User
from asyncua.server.user_managers import UserRole
from cryptography.x509.oid import ExtendedKeyUsageOID

from millbrain.core.times import utc_from_epoch

NAMESPACE: Final = "urn:millbrain:simulated:press"
LOOPBACK: Final = "127.0.0.1"
T = TypeVar("T")
# name -> first value, type, unit, writable
VARIABLES: Final[Mapping[str, tuple[Any, ua.VariantType, str, bool]]] = {
    "speed_rpm": (1200.0, ua.VariantType.Double, "r/min", False),
    "machine_state": (1, ua.VariantType.Int32, "", False),
    "good_count": (0, ua.VariantType.UInt32, "", False),
    "running": (True, ua.VariantType.Boolean, "", False),
    "program": ("O1001", ua.VariantType.String, "", False),
    "temperature_degc": ([20.0, 21.0, 22.0], ua.VariantType.Double, "°C", False),
    "force_set": (10.0, ua.VariantType.Float, "kN", True),
    "count_set": (5, ua.VariantType.Int16, "", True),
    "recipe_name": ("A", ua.VariantType.String, "", True),
}


class _Users:
    """Says who may log in, as asyncua's `UserManager` does."""

    def __init__(self, users: Mapping[str, str]) -> None:
        self._users = users

    def get_user(
        self, iserver: Any, username: str | None = None, password: str | None = None,
        certificate: Any = None,
    ) -> User | None:  # fmt: skip
        """Return the user where name and password are right; nobody is registered: anybody."""
        if not self._users:
            return User(role=UserRole.User)
        right = username is not None and self._users.get(username) == password
        return User(role=UserRole.User, name=username) if right else None


class Simulator:
    """A machine's server. Its methods may be called from any thread and return when done.

    policies: as asyncua's `SecurityPolicyType` names them. folder: of its certificate, needed for
    other policies than NoSecurity. users: name -> password; empty = anonymous. before: namespaces
    that are registered before its own, so that its own gets another number.
    """

    def __init__(
        self, port: int = 0, *, policies: Sequence[str] = ("NoSecurity",),
        folder: Path | None = None, users: Mapping[str, str] | None = None,
        before: Sequence[str] = (), variables: Mapping[str, Any] = VARIABLES,
        history: Sequence[str] = (),
    ) -> None:  # fmt: skip
        self.port = port or free_port()
        self.nodes: dict[str, Any] = {}
        self._policies, self._folder, self._users = policies, folder, dict(users or {})
        self._before, self._variables, self._history = before, variables, history
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="opcua-simulator")
        self._server: Server | None = None

    @property
    def endpoint(self) -> str:
        """Where it listens."""
        return f"opc.tcp://{LOOPBACK}:{self.port}/press"

    def start(self) -> "Simulator":
        """Begin to serve; return itself."""
        logging.getLogger("asyncua").setLevel(logging.CRITICAL + 1)
        self._thread.start()
        self.run(self._begin())
        return self

    def stop(self) -> None:
        """Close all connections and the port."""
        if not self._thread.is_alive():
            return
        assert self._server is not None, "it was started"
        self.run(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def run(self, work: Coroutine[Any, Any, T], wait_s: float = 30) -> T:
        """Run something in the loop of the server."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(wait_s)

    # What a machine does --------------------------------------------------------------------------

    def put(
        self, name: str, value: Any, *, kind: ua.VariantType | None = None,
        at: datetime | None = None, no_time: bool = False, status: int = 0,
    ) -> None:  # fmt: skip
        """Change a value. kind: another type than before. at: source time; no_time: none at all."""
        chosen = kind or self._variables[name][1]
        now = None if no_time else at or utc_from_epoch(time.time())
        served = ua.DataValue(
            ua.Variant(value, chosen), ua.StatusCode(status), SourceTimestamp=now,
            ServerTimestamp=None if no_time else now,
        )  # fmt: skip
        self.run(self._write(name, served, chosen))

    def value(self, name: str) -> Any:
        """Return what a node holds."""
        return self.run(self.nodes[name].read_value())

    async def _write(self, name: str, served: ua.DataValue, kind: ua.VariantType) -> None:
        server = self._server
        assert server is not None, "it was started"
        space, node = server.iserver.aspace, self.nodes[name].nodeid
        declared = ua.DataValue(ua.Variant(ua.NodeId(kind.value), ua.VariantType.NodeId))
        # A server takes no other type than the one before, unless nothing was before.
        space[node].attributes[ua.AttributeIds.Value].value = ua.DataValue(ua.Variant())
        await space.write_attribute_value(node, ua.AttributeIds.DataType, declared)
        (await space.write_attribute_value(node, ua.AttributeIds.Value, served)).check()

    # How it misbehaves ----------------------------------------------------------------------------

    def drop_connections(self) -> int:
        """Cut every connection without a word, as a cable does; return how many there were."""
        return self.run(self._drop())

    def delete(self, name: str) -> None:
        """Take a node away."""
        assert self._server is not None, "it was started"
        self.run(self._server.delete_nodes([self.nodes[name]]))

    def limit(self, per_request: int, in_all: int) -> None:
        """Take so many monitored items in one request, and so many of one subscription in all."""
        assert self._server is not None, "it was started"
        service = self._server.iserver.subscription_service
        plain, counts = service.create_monitored_items, Counter[int]()

        async def limited(params: Any, *more: Any) -> list[Any]:
            asked = params.ItemsToCreate
            if len(asked) > per_request:
                raise ServiceError(ua.StatusCodes.BadTooManyOperations)
            room = max(0, in_all - counts[params.SubscriptionId])
            params.ItemsToCreate = asked[:room]
            made = await plain(params, *more)
            counts[params.SubscriptionId] += len(made)
            refused = ua.MonitoredItemCreateResult()
            refused.StatusCode = ua.StatusCode(ua.StatusCodes.BadTooManyMonitoredItems)
            return [*made, *([refused] * (len(asked) - room))]

        service.create_monitored_items = limited

    async def _drop(self) -> int:
        assert self._server is not None, "it was started"
        clients = list(self._server.bserver.clients)
        for client in clients:
            client.transport.abort()
        return len(clients)

    async def _begin(self) -> None:
        self._server = server = Server(user_manager=_Users(self._users))
        await server.init()
        server.set_endpoint(self.endpoint)
        server.set_server_name("Simulated press")
        tokens = [ua.UserNameIdentityToken] if self._users else [ua.AnonymousIdentityToken]
        server.set_identity_tokens(tokens)
        server.set_security_policy([ua.SecurityPolicyType[p] for p in self._policies])
        if self._folder is not None:
            await self._certify(server, self._folder)
        for uri in self._before:
            await server.register_namespace(uri)
        number = await server.register_namespace(NAMESPACE)
        press = await server.nodes.objects.add_object(ua.NodeId("Press", number), "Press")
        for name, (first, kind, unit, writable) in self._variables.items():
            node_id = ua.NodeId(f"Press.{name}", number)
            node = await press.add_variable(node_id, name, first, kind)
            if writable:
                await node.set_writable()
            if unit:
                told = ua.EUInformation(
                    NAMESPACE, -1, ua.LocalizedText(unit), ua.LocalizedText(unit)
                )
                await node.add_property(ua.NodeId(f"Press.{name}.unit", number),
                                        ua.QualifiedName("EngineeringUnits", 0), told)  # fmt: skip
            self.nodes[name] = node
        whole = ua.VariantType.Int32
        await press.add_method(ua.NodeId("Press.Add", number), "Add", _add, [whole, whole], [whole])
        await server.start()
        for name in self._history:
            await server.historize_node_data_change(self.nodes[name], period=None, count=100_000)

    async def _end(self) -> None:
        assert self._server is not None, "it was started"
        await self._server.stop()
        # asyncua leaves the timers of sessions and subscriptions running.
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def _certify(self, server: Server, folder: Path) -> None:
        host = socket.gethostname()
        uri = f"urn:{host}:simulated"
        await server.set_application_uri(uri)
        await cert_gen.setup_self_signed_certificate(
            folder / "server.key.pem", folder / "server.cert.der", uri, host,
            [ExtendedKeyUsageOID.SERVER_AUTH], {},
        )  # fmt: skip
        await server.load_certificate(str(folder / "server.cert.der"))
        await server.load_private_key(str(folder / "server.key.pem"))


@uamethod
def _add(_parent: ua.NodeId, a: int, b: int) -> int:
    return a + b


def free_port() -> int:
    """Return a port of the loopback that nobody listens on just now."""
    with socket.create_server((LOOPBACK, 0)) as s:
        port: int = s.getsockname()[1]
    return port


def main() -> None:
    """Serve a press that turns, until stopped."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--port", type=int, default=4840)
    parser.add_argument("--period", type=float, default=0.5, help="seconds between two changes")
    chosen = parser.parse_args()
    served = Simulator(chosen.port).start()
    print(f"simulated press at {served.endpoint}", flush=True)
    turn = 0
    try:
        while True:
            turn += 1
            served.put("speed_rpm", 1200 + 50 * math.sin(turn / 20))
            served.put("good_count", turn // 10)
            time.sleep(chosen.period)
    except KeyboardInterrupt:
        served.stop()


if __name__ == "__main__":
    main()
