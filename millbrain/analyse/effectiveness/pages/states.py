"""How machines stand now, their runs of the day, and their stops."""

from typing import Final

from millbrain.analyse.effectiveness.parts_sql import (
    AS_OF,
    MACHINES,
    MINE,
    PLACES,
    REASON_COLUMNS,
    REASONS,
    WORK,
    of_orders,
)
from millbrain.analyse.effectiveness.tables import MACHINE, STATES
from millbrain.core.pages import TEXT, Argument, Query
from millbrain.core.tables import Column

STATE: Final = Column("state", "u8", "State", "状态", codes=STATES)
JOB: Final = Column("job", "text", "Order and operation", "订单工序")
CYCLE: Final = Column("cycle_s", "f64", "Nameplate time of a piece", "铭牌节拍", missing=True)
SINCE: Final = Column("since_at", "at_ms", "Since when", "起始时刻", missing=True)
PLACE: Final = tuple(
    c for c in MACHINE.columns
    if c.name not in ("operator", "is_void", "as_of", "is_output", "takt_s", "cycle_s")
)  # fmt: skip
NAMED: Final = ", ".join(f"m.{c.name} AS {c.name}" for c in PLACE)

NOW: Final = Query(
    "now",
    "How every machine stands",
    "设备当前状态",
    f"""
    SELECT {NAMED}, m.takt_s AS takt_s, m.cycle_s AS cycle_s,
           h.state AS state, h.reason AS reason, n.title AS reason_title,
           n.title_zh AS reason_title_zh, h.job AS job,
           if(h.machine = '', NULL, h.since_at) AS since_at,
           if(r.thing = '', NULL, r.heard) AS heard_at,
           if(h.machine = '', NULL, h.until_at) AS as_of
    FROM (SELECT * FROM machine FINAL WHERE machine IN ({MACHINES})) AS m
    LEFT JOIN (SELECT machine, state, reason, job, since_at, until_at FROM machine_now FINAL
               WHERE {{machine:String}} = '' OR machine = {{machine:String}}) AS h
      ON h.machine = m.machine
    LEFT JOIN {REASONS} AS n ON n.plant = m.plant AND n.reason = h.reason
    LEFT JOIN (SELECT thing, max(device_at) AS heard FROM reading_latest FINAL
               WHERE {{machine:String}} = '' OR thing = {{machine:String}}
               GROUP BY thing) AS r
      ON r.thing = m.machine""",
    (
        *PLACE,
        Column("takt_s", "f64", "Takt of the line", "产线节拍", missing=True),
        CYCLE,
        STATE,
        *REASON_COLUMNS,
        JOB,
        SINCE,
        Column("heard_at", "at_ms", "When it was heard last", "最近数据时刻", missing=True),
        AS_OF,
    ),
    "plant, place, machine",
    PLACES,
    rows=500,
)  # fmt: skip

# Runs are cut at hours; what begins none goes on from the hour before.
_RUNS: Final = f"""
    SELECT machine, hour_at + toIntervalMillisecond(run_ms) AS start_at,
           hour_at + toIntervalMillisecond(run_end) AS end_at, run_state, run_reason, run_job,
           run_begins, until_at AS as_of
    FROM machine_hour FINAL
    ARRAY JOIN run_ms, arrayPushBack(arrayPopFront(run_ms), toUInt32(
                 dateDiff('millisecond', hour_at, until_at))) AS run_end,
               run_state, run_reason, run_job, run_begins
    WHERE {MINE}
      AND hour_at >= toStartOfHour(if({{since_ms:Int64}} = 0,
                                      now64(3) - toIntervalHour({{hours:UInt16}}),
                                      fromUnixTimestamp64Milli({{since_ms:Int64}}, 'UTC')))
      AND ({{until_ms:Int64}} = 0
           OR hour_at < fromUnixTimestamp64Milli({{until_ms:Int64}}, 'UTC'))"""


def _merged(which: str = "1") -> str:
    """Return the text of runs put together again; which: a condition that chooses among them."""
    return f"""
    SELECT machine, min(start_at) AS start_at, max(end_at) AS end_at, any(run_state) AS state,
           any(run_reason) AS reason, any(run_job) AS job, max(as_of) AS as_of
    FROM (SELECT *, sum(is_new) OVER (PARTITION BY machine ORDER BY start_at) AS no
          FROM (SELECT *, toUInt32(run_begins = 1 OR run_state != lagInFrame(run_state, 1, 255)
                         OVER w OR run_reason != lagInFrame(run_reason) OVER w
                         OR start_at != lagInFrame(end_at) OVER w) AS is_new
                FROM ({_RUNS}) WHERE {which}
                WINDOW w AS (PARTITION BY machine ORDER BY start_at
                             ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)))
    GROUP BY machine, no"""


_SPAN: Final = (
    Argument("hours", "UInt16", "Hours back", "小时数", 24, 1, 2400),
    Argument(
        "since_ms", "Int64", "From an instant [ms since 1970], instead of hours", "起始时刻", 0
    ),
    Argument("until_ms", "Int64", "Up to an instant [ms since 1970], 0 = now", "结束时刻", 0),
)
_RUN: Final = (
    Column("machine", "name", "Machine", "设备"),
    Column("start_at", "at_ms", "Begin", "开始"),
    Column("end_at", "at_ms", "End", "结束"),
    STATE,
    *REASON_COLUMNS,
    JOB,
)

RUNS: Final = Query(
    "runs",
    "What machines did, run by run, to the millisecond",
    "设备状态段（毫秒级）",
    f"""
    SELECT s.machine AS machine, start_at, end_at, state, s.reason AS reason,
           n.title AS reason_title, n.title_zh AS reason_title_zh, job, as_of
    FROM ({_merged()}) AS s
    JOIN (SELECT machine, plant FROM machine FINAL) AS m ON m.machine = s.machine
    LEFT JOIN {REASONS} AS n ON n.plant = m.plant AND n.reason = s.reason""",
    (*_RUN, AS_OF),
    "machine, start_at",
    (*PLACES, *_SPAN),
    rows=2000,
)

# Of each slot of time the state that fills most of it: so many that a ribbon can be drawn of them,
# however often a machine changes.
RIBBONS: Final = Query(
    "ribbons",
    "The day of machines in slots of time, the state that fills most of each",
    "设备状态条带（按时间片）",
    f"""
    SELECT machine, arrayMap(x -> x.2, arraySort(groupArray((slot, state)))) AS states,
           arraySort(groupArray(slot)) AS slots, max(at) AS as_of
    FROM (SELECT machine, slot, argMax(run_state, spent) AS state, max(at) AS at
          FROM (SELECT machine, slot, run_state, max(as_of) AS at,
                       sum(least(stop_ms, (slot + 1) * width) - greatest(start_ms, slot * width))
                         AS spent
                FROM (SELECT machine, run_state, as_of, toInt64({{slot_ms:UInt32}}) AS width,
                             toUnixTimestamp64Milli(start_at) AS start_ms,
                             toUnixTimestamp64Milli(end_at) AS stop_ms,
                             arrayJoin(range(toUInt64(intDiv(start_ms, width)),
                                             toUInt64(intDiv(stop_ms - 1, width)) + 1)) AS slot
                      FROM ({_RUNS}) WHERE end_at > start_at)
                GROUP BY machine, slot, run_state)
          GROUP BY machine, slot)
    GROUP BY machine""",
    (
        Column("machine", "name", "Machine", "设备"),
        Column("slots", "u64", "Number of each slot since 1970", "时间片序号", many=True),
        Column("states", "u8", "State of each slot", "各时间片状态", many=True),
        AS_OF,
    ),
    "machine",
    (*PLACES, *_SPAN, Argument("slot_ms", "UInt32", "Width of a slot [ms]", "时间片宽度",
                               120_000, 60_000, 3_600_000)),
    rows=200,
)  # fmt: skip

# Chosen before they are put together: most runs are none of these.
_STOPPED: Final = """(run_state = {state:UInt8} OR ({state:UInt8} = 255 AND run_state > 1))
                  AND ({reason:String} = '' OR run_reason = {reason:String})"""
STOPS: Final = Query(
    "stops",
    "Stops, the longest first",
    "停机清单，按时长排序",
    f"""
    SELECT s.machine AS machine, m.title AS title, m.title_zh AS title_zh, m.line AS line,
           s.start_at AS start_at, s.end_at AS end_at,
           dateDiff('millisecond', s.start_at, s.end_at) / 1000 AS stop_s, s.state AS state,
           s.reason AS reason, n.title AS reason_title, n.title_zh AS reason_title_zh,
           s.job AS job, s.as_of AS as_of
    FROM ({_merged(_STOPPED)}) AS s
    JOIN (SELECT machine, title, title_zh, line, plant FROM machine FINAL) AS m
      ON m.machine = s.machine
    LEFT JOIN {REASONS} AS n ON n.plant = m.plant AND n.reason = s.reason
    WHERE stop_s >= {{longer_s:Float64}} AND {of_orders("s.job")}""",
    (
        *_RUN,
        Column("title", "name", "Name of the machine, English", "设备名称（英文）"),
        Column("title_zh", "name", "Name of the machine", "设备名称"),
        Column("line", "name", "Line", "生产线"),
        Column("stop_s", "f64", "How long", "时长"),
        AS_OF,
    ),
    "stop_s desc, machine, start_at",
    (
        *PLACES,
        *_SPAN,
        *WORK,
        Argument("longer_s", "Float64", "Stops of at least so long", "最短时长", 0, 0, 1e9),
        Argument(
            "state",
            "UInt8",
            "One state, 255 = any but producing, offline",
            "状态",
            255,
            0,
            255,
        ),
        Argument("reason", TEXT, "One reason only", "原因", "", length_max=64),
    ),
)

QUERIES: Final = (NOW, RUNS, RIBBONS, STOPS)
