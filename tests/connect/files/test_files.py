"""Files in folders: what is read, what is refused, that nothing is taken twice or half."""

import asyncio
import contextlib
import csv
import dataclasses
import json
import math
import os
import threading
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from millbrain.connect.files import ROOM, driver
from millbrain.connect.files.codec import Reader
from millbrain.connect.files.driver import Files
from millbrain.connect.files.options import check, read_options
from millbrain.connect.files.receipts import Receipts
from millbrain.connect.files.sheets import rows_of
from millbrain.connect.files.simulator import MeasuringMachine
from millbrain.core.columns import Delivery
from millbrain.core.errors import FrameError, LinkError, NotFoundError, RefusedError
from millbrain.core.plant.tags import Connection, ConnectionState, Phase, Tag, TagKind
from millbrain.core.rooms import Wiring
from millbrain.hands import links
from millbrain.hands.tag_memory import TagMemory
from millbrain.run.settings import FilesSettings

START = datetime(2026, 11, 22, 0, 30, tzinfo=UTC)
START_MS = 1_795_307_400_000


def cases() -> list[dict[str, str]]:
    with (Path(__file__).parent / "frames.tsv").open(encoding="utf-8", newline="") as f:
        return list(csv.DictReader(f, delimiter="\t", quoting=csv.QUOTE_NONE))


def connection(**options: Any) -> Connection:
    return Connection("f", "files", endpoint="in", options=options)


def read(path: Path, *tags: Tag, **options: Any) -> tuple[list[Any], list[Any]]:
    """The readings and faults of a file."""
    o = read_options(connection(**options))
    rows = enumerate(rows_of(path, o.delimiter), start=1)
    rest = [(n, row) for n, row in rows if n > o.skip_rows]
    reader = Reader(rest[0][1], o, {t.address: t for t in tags})
    values, faults = [], []
    for number, row in rest[1:]:
        more, wrong = reader.read(number, row)
        values += more
        faults += wrong
    return values, faults


@pytest.mark.parametrize("case", cases(), ids=lambda c: c["name"])
def test_golden_files(case: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    path.write_bytes(case["file"].encode().decode("unicode_escape").encode("latin-1"))
    values, faults = read(path, **json.loads(case["options"]))
    found = [[v.thing, v.signal, v.device_ms, None if math.isnan(v.value) else v.value, v.quality]
             for v in values]  # fmt: skip
    assert found == json.loads(case["readings"])
    assert [[f.row, f.column] for f in faults] == json.loads(case["faults"])
    assert all(f.allowed for f in faults)


def test_a_spreadsheet_with_its_own_dates(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    sheet.append(["thing", "at", "spindle speed", "door"])
    sheet.append([7.0, datetime(2026, 11, 22, 8, 30), 1480.5, True])  # plant time
    book.save(tmp_path / "f.xlsx")
    values, faults = read(tmp_path / "f.xlsx", layout="wide", at="at")
    assert faults == []
    assert [(v.thing, v.signal, v.device_ms, v.value) for v in values] == [
        ("7", "spindle_speed", START_MS, 1480.5),
        ("7", "door", START_MS, 1.0),
    ]


def test_a_tag_names_and_scales_a_column(tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    path.write_text("t,温度,Prog,x\n2026-11-22 08:30:00,615,O-17,1\n", encoding="gb18030")
    tags = (
        Tag("f", "温度", "M7", "oil_degc", scale=0.1),
        Tag("f", "Prog", "M7", "program", TagKind.TEXT),
    )
    values, faults = read(path, *tags, layout="wide", thing="=M7", at="t", known_only=True)
    assert faults == []
    assert [(v.signal, round(v.value, 6), v.text) for v in values[:1]] == [("oil_degc", 61.5, "")]
    assert (values[1].signal, values[1].text) == ("program", "O-17")
    assert len(values) == 2
    off = dataclasses.replace(tags[0], enabled=False)
    assert [v.signal for v in read(path, off, layout="wide", thing="=M7", at="t")[0]] == ["x"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b'a,b\n"open', "not CSV"),
        (b"PK\x03\x04not a zip", "not a readable XLSX"),
        (b"x,y\n1,2\n", "no column is headed 'device_at'; found x, y"),
    ],
)
def test_an_unreadable_file_is_refused_in_words(
    content: bytes, reason: str, tmp_path: Path
) -> None:
    path = tmp_path / "f.csv"
    path.write_bytes(content)
    with pytest.raises(FrameError) as refused:
        read(path)
    assert reason in refused.value.detail


@given(st.binary(max_size=300))
def test_any_bytes_are_rows_or_refused(content: bytes) -> None:
    path = Path(os.environ.get("TMPDIR", "/tmp")) / f"millbrain-any-{os.getpid()}.csv"
    path.write_bytes(content)
    try:
        with contextlib.suppress(FrameError):
            list(rows_of(path))
    finally:
        path.unlink()


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"layout": "tall"}, "layout"),
        ({"zone": "Mars/Olympus"}, "zone"),
        ({"at_format": "dd.mm"}, "at_format"),
        ({"at_format": "%H:%M"}, "at_format"),
        ({"decimal": ";"}, "decimal"),
        ({"delimiter": "#"}, "delimiter"),
        ({"skip_rows": -1}, "skip_rows"),
        ({"stable_s": "soon"}, "stable_s"),
        ({"names": "../*.csv"}, "names"),
        ({"after": "delete"}, "after"),
        ({"known_only": "perhaps"}, "known_only"),
        ({"thing": "="}, "thing"),
    ],
)
def test_a_wrong_option_is_named(options: dict[str, Any], name: str) -> None:
    found = check(connection(**options), ())
    assert [w.field for w in found] == [f"options.{name}"]
    assert name in ROOM.options


# The running room -------------------------------------------------------------------------------


class Sink:
    """An intake whose commits wait for a gate."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, str, int, float]] = []
        self.received = 0
        self.rejected = 0
        self.gate = threading.Event()
        self.gate.set()

    def put(self, delivery: Delivery) -> None:
        self.gate.wait(20)
        self.received += sum(delivery.received.values())
        self.rejected += sum(letter.frames for letter in delivery.rejected)
        rows = delivery.tables.get("reading")
        for i in range(rows.rows if rows else 0):
            assert rows
            thing, signal = (rows.array(n)[i].decode() for n in ("thing", "signal"))
            at, value = rows.array("device_at")[i], rows.array("value")[i]
            self.rows.append((thing, signal, int(at), float(value)))
        if delivery.on_commit:
            delivery.on_commit()


@dataclasses.dataclass
class Inbox:
    """A started room with its folder."""

    room: Files
    sink: Sink
    folder: Path
    machine: MeasuringMachine

    @property
    def state(self) -> ConnectionState:
        return self.room.states()[0]

    def names(self, where: str) -> list[str]:
        return sorted(p.name for p in (self.folder / where).glob("*") if p.is_file())


async def until(what: Callable[[], Any], seconds: float = 10) -> None:
    async with asyncio.timeout(seconds):
        while not what():
            await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def inbox(home: Path, **options: Any) -> AsyncIterator[Inbox]:
    made = Connection("f", "files", endpoint=options.pop("endpoint", "in"),
                      options={"stable_s": 0.1} | options)  # fmt: skip
    sink = Sink()
    wiring = Wiring(sink, None, TagMemory([made]), folder=home)  # type: ignore[arg-type]
    room = await driver.start(FilesSettings(), wiring)
    try:
        await until(room.states)
        await until(lambda: room.states()[0].phase is not Phase.CONNECTING)
        yield Inbox(room, sink, home / "in", MeasuringMachine(home / "in"))
    finally:
        await room.stop()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver, "LOOK_S", 0.02)
    monkeypatch.setattr(links, "FOLLOW_S", 0.05)
    monkeypatch.setattr(driver, "RETRY_S", 0.1)


def test_a_file_is_read_once_and_put_away(tmp_path: Path) -> None:
    async def run() -> None:
        async with inbox(tmp_path) as box:
            path = box.machine.write(START, [20.01, 20.02, 20.03])
            copy = path.read_bytes()
            await until(lambda: box.names("done"))
            assert box.sink.rows == [
                ("MM-01", "diameter_mm", START_MS + 1000 * n, v)
                for n, v in enumerate((20.01, 20.02, 20.03))
            ]
            assert box.state.values == 3
            assert box.state.why == ""
            (box.folder / "again.csv").write_bytes(copy)
            await until(lambda: len(box.names("done")) == 2)
            assert len(box.sink.rows) == 3
            assert "taken already at" in box.state.why
            assert "未重复入库" in box.state.why_zh
        async with inbox(tmp_path) as box:  # another run knows it too
            (box.folder / "third.csv").write_bytes(copy)
            await until(lambda: len(box.names("done")) == 3)
            assert box.sink.rows == []

    asyncio.run(run())


@pytest.mark.fault
def test_a_file_that_grows_is_left_alone(tmp_path: Path) -> None:
    async def run() -> None:
        async with inbox(tmp_path, stable_s=0.5) as box:
            path = box.machine.write(START, [1.0, 2.0, 3.0, 4.0], "half")
            await asyncio.sleep(0.2)
            assert box.sink.rows == []
            box.machine.finish(path)
            await until(lambda: box.names("done"))
            assert [r[3] for r in box.sink.rows] == [1.0, 2.0, 3.0, 4.0]

    asyncio.run(run())


@pytest.mark.fault
def test_a_file_that_grows_while_it_is_read_is_read_again(tmp_path: Path) -> None:
    async def run() -> None:
        async with inbox(tmp_path) as box:
            box.sink.gate.clear()
            path = box.machine.write(START, [1.0, 2.0, 3.0, 4.0], "half")
            await asyncio.sleep(0.4)  # it rested, was read, and waits for the disk
            box.machine.finish(path)
            box.sink.gate.set()
            await until(lambda: box.names("done"))
            assert {r[3] for r in box.sink.rows} == {1.0, 2.0, 3.0, 4.0}

    asyncio.run(run())


@pytest.mark.fault
def test_a_wrong_cell_is_reported_beside_the_file(tmp_path: Path) -> None:
    async def run() -> None:
        async with inbox(tmp_path) as box:
            box.machine.write(START, [1.0, 2.0], "cell")
            await until(lambda: len(box.names("done")) == 2)
            report = (box.folder / "done" / "batch-0001.csv.errors.csv").read_text("utf-8-sig")
            assert report.splitlines()[1].startswith("2,value,n/a,a number")
            assert [r[3] for r in box.sink.rows] == [2.0]
            assert (box.sink.received, box.sink.rejected) == (2, 1)
            assert "1 cells were refused, see batch-0001.csv.errors.csv" in box.state.why

    asyncio.run(run())


@pytest.mark.fault
@pytest.mark.parametrize("fault", ["torn", "heading"])
def test_a_file_that_cannot_be_read_goes_to_failed(fault: str, tmp_path: Path) -> None:
    async def run() -> None:
        async with inbox(tmp_path) as box:
            box.machine.write(START, [1.0], fault)
            box.machine.write(START + timedelta(hours=1), [5.0])
            await until(lambda: box.names("failed") and box.names("done"))
            assert "batch-0001.csv.errors.csv" in box.names("failed")
            assert 5.0 in [r[3] for r in box.sink.rows]  # the next file goes on
            assert box.sink.rejected == 1

    asyncio.run(run())


@pytest.mark.fault
def test_a_file_is_put_away_after_the_commit_only(tmp_path: Path) -> None:
    async def run() -> None:
        async with inbox(tmp_path) as box:
            box.sink.gate.clear()
            box.machine.write(START, [1.0])
            await asyncio.sleep(0.4)
            assert box.names("done") == []
            assert not (tmp_path / "receipts" / "f.jsonl").exists()
            box.sink.gate.set()
            await until(lambda: box.names("done"))

    asyncio.run(run())


@pytest.mark.fault
def test_a_torn_receipt_is_survived(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    Receipts(path).add({"sha256": "a", "at": "x"})
    with path.open("a") as f:
        f.write('{"sha256": "b", "a')
    again = Receipts(path)
    assert again.of("a") is not None
    assert again.of("b") is None


def test_files_may_stay_where_they_are(tmp_path: Path) -> None:
    async def run() -> None:
        async with inbox(tmp_path, after="keep") as box:
            path = box.machine.write(START, [1.0])
            await until(lambda: box.sink.rows)
            await asyncio.sleep(0.3)
            assert path.exists()
            assert len(box.sink.rows) == 1

    asyncio.run(run())


@pytest.mark.parametrize("endpoint", ["/etc", "/"])
def test_a_folder_outside_is_not_read(endpoint: str, tmp_path: Path) -> None:
    async def run() -> None:
        async with inbox(tmp_path, endpoint=endpoint) as box:
            assert box.state.phase is Phase.FAILED
            assert "is not allowed" in box.state.why
            assert "files.folders" in box.state.why

    asyncio.run(run())


def test_links_lead_nowhere(tmp_path: Path) -> None:
    async def run() -> None:
        secret = tmp_path / "secret.csv"
        secret.write_text("thing,signal,device_at,value\nM7,a,2026-11-22 08:30:00,1\n")
        async with inbox(tmp_path) as box:
            (box.folder / "link.csv").symlink_to(secret)
            await asyncio.sleep(0.4)
            assert box.sink.rows == []

    asyncio.run(run())
    assert check(dataclasses.replace(connection(), endpoint="in/../../x"), ())


def test_browsing_shows_what_the_files_had(tmp_path: Path) -> None:
    async def run() -> None:
        async with inbox(tmp_path) as box:
            box.machine.write(START, [1.0, 2.5])
            await until(lambda: box.names("done"))
            (thing,) = await box.room.browse("f", "")
            assert (thing.name, thing.leaf) == ("MM-01", False)
            (leaf,) = await box.room.browse("f", thing.address)
            assert (leaf.address, leaf.value) == ("MM-01/diameter_mm", "2.5")
            with pytest.raises(NotFoundError, match="no such connection"):
                await box.room.browse("x", "")
            with pytest.raises(RefusedError, match="nothing can be written"):
                await box.room.command("MM-01", {"do": "write"})

    asyncio.run(run())


@pytest.mark.fault
def test_a_folder_that_vanishes_is_said_and_comes_back(tmp_path: Path) -> None:
    async def run() -> None:
        async with inbox(tmp_path) as box:
            box.folder.rename(tmp_path / "away")
            await until(lambda: box.state.phase is Phase.FAILED)
            assert "cannot be read" in box.state.why
            with pytest.raises(LinkError):
                await box.room.browse("f", "")
            (tmp_path / "away").rename(box.folder)
            await until(lambda: box.state.phase is Phase.CONNECTED)

    asyncio.run(run())
