"""Stations at real machines: the settings of a recipe written as signals of a thing, and read back.

A station's address says which machine it is::

    MW-L03-M07                  the thing itself: its tags say which connection reaches it
    opcua:cell3/MW-L03-M07      the same, over one connection only
    127.0.0.1:4800              a controller of its own that speaks lines (the simulated ones)

A setting goes to the signal of its name. All of them are looked at before the first is written, so
that a machine that lacks one gets none; each is read back by the room that writes it. A machine
keeps no number of a command: what it holds is what it last answered to this process, and after a
restart the same values are written again. No later command can have come between, since a station
takes none while one is open.
"""

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol

from millbrain.core.errors import LimitError, LinkError, MillbrainError
from millbrain.core.limits import CONTROLLER_WAIT_S_MAX
from millbrain.core.plant.tags import Tag
from millbrain.core.scans.commands import (
    Command,
    Controller,
    ControllerError,
    Held,
    NotTakenError,
    Setting,
)
from millbrain.record.ledger import Ledger

_LINES: Final = re.compile(r"[^/]*:\d{1,5}")  # host:port
_PLACE: Final = re.compile(r"(?:(?P<room>[a-z0-9_]+):(?P<connection>[^/]+)/)?(?P<thing>[^/\s]+)")
_ACTION: Final = "command.write"


class Engine(Protocol):
    """The running engine; `show.engine_client.EngineClient` is one."""

    def command(
        self, room: str, thing: str, order: dict[str, Any], wait_s: float
    ) -> dict[str, Any]:
        """Send an order to a thing and wait so long for its answer [s]."""
        ...


@dataclass(frozen=True, slots=True)
class Place:
    """Where a machine is. room, connection: '' = whichever reaches it."""

    thing: str
    room: str = ""
    connection: str = ""


def is_line(address: str) -> bool:
    """Whether an address is that of a controller that speaks lines.

    >>> is_line("10.0.0.7:4800"), is_line("opcua:cell3/MW-L03-M07"), is_line("MW-L03-M07")
    (True, False, False)
    """
    return bool(_LINES.fullmatch(address))


def place_of(address: str) -> Place:
    """Read the address of a machine.

    Raises
    ------
    NotTakenError
        It is none.

    Examples
    --------
    >>> place_of("opcua:cell3/M7")
    Place(thing='M7', room='opcua', connection='cell3')
    """
    found = _PLACE.fullmatch(address)
    if not found:
        raise NotTakenError(
            f"the address {address!r} is no machine; a thing, room:connection/thing or host:port "
            "is allowed"
        )
    return Place(found["thing"], found["room"] or "", found["connection"] or "")


class MachineController:
    """Machines behind connections, by the address of their stations. Thread safe.

    ledger: which tag is which signal, and where every write is recorded. engine: returns the
    running one. address_of: returns the address of a station.
    """

    def __init__(
        self, ledger: Ledger, engine: Callable[[], Engine], address_of: Callable[[str], str]
    ) -> None:
        self._ledger, self._engine, self._address_of = ledger, engine, address_of
        self._held: dict[str, Held] = {}
        self._lock = threading.Lock()

    def read(self, station: str) -> Held:
        """Return what the machine last answered to this process; nothing after a restart."""
        with self._lock:
            return self._held.get(station, Held("", 0, ()))

    def write(self, command: Command) -> None:
        """Write every setting and remember what was read back."""
        place = place_of(self._address_of(command.station))
        rooms = [self._room(place, setting) for setting in command.settings]
        answers = [self._written(command, place.thing, s, room)
                   for s, room in zip(command.settings, rooms, strict=True)]  # fmt: skip
        with self._lock:
            self._held[command.station] = Held(command.id, command.number, tuple(answers))

    def _room(self, place: Place, setting: Setting) -> str:
        """Return the room over which a setting is written."""
        for tag in self._ledger.tags.of_signal(place.thing, setting.name):
            connection = self._ledger.tags.connection(tag.connection)
            if (
                connection is not None
                and place.connection in ("", connection.key)
                and place.room in ("", connection.room)
            ):
                self._check(place, setting, tag)
                return connection.room
        over = f" over {place.room}:{place.connection}" if place.connection else ""
        raise NotTakenError(
            f"{place.thing} has no signal {setting.name}{over}; no setting was written"
        )

    def _check(self, place: Place, setting: Setting, tag: Tag) -> None:
        if not tag.writable or not tag.enabled:
            raise NotTakenError(f"{setting.name} of {place.thing} is not writable; no setting "
                                  "was written")  # fmt: skip
        if tag.unit and setting.unit and tag.unit != setting.unit:
            raise NotTakenError(
                f"{setting.name} of {place.thing} is in {tag.unit}, the recipe in {setting.unit}; "
                "no setting was written"
            )

    def _written(self, command: Command, thing: str, setting: Setting, room: str) -> Setting:
        """Write one setting, in the audit too; return what was read back."""
        order = {"do": "write", "signal": setting.name, "value": setting.value}
        number = self._ledger.commands.sent(thing, order, command.asked_by)
        what = f"{thing} {setting.name}"
        try:
            answer = self._engine().command(room, thing, order, CONTROLLER_WAIT_S_MAX)
        except (MillbrainError, ConnectionError) as e:
            self._ledger.commands.failed(number, str(e))
            self._audit(command, what, str(e))
            unknown = isinstance(e, LinkError | LimitError | ConnectionError)
            raise (ControllerError if unknown else NotTakenError)(f"{what}: {e}") from e
        self._ledger.commands.answered(number, answer)
        agrees = bool(answer["agrees"])
        self._audit(command, what, "ok" if agrees else f"read back {answer['read_back']!r}")
        # What agrees within the machine's own precision is what was written.
        return setting if agrees else Setting(setting.name, answer["read_back"], setting.unit)

    def _audit(self, command: Command, what: str, result: str) -> None:
        self._ledger.audit.add(command.asked_by, f"scan {command.id}", _ACTION, what, result)


class Controllers:
    """Every station's controller, whatever its address says."""

    def __init__(
        self, lines: Controller, machines: Controller, address_of: Callable[[str], str]
    ) -> None:
        self._lines, self._machines, self._address_of = lines, machines, address_of

    def read(self, station: str) -> Held:
        """Return what a station holds."""
        return self._of(station).read(station)

    def write(self, command: Command) -> None:
        """Hand a command to its station, whole."""
        self._of(command.station).write(command)

    def _of(self, station: str) -> Controller:
        address = self._address_of(station)
        return self._lines if not address or is_line(address) else self._machines
