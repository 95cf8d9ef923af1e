"""Bodies by hand, the four media types alike, and hostile bytes."""

import csv
import json
import random
import struct
import time
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pytest

from millbrain.connect.http import fields
from millbrain.connect.http.codec import read
from millbrain.connect.http.columnar import Pushed, judge
from millbrain.connect.http.simulator import Plant, encoded
from millbrain.core import limits
from millbrain.core.errors import FrameError, LimitError

AT_MS = 1_782_892_800_000  # 2026-07-01T08:00:00Z
NOW_MS = max(int(time.time() * 1000), AT_MS)


def golden() -> list[dict[str, str]]:
    path = Path(__file__).with_name("frames.tsv")
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def rows_of(pushed: Pushed) -> list[list[Any]]:
    columns = pushed.columns
    texts = [b""] * columns.rows
    if "text" in columns.values:
        texts = [t.tobytes() for t in columns.ragged("text").lists()]
    missing = columns.missing.get("value", np.zeros(columns.rows, np.bool_))
    return [
        [t.decode(), s.decode(), int(at), None if none else float(v), text.decode(), int(q)]
        for t, s, at, v, none, text, q in zip(
            columns.array("thing"), columns.array("signal"), columns.array("device_at"),
            columns.array("value"), missing, texts, columns.array("quality"), strict=True,
        )
    ]  # fmt: skip


@pytest.mark.parametrize("case", golden(), ids=lambda c: c["name"])
def test_bodies_by_hand(case: dict[str, str]) -> None:
    body = case["body"]
    if case["media"] != fields.JSON:
        body = body.replace("\\r", "\r").replace("\\n", "\n")
    pushed = judge(read(body.encode(), case["media"]), "line-1", NOW_MS)
    assert rows_of(pushed) == json.loads(case["rows"])
    assert pushed.faults.tolist() == json.loads(case["faults"])
    assert sum(letter.frames for letter in pushed.letters) == np.count_nonzero(pushed.faults)


def test_all_media_types_bring_the_same_rows() -> None:
    batch = Plant(20, AT_MS).steps(0, 3)
    found = [rows_of(judge(read(encoded(batch, m), m), "l", NOW_MS)) for m in fields.MEDIA]
    assert len(found[0]) == 600
    assert found[0] == found[1] == found[2] == found[3]
    assert found[0][0] == ["SIM-M0000", "spindle_speed_rpm", AT_MS, 0.0, "", 192]


def test_a_torn_line_of_a_csv_is_refused_alone() -> None:
    body = b"thing,signal,device_at,value\nM7,s,1782892800000,1\nM7,s,17828\nM7,s,1782892800001,2\n"
    pushed = judge(read(body, fields.CSV), "l", NOW_MS)
    assert [r[3] for r in rows_of(pushed)] == [1.0, 2.0]
    assert pushed.torn == 1
    (letter,) = pushed.letters
    assert (letter.reason, letter.raw) == ("bad_row", b"M7,s,17828")
    assert letter.detail.startswith("line 3:")


def test_a_csv_of_a_chinese_spreadsheet_is_read() -> None:
    body = "thing,signal,device_at,value\nM7,state,1782892800000,停机\n".encode("gb18030")
    assert rows_of(judge(read(body, fields.CSV), "l", NOW_MS))[0][4] == "停机"


def arrow_body(columns: dict[str, Any], **options: Any) -> bytes:
    table = pa.table(columns)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, **options) as stream:
        stream.write_table(table)
    return bytes(sink.getvalue())


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC", "Asia/Shanghai"])
def test_arrow_instants_of_any_unit(unit: str, zone: str | None) -> None:
    at = pa.array([AT_MS]).cast(pa.timestamp("ms")).cast(pa.timestamp(unit))
    if zone:
        at = at.cast(pa.int64()).cast(pa.timestamp(unit, zone))
    columns = {"thing": ["A"], "signal": ["s"], "device_at": at, "value": pa.array([3], pa.int8())}
    pushed = judge(read(arrow_body(columns), fields.ARROW), "l", NOW_MS)
    assert rows_of(pushed) == [["A", "s", AT_MS, 3.0, "", 192]]


def test_series_are_told_once_with_what_they_bring() -> None:
    columns = {"thing": ["A", "B", "A", ""], "signal": ["s", "s", "s", "s"],
               "device_at": [AT_MS] * 4, "value": [1.0, None, 2.0, 3.0],
               "text": ["", "on", "", ""]}  # fmt: skip
    pushed = judge(read(arrow_body(columns), fields.ARROW), "l", NOW_MS)
    assert pushed.series() == {("A", "s"): False, ("B", "s"): True}


@pytest.mark.parametrize("codec", ["lz4", "zstd"])
def test_compressed_arrow_is_refused(codec: Literal["lz4", "zstd"]) -> None:
    columns = {"thing": pa.array(["A"] * 999).dictionary_encode(), "signal": ["s"] * 999,
               "device_at": [AT_MS] * 999, "value": [0.0] * 999}  # fmt: skip
    body = arrow_body(columns, options=pa.ipc.IpcWriteOptions(compression=pa.Codec(codec)))
    with pytest.raises(FrameError, match="compressed"):
        read(body, fields.ARROW)
    assert read(arrow_body(columns), fields.ARROW).rows == 999


@pytest.mark.parametrize(
    ("media", "body", "word"),
    [
        ("image/png", b"", "media type"),
        (fields.JSON, b'"text"', "neither"),
        (fields.JSON, b'{"thing": ["A"], "signal": "s", "device_at": [1, 2]}', "different lengths"),
        (fields.JSON, b'{"thing": "A", "value": 1}', "signal, device_at is missing"),
        (fields.JSON, b"[" * 100_000, "no application/json"),
        (fields.CSV, b"", "no text/csv"),
        (fields.CSV, b"thing,signal\nA,s", "device_at is missing"),
        (fields.ARROW, b"ARROW1\0\0", "no application/vnd"),
        (fields.ARROW, struct.pack("<iI", -1, 0xFFFFFFF0), "no application/vnd"),
    ],
)
def test_a_body_that_is_none_says_why(media: str, body: bytes, word: str) -> None:
    with pytest.raises(FrameError, match=word):
        read(body, media)


def test_too_many_rows_are_refused() -> None:
    many = {"thing": "A", "signal": "s", "device_at": [AT_MS] * (limits.PUSH_ROWS_MAX + 1)}
    with pytest.raises(LimitError, match="100001 came"):
        read(json.dumps(many).encode(), fields.JSON)


@pytest.mark.parametrize("media", fields.MEDIA)
@pytest.mark.parametrize("seed", range(60))
def test_damaged_bodies_are_judged_or_refused_and_nothing_else(media: str, seed: int) -> None:
    dice = random.Random(seed)
    good = bytearray(encoded(Plant(2, AT_MS).steps(0, 2), media))
    for _ in range(dice.randrange(1, 12)):
        at = dice.randrange(len(good))
        kind = dice.randrange(3)
        if kind == 0:
            good[at] ^= 1 << dice.randrange(8)
        elif kind == 1:
            good[at : at + dice.randrange(9)] = dice.randbytes(dice.randrange(9))
        else:
            del good[at:]
            good += b"\0" * dice.randrange(3) or b"x"
    try:
        pushed = judge(read(bytes(good), media), "l", NOW_MS)
    except (FrameError, LimitError):
        return
    fit = np.count_nonzero(pushed.faults == 0)
    assert pushed.columns.rows == fit
    refused = len(pushed.faults) - fit + pushed.torn
    assert sum(letter.frames for letter in pushed.letters) == refused
