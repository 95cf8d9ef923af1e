"""Facts read back from the warehouse, in the form in which they arrive live.

Whatever was missed, is late, or lies before the start comes through here; `calc` sees the same
columns with the same bits either way.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from millbrain.analyse.battery.calc.inputs import INSULATION_NONE, LEVEL_NONE, SOC_NONE
from millbrain.analyse.battery.calc.kernels import TEMP_NONE
from millbrain.core.columns import Columns, Ragged
from millbrain.core.rooms import Facts
from millbrain.core.times import BEIJING_OFFSET_S

VIN_BYTES: Final = 24

# What is missing comes as the marker that `calc.inputs` uses for it: no NULL masks, no copies.
_SCALARS: Final = {
    "vin": f"toFixedString(vin, {VIN_BYTES})",
    "device_at": "toUInt32(device_at)",
    "received_at": "toUnixTimestamp64Milli(received_at)",
    "batch": "batch",
    "current_a": "ifNull(current_a, toFloat32(nan))",
    "soc_pct": f"ifNull(soc_pct, {SOC_NONE})",
    "voltage_v": "ifNull(voltage_v, toFloat32(nan))",
    "insulation_kohm": f"ifNull(insulation_kohm, {INSULATION_NONE})",
    "temp_max_degc": f"ifNull(temp_max_degc, toInt16({TEMP_NONE}))",
    "temp_min_degc": f"ifNull(temp_min_degc, toInt16({TEMP_NONE}))",
    "alarm_level": f"ifNull(alarm_level, {LEVEL_NONE})",
    "alarm_flags": "alarm_flags",
    "vehicle_state": "vehicle_state",
    "charge_state": "charge_state",
    "dcdc_state": "dcdc_state",
    "speed_kmh": "ifNull(speed_kmh, toFloat32(nan))",
}
_LISTS: Final = {
    "cells_mv": "cells_mv",
    "pack_cell_count": "pack_cell_count",
    "pack_no": "pack_no",
    "pack_current_a": "pack_current_a",
    # The probes are only looked at where the frame told no extremes.
    "temps_degc": "if(isNull(temp_max_degc) OR isNull(temp_min_degc), temps_degc, [])",
}
# Compressing what is read at once costs more than the reading.
PLAIN: Final = "SETTINGS output_format_arrow_compression_method = 'none'"
PICKED: Final = _SCALARS | _LISTS
# What the days of a pack are made of; the rest is for charges and events.
OF_DAYS: Final = {
    name: sql
    for name, sql in PICKED.items()
    if name not in ("batch", "vehicle_state", "charge_state", "dcdc_state", "speed_kmh")
}


def reports(
    facts: Facts, where: str, params: Mapping[str, Any], picked: Mapping[str, str] = PICKED
) -> Columns:
    """Return the vehicle reports that a condition picks, as columns."""
    told = ", ".join(f"{sql} AS {name}_" for name, sql in picked.items())
    sql = f"SELECT {told} FROM vehicle_report WHERE {where} {PLAIN}"
    return columns_of(facts.query(sql, params))


def of_batches(facts: Facts, after: int, upto: int) -> Columns:
    """Return the reports of the batches after one and up to another, each with its `batch`."""
    where = "batch > {after:UInt64} AND batch <= {upto:UInt64}"
    return reports(facts, where, {"after": after, "upto": upto}, OF_DAYS | {"batch": "batch"})


def of_days(
    facts: Facts, vins: Sequence[Any], days: NDArray[np.int64], upto: int, *, probes: bool = True
) -> Columns:
    """Return what the days of packs are made of, of vehicles and of some days, Beijing time.

    upto: newest batch that counts. Other days that lie between are left out. probes: False where
    every report is known to tell its highest and lowest, so that no list of them need be read.
    """
    where = (
        "vin IN ({vins:Array(String)}) AND batch <= {upto:UInt64} "
        "AND device_at >= toDateTime({since:Int64}, 'UTC') "
        "AND device_at < toDateTime({until:Int64}, 'UTC') "
        f"AND intDiv(toInt64(toUInt32(device_at)) + {BEIJING_OFFSET_S}, 86400) "
        "IN ({days:Array(Int64)})"
    )
    params = {
        "vins": texts(np.asarray(vins)),
        "upto": upto,
        "since": max(int(days.min()) * 86_400 - BEIJING_OFFSET_S, 0),
        "until": (int(days.max()) + 1) * 86_400 - BEIJING_OFFSET_S,
        "days": np.unique(days).tolist(),
    }
    picked = {n: sql for n, sql in OF_DAYS.items() if probes or n != "temps_degc"}
    return reports(facts, where, params, picked)


def columns_of(answer: pa.Table | pa.RecordBatch) -> Columns:
    """Return an answer as columns; a trailing underscore of a name is dropped."""
    names = answer.schema.names
    values = {name.removesuffix("_"): _array(answer.column(name)) for name in names}
    return Columns(answer.num_rows, values)


def _array(column: Any) -> NDArray[Any] | Ragged:
    array = column
    if isinstance(column, pa.ChunkedArray):
        array = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
    kind = array.type
    if pa.types.is_list(kind):
        offsets = np.asarray(array.offsets)
        return Ragged(offsets - offsets[0], np.asarray(array.flatten()))
    if pa.types.is_fixed_size_binary(kind):
        raw = array.buffers()[1]
        text = np.frombuffer(memoryview(raw or b""), f"S{kind.byte_width}")
        return text[array.offset : array.offset + len(array)]
    if pa.types.is_binary(kind) or pa.types.is_string(kind):
        return np.array(array.to_pylist(), object)
    return np.asarray(array.to_numpy(zero_copy_only=False))


def text(value: bytes | str) -> str:
    """Return a text of an answer, which comes as bytes from one engine and as text from another."""
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else value


def texts(vins: NDArray[Any]) -> list[str]:
    """Return names of vehicles as query parameters."""
    return [text(v) for v in vins.tolist()]
