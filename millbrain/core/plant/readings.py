"""The narrow tables of plant tags: one row per value of one signal of one thing.

Vehicles bring wide rows, machines narrow ones: a plant has thousands of tags that change each at
its own time. A reading is known by (thing, signal, device_at): the same three again are the same
fact and are stored once, whatever way they came.
"""

from typing import Final

from millbrain.core.tables import Column, Table

# A reading `<rule>_action` tells what became of a write that a rule ordered: 1 = the machine reads
# it back, 0 = it does not.
ACTION_SUFFIX: Final = "_action"

GOOD: Final = 192
UNCERTAIN: Final = 64
BAD: Final = 0
QUALITIES: Final = {  # the three qualities of OPC, by their byte
    BAD: ("bad", "坏"),
    UNCERTAIN: ("uncertain", "不确定"),
    GOOD: ("good", "好"),
}

_WHAT: Final = (
    Column("thing", "name", "Identifier of the machine, line or meter", "对象标识"),
    Column("signal", "name", "Name of the signal, its unit last", "信号"),
    Column("device_at", "at_ms", "Instant by the device's clock", "设备时刻"),
    Column("received_at", "at_ms", "Instant the value arrived", "接收时刻"),
    Column("value", "f64", "The value; none where the device gave none, no number, or a text",
           "数值", missing=True),
    Column("text", "text", "The value of a signal that is a text, else empty", "文本值"),
    Column("quality", "u8", "How far the value can be trusted", "质量", codes=QUALITIES),
    Column("link", "name", "Connection that brought it", "上报链路"),
)  # fmt: skip

READING: Final = Table(
    "reading",
    "One row per value of a plant tag",
    "工厂测点数据，每个值一行",
    (
        *_WHAT,
        Column("batch", "u64", "Commit that stored the row", "提交批次"),
        Column("frame_count", "u8", "Values that made the row: always 1", "计数"),
    ),
    order_by=("thing", "signal", "device_at"),
    partition_by="toYYYYMMDD(received_at)",
    keep_days=400,
)  # fmt: skip

READING_LATEST: Final = Table(
    "reading_latest",
    "Newest value of each signal of each thing",
    "每个测点的最新值",
    (
        *_WHAT,
        Column("reading_count", "u64", "Readings stored of it", "入库数"),
        Column("device_at_max", "at_ms", "Latest device time stored, of a wrong clock too",
               "已入库的最晚设备时刻"),
        Column("gap_from", "at_ms", "Where the longest gap begins in which nothing is stored",
               "最长空缺的起点"),
        Column("gap_to", "at_ms", "Where it ends", "最长空缺的终点"),
        Column("batch", "u64", "Commit up to which the picture holds", "提交批次"),
        Column("as_of", "at_ms", "When this picture was taken", "快照时刻"),
    ),
    order_by=("thing", "signal"),
    newest_by="as_of",
)  # fmt: skip
