"""What was found before, as the table `finding` holds it: its newest versions read back."""

from collections.abc import Sequence
from typing import Any, Final

from millbrain.core.findings import FINDING, Finding, finding_of
from millbrain.core.rooms import Facts

_TEXTS: Final = frozenset(c.name for c in FINDING.columns if c.kind in ("text", "name"))
_PICKED: Final = ", ".join(
    f"toUInt32({c.name}) AS {c.name}" if c.kind == "at_s" else f"f.{c.name} AS {c.name}"
    for c in FINDING.columns
    if c.name != "as_of"
)


def known(facts: Facts, app: str, vins: Sequence[str]) -> dict[str, list[Finding]]:
    """Return the newest version of every finding of some vehicles, closed ones too."""
    found = _query(facts, "app = {app:String} AND thing IN ({vins:Array(String)})",
                   {"app": app, "vins": list(vins)})  # fmt: skip
    by_vin: dict[str, list[Finding]] = {}
    for finding in found:
        by_vin.setdefault(finding.thing, []).append(finding)
    return by_vin


def still_open(facts: Facts, app: str = "") -> list[Finding]:
    """Return every open finding of an app, of all apps where none is named."""
    return _query(facts, "({app:String} = '' OR app = {app:String}) AND is_open = 1", {"app": app})


def written_since(facts: Facts, since_ms: int) -> list[Finding]:
    """Return every finding whose newest version was written at or after an instant [ms]."""
    return _query(facts, "f.as_of >= fromUnixTimestamp64Milli({since:Int64})", {"since": since_ms})


def newest_ms(facts: Facts) -> int:
    """Return when the newest version of any finding was written [ms since 1970], 0 = never."""
    newest = facts.query(f"SELECT toUnixTimestamp64Milli(max(as_of)) FROM {FINDING.name}")
    return int(newest.column(0)[0].as_py() or 0)


def _query(facts: Facts, where: str, params: dict[str, Any]) -> list[Finding]:
    sql = f"SELECT {_PICKED} FROM finding AS f FINAL WHERE {where} ORDER BY thing, kind, cell_no"
    return [finding_of(_decoded(row)) for row in facts.query(sql, params).to_pylist()]


def _decoded(row: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value.decode("utf-8", "replace")
        if name in _TEXTS and isinstance(value, bytes)
        else value
        for name, value in row.items()
    }
