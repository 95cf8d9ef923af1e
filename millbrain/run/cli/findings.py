"""`millbrain findings`: what the apps found, the newest version of each finding."""

import json
from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any, Final, TextIO

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from millbrain.core.errors import StoreError
from millbrain.core.findings import FINDING, SEVERITIES
from millbrain.core.limits import EXPORT_ROWS_MAX
from millbrain.core.times import BEIJING, utc_from_epoch
from millbrain.core.units import written
from millbrain.record.warehouse import Warehouse

_UNKNOWN_TABLE: Final = "UNKNOWN_TABLE"
_COLUMNS: Final = (
    "thing", "app", "kind", "pack_no", "cell_no", "first_seen_at", "last_seen_at", "severity",
    "value", "unit", "threshold", "confidence", "call_out", "is_open", "sentence", "sentence_zh",
)  # fmt: skip
_COLOURS: Final = {0: "dim", 1: "", 2: "yellow", 3: "red", 4: "bold red"}


def read_findings(warehouse: Warehouse, vin: str = "") -> list[dict[str, Any]]:
    """Return the newest version of each finding: open ones first, then by severity and time.

    vin: of the vehicle, empty = all. Packs and cells count from 1, None = the whole of it; times
    are device times, ISO 8601 in Beijing time.

    Raises
    ------
    StoreError
        The warehouse has no table of findings, or is gone.
    """
    where = "WHERE thing = {vin:String} " if vin else ""
    sql = (
        f"SELECT * FROM (SELECT {', '.join(_COLUMNS)} FROM {FINDING.name} {where}"
        "ORDER BY as_of DESC LIMIT 1 BY thing, app, kind, pack_no, cell_no) "
        "ORDER BY is_open DESC, severity DESC, last_seen_at DESC, thing, pack_no, cell_no, kind "
        f"LIMIT {EXPORT_ROWS_MAX}"
    )
    try:
        found = warehouse.query(sql, {"vin": vin} if vin else None)
    except StoreError as error:
        if _UNKNOWN_TABLE not in str(error):
            raise
        raise StoreError(
            f"the warehouse has no table {FINDING.name!r}, so nothing was analysed yet; "
            "an engine of this version makes it when it starts"
        ) from error
    return [_plain(row) for row in found.to_pylist()]


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    severity = int(row["severity"])
    return {
        "vin": row["thing"],
        "app": row["app"],
        "kind": row["kind"],
        "pack": row["pack_no"] or None,
        "cell": row["cell_no"] or None,
        "first_seen": _beijing(row["first_seen_at"]),
        "last_seen": _beijing(row["last_seen_at"]),
        "severity": SEVERITIES.get(severity, (str(severity), ""))[0],
        "severity_level": severity,
        "value": _finite(row["value"]),
        "unit": row["unit"],
        "threshold": _finite(row["threshold"]),
        "confidence": round(float(row["confidence"]), 3),
        "call_out": bool(row["call_out"]),
        "open": bool(row["is_open"]),
        "sentence": row["sentence"],
        "sentence_zh": row["sentence_zh"],
    }


def _beijing(at_s: int) -> str:
    return utc_from_epoch(at_s).astimezone(BEIJING).isoformat()


def print_json(findings: Sequence[Mapping[str, Any]], out: TextIO) -> None:
    """Write one JSON array, a finding a line."""
    lines = (json.dumps(row, ensure_ascii=False, allow_nan=False) for row in findings)
    out.write("[" + ",\n".join(lines) + "]\n")


def print_blocks(findings: Sequence[Mapping[str, Any]], out: Console) -> None:
    """Print a block of lines a finding, for a person; times are device times in Beijing."""
    if not findings:
        out.print("no findings", highlight=False)
    for row in findings:
        state = row["severity"] if row["open"] else "closed"
        colour = _COLOURS.get(row["severity_level"], "") if row["open"] else "dim"
        part = "".join(f"  {name} {row[name]}" for name in ("pack", "cell") if row[name])
        seen = f"{_minute(row['first_seen'])} to {_minute(row['last_seen'])}"
        figure = (
            f"{_figure(row['value'], row['unit'])}, limit {_figure(row['threshold'], row['unit'])}"
        )
        call = "  call in" if row["call_out"] and row["open"] else ""
        head = f"{state:<8}{row['vin']}{part}  {row['kind']}{call}"
        out.print(head, style=colour or None, highlight=False, markup=False)
        told = f"{seen}  {figure}  confidence {row['confidence']:.0%}\n{row['sentence']}"
        out.print(Padding(Text(told), (0, 0, 1, 8)), highlight=False)


def _finite(value: float) -> float | None:
    return value if isfinite(value) else None  # JSON has no other numbers


def _figure(value: float | None, unit: str) -> str:
    return "" if value is None else f"{value:.4g} {written(unit)}".strip()


def _minute(at: str) -> str:
    return at[:16].replace("T", " ")
