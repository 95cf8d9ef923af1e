"""Simulated machines behind a real OPC UA server: an object a machine, a node a signal."""

import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from asyncua import Server, ua
from asyncua.crypto.permission_rules import User, UserRole

from millbrain.core.plant.model import Node, Signal
from millbrain.core.plant.tags import TagKind
from millbrain.run.plant.points import namespace
from millbrain.run.plant.serving import Setting, Told, Value, free_port

log = logging.getLogger(__name__)
_ADMIN: Final = User(role=UserRole.Admin)


class _Guarded:
    """Writes of set-points go to the machine, which may refuse."""

    def __init__(self, inner: Any, setting: Setting, points: dict[Any, tuple[str, str]]) -> None:
        self.read = inner.read
        self._inner, self._setting, self._points = inner, setting, points

    async def write(self, params: ua.WriteParameters, user: User = _ADMIN) -> list[ua.StatusCode]:
        """Write each value that its machine takes."""
        return [await self._one(item, user) for item in params.NodesToWrite]

    async def _one(self, item: Any, user: Any) -> Any:
        point = self._points.get(item.NodeId)
        if point is not None and item.AttributeId == ua.AttributeIds.Value:
            value = item.Value.Value.Value
            given = float(value) if isinstance(value, bool | int | float) else str(value)
            if not self._setting.try_write(*point, given):
                return ua.StatusCode(ua.StatusCodes.BadOutOfRange)
        one = ua.WriteParameters()
        one.NodesToWrite = [item]
        (code,) = await self._inner.write(one, user)
        return code


class _Guests:
    """Everybody may log in and write set-points, nothing else."""

    def get_user(self, *_: Any, **__: Any) -> User:
        """Return a user without the administrator's rights."""
        return User(role=UserRole.User)


class OpcUaServer:
    """One OPC UA server. port: as bound."""

    def __init__(self, setting: Setting, host: str, port: int) -> None:
        self.port = port or free_port(host)
        self._setting, self._host = setting, host
        self._nodes: dict[tuple[str, str], ua.NodeId] = {}
        self._text: set[tuple[str, str]] = set()
        self._server: Server | None = None

    async def start(self) -> None:
        """Listen, with every node holding its first value."""
        logging.getLogger("asyncua").setLevel(logging.ERROR)
        server = self._server = Server(user_manager=_Guests())
        await server.init()
        setting = self._setting
        server.set_endpoint(f"opc.tcp://{self._host}:{self.port}/{setting.key}")
        server.set_server_name(f"{setting.server.served.title} (simulated)")
        server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
        index = await server.register_namespace(namespace(setting.plant))
        points = await self._build(server, index)
        inner = server.iserver
        inner.attribute_service = _Guarded(inner.attribute_service, setting, points)
        try:
            await server.start()
        except OSError:
            await self.stop()
            raise

    async def _build(self, server: Server, index: int) -> dict[ua.NodeId, tuple[str, str]]:
        """Make the tree; return the set-points by node."""
        folders: dict[str, Any] = {}
        points = {}
        signals = self._setting.signals()
        for unit in self._setting.server.units:
            parent = await self._folder(server, unit.parent, index, folders)
            machine = await parent.add_object(
                ua.NodeId(unit.id, index), ua.QualifiedName(unit.id, index)
            )
            await _describe(machine, unit)
            for signal in signals[unit.id]:
                node = await self._variable(machine, unit, signal, index)
                self._nodes[unit.id, signal.name] = node.nodeid
                if signal.kind is TagKind.TEXT:
                    self._text.add((unit.id, signal.name))
                if signal.writable:
                    await node.set_writable()
                    points[node.nodeid] = (unit.id, signal.name)
        return points

    async def _folder(self, server: Server, place: str, index: int, folders: dict[str, Any]) -> Any:
        if place not in folders:
            found = await server.nodes.objects.add_folder(
                ua.NodeId(place, index), ua.QualifiedName(place, index)
            )
            await _describe(found, self._setting.plant.node(place))
            folders[place] = found
        return folders[place]

    async def _variable(self, machine: Any, unit: Node, signal: Signal, index: int) -> Any:
        moved = "moved." if self._setting.is_moved else ""
        name = ua.NodeId(f"{moved}{unit.id}.{signal.name}", index)
        first = self._setting.first[unit.id].get(signal.name)
        is_text = signal.kind is TagKind.TEXT
        value: Value = first if first is not None else "" if is_text else 0.0
        kind = ua.VariantType.String if is_text else ua.VariantType.Double
        node = await machine.add_variable(
            name, ua.QualifiedName(signal.name, index), value, varianttype=kind
        )
        if first is None and not signal.writable:  # nothing was measured yet: that is no 0
            assert self._server is not None
            waiting = ua.StatusCode(ua.StatusCodes.BadWaitingForInitialData)
            unknown = ua.DataValue(ua.Variant(value, kind), StatusCode=waiting)
            await self._server.write_attribute_value(node.nodeid, unknown)
        await _say(node, f"{signal.title} {signal.title_zh}")
        if signal.unit:
            unit_told = ua.EUInformation()
            unit_told.DisplayName = ua.LocalizedText(signal.unit)
            await node.add_property(index, "EngineeringUnits", unit_told)
        return node

    async def tell(self, told: Sequence[Told]) -> None:
        """Write values into their nodes, each with its own instant."""
        assert self._server is not None
        clock_ms = self._setting.clock_ms
        for one in told:
            node = self._nodes.get((one.unit, one.signal))
            if node is None:
                continue
            is_text = (one.unit, one.signal) in self._text
            kind = ua.VariantType.String if is_text else ua.VariantType.Double
            at = datetime.fromtimestamp((one.at_ms + clock_ms) / 1000, tz=UTC)
            value = ua.DataValue(ua.Variant(one.value, kind), SourceTimestamp=at)
            await self._server.write_attribute_value(node, value)

    async def stop(self) -> None:
        """Hang up and listen no more."""
        if self._server is not None:
            await self._server.stop()
            self._server = None


async def _describe(node: Any, place: Node) -> None:
    await _say(node, f"{place.title} {place.title_zh} (simulated 仿真)")


async def _say(node: Any, text: str) -> None:
    said = ua.DataValue(ua.Variant(ua.LocalizedText(text), ua.VariantType.LocalizedText))
    await node.write_attribute(ua.AttributeIds.Description, said)
