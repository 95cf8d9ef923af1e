"""One vehicle's questions: why it is suspect, its cells day by day, charges, health, events."""

import json
from collections.abc import Mapping
from typing import Final

from millbrain.analyse.battery.pages import parts
from millbrain.analyse.battery.tables import (
    BATTERY_CHARGE,
    BATTERY_DAY,
    BATTERY_EVENT,
    BATTERY_HEALTH,
)
from millbrain.core.findings import FINDING
from millbrain.core.pages import TEXT, Argument, Document, Query, Rows
from millbrain.core.tables import Column, Table

_BACK: Final = Argument("days", "UInt16", "How many days back", "天数", 90, 1, 400)
_VIN_ONLY: Final = ("vin", "thing", "as_of", "batch", "app", "is_void")
_STATE: Final = ("head", "cell_sums", "cell_loads", "cell_tallies", "cell_bounds")


def _columns(table: Table, without: tuple[str, ...] = ()) -> tuple[Column, ...]:
    """Return what a table holds of a vehicle that the question has named already."""
    left_out = (*_VIN_ONLY, *without)
    return tuple(c for c in table.columns if c.name not in left_out)


def _of_table(table: Table, name: str, title: str, title_zh: str, order: str, since: str) -> Query:
    """Return the query for one vehicle's rows of a table. since: its instant or day column."""
    columns = _columns(table, _STATE)
    # What is finer is noise, and twice the bytes.
    names = ", ".join(
        f"arrayMap(x -> round(x, {3 if c.name.endswith('mohm') else 1}), {c.name}) AS {c.name}"
        if c.many
        else c.name
        for c in columns
    )
    from_day = f"{parts.TODAY} - {{days:UInt16}}"
    return Query(
        name,
        title,
        title_zh,
        f"SELECT {names}, as_of FROM {table.name} FINAL"
        # By the key, so FINAL cannot change what it leaves; the lists of other rows stay unread.
        f" PREWHERE vin = {{vin:String}} WHERE {parts.MY_VIN} AND {since} >= {from_day}",
        (*columns, parts.AS_OF),
        order,
        (parts.ONE_VIN, _BACK),
        rows=2_000,
    )


WHY: Final = Query(
    "why",
    "Everything found of a vehicle, open and closed, with its evidence",
    "一辆车的全部线索及证据",
    f"""
    SELECT kind, pack_no, cell_no, first_seen_at, last_seen_at, severity, value, unit, threshold,
           confidence, evidence, sentence, sentence_zh, call_out, is_open, as_of
    FROM finding FINAL
    WHERE app = 'battery' AND thing = {{vin:String}} AND {parts.MY_THING}""",
    (*_columns(FINDING), parts.AS_OF),
    "is_open desc, severity desc, last_seen_at desc, kind, pack_no, cell_no",
    (parts.ONE_VIN,),
    rows=200,
)

DAYS: Final = _of_table(
    BATTERY_DAY, "cell_days", "Every cell, day by day", "各单体逐日偏差",
    "pack_no, day, cell_count", "day",
)  # fmt: skip
CHARGES: Final = _of_table(
    BATTERY_CHARGE, "charges", "Charges and the capacity they tell", "充电记录与推算容量",
    "start_at desc, pack_no", "toDate(start_at, 'Asia/Shanghai')",
)  # fmt: skip
SOH: Final = _of_table(
    BATTERY_HEALTH, "soh_history", "State of health over time", "健康度历史",
    "pack_no, method, day", "day",
)  # fmt: skip
EVENTS: Final = _of_table(
    BATTERY_EVENT, "events", "What the vehicle's control did that it should not",
    "控制策略异常事件", "device_at desc, kind", "toDate(device_at, 'Asia/Shanghai')",
)  # fmt: skip

SIMILAR: Final = Query(
    "similar",
    "Cases of the same kind on the same model",
    "同车型同类案例",
    f"""
    SELECT thing AS vin, l.plate AS plate, l.model AS model, l.operator AS operator,
           l.region_code AS region_code, l.simulated AS simulated, kind, pack_no, cell_no,
           severity, value, unit, threshold, confidence, call_out, is_open, first_seen_at,
           last_seen_at, f.as_of AS as_of
    FROM (SELECT * FROM finding FINAL
          WHERE app = 'battery' AND kind = {{kind:String}} AND thing != {{vin:String}}
            AND {parts.MY_THING}) AS f
    JOIN (SELECT vin, plate, model, operator, region_code, simulated FROM vehicle_latest
          WHERE model = {{model:String}}) AS l ON l.vin = f.thing""",
    (
        *parts.VEHICLE,
        parts.KIND,
        *parts.PLACE,
        parts.SEVERITY,
        *parts.FIGURE,
        Column("call_out", "u8", "1 = evidence enough to send for somebody", "建议召检"),
        Column("is_open", "u8", "0 = the evidence has stayed away", "未关闭"),
        Column("first_seen_at", "at_s", "First seen, device time", "首次出现"),
        Column("last_seen_at", "at_s", "Last seen, device time", "最近出现"),
        parts.AS_OF,
    ),
    "is_open desc, last_seen_at desc, vin, pack_no, cell_no",
    (
        parts.ONE_VIN,
        Argument("kind", TEXT, "The kind", "类别", length_max=64),
        Argument("model", TEXT, "The model", "车型"),
    ),
)


def _evidence(rows: Mapping[str, Rows], _: str) -> str:
    """Return all that the page rests on as one JSON text, findings with their evidence opened."""
    findings = [{**row, "evidence": json.loads(row["evidence"] or "[]")} for row in rows["why"]]
    return json.dumps({**rows, "why": findings}, ensure_ascii=False, indent=1)


EVIDENCE: Final = Document(
    "evidence",
    "All evidence of a vehicle in one file",
    "一辆车的全部证据文件",
    (WHY, DAYS, CHARGES, SOH, EVENTS),
    _evidence,
    "application/json",
)
QUERIES: Final = (WHY, DAYS, CHARGES, SOH, EVENTS, SIMILAR)
