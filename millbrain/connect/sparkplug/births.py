"""What a birth says: which metric an alias means, of what type, with which unit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from millbrain.connect.sparkplug import fields
from millbrain.connect.sparkplug.columnar import ALIASED, Metrics
from millbrain.connect.sparkplug.slots import Slots
from millbrain.core.plant.tags import Found, TagKind

UNKNOWN = -1  # no metric of the birth
PASSED = -2  # known and not stored: a control, a sequence number, a definition


@dataclass(frozen=True, slots=True)
class Born:
    """One metric of a birth. unit: its engineering unit as written, empty = none."""

    name: str
    alias: int | None
    datatype: int
    unit: str
    value: str


@dataclass(frozen=True, slots=True)
class Names:
    """Which slot an alias or a name means; the table of one birth."""

    names: Mapping[bytes, int]
    aliases: NDArray[np.uint64]
    slots: NDArray[np.int64]
    by_alias: Mapping[int, str] = field(default_factory=dict)

    def resolve(self, metrics: Metrics, first: int, end: int) -> NDArray[np.int64]:
        """Return the slots of metrics `first` to `end`; UNKNOWN or PASSED where there is none."""
        found = np.full(end - first, UNKNOWN, np.int64)
        spans = metrics.name[first:end]
        named = spans[:, 1] > spans[:, 0]
        aliased = (metrics.flags[first:end] & ALIASED) != 0
        if len(self.aliases):
            alias = metrics.alias[first:end]
            at = np.minimum(np.searchsorted(self.aliases, alias), len(self.aliases) - 1)
            hit = aliased & (self.aliases[at] == alias)
            found[hit] = self.slots[at[hit]]
        for row in np.flatnonzero(named & (found == UNKNOWN)).tolist():
            begin, stop = spans[row].tolist()
            name = bytes(metrics.buffer[begin:stop])
            found[row] = PASSED if is_passed(name) else self.names.get(name, UNKNOWN)
        return found


def is_passed(name: bytes) -> bool:
    """Whether a metric is a control or counts sessions: known, and not stored.

    >>> is_passed(b"bdSeq"), is_passed(b"Node Control/Rebirth"), is_passed(b"Temperature")
    (True, True, False)
    """
    return name == fields.BD_SEQ.encode() or name.startswith(_CONTROLS)


_CONTROLS = tuple(c.encode() for c in fields.CONTROLS)


def metrics_of(payload: Mapping[str, Any]) -> list[Born]:
    """Return the metrics of a birth."""
    return [
        Born(
            m.get("name", ""), m.get("alias"), m.get("datatype", 0),
            unit_of(m.get("properties", {})), _shown(m),
        )
        for m in payload["metrics"]
    ]  # fmt: skip


def unit_of(properties: Mapping[str, Any]) -> str:
    """Return the engineering unit among the properties of a metric, empty where there is none."""
    named = dict(zip(properties.get("keys", ()), properties.get("values", ()), strict=False))
    for name in fields.UNITS:
        text = named.get(name, {}).get("string_value", "")
        if text:
            return str(text)[:32]
    return ""


def bd_seq_of(payload: Mapping[str, Any]) -> int | None:
    """Return the session number of a node's birth or death, None where it has none."""
    for metric in payload["metrics"]:
        if metric.get("name") == fields.BD_SEQ:
            number = metric.get("long_value", metric.get("int_value"))
            return None if number is None else int(number)
    return None


def kind_of(datatype: int) -> TagKind:
    """Return what a value of a data type is stored as."""
    if datatype == fields.BOOLEAN:
        return TagKind.TRUTH
    return TagKind.TEXT if datatype in fields.TEXTS else TagKind.NUMBER


def is_value(datatype: int) -> bool:
    """Whether a data type is one value: a number, a truth or a text."""
    return datatype in fields.NUMBERS or datatype in fields.TEXTS or datatype == 0


def found_of(scope: str, address: str, born: Born) -> Found:
    """Return a metric as a node of the browsed tree."""
    return Found(
        address, born.name, scope, kind=kind_of(born.datatype), unit=born.unit, value=born.value,
    )  # fmt: skip


def names_of(slots: Slots, addresses: Sequence[tuple[Born, str]]) -> Names:
    """Make the table of a birth. addresses: each metric with its address, empty = not stored."""
    names: dict[bytes, int] = {}
    aliases: dict[int, int] = {}
    for born, address in addresses:
        slot = slots.number(address) if address else PASSED
        if born.name:
            names[born.name.encode()] = slot
        if born.alias is not None:
            aliases[born.alias] = slot
        if slot >= 0:
            slots.learn(slot, born.datatype)
    ordered = sorted(aliases)
    return Names(
        names,
        np.array(ordered, np.uint64),
        np.array([aliases[a] for a in ordered], np.int64),
        {b.alias: b.name for b, _ in addresses if b.alias is not None},
    )


def _shown(metric: Mapping[str, Any]) -> str:
    """Return the value of a metric of a birth, short, for the browsed tree."""
    for name, value in metric.items():
        if name.endswith("_value") and not isinstance(value, dict | bytes):
            return str(value)[:80]
    return ""
