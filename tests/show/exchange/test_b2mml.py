"""B2MML V7 in and out: against the schemas, against hostile documents, and over the API."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from lxml import etree

from millbrain.core import limits
from millbrain.core.errors import FrameError, LimitError
from millbrain.core.production.orders import (
    OrderOperation,
    PlannedOperation,
    ProductionOrder,
)
from millbrain.core.production.reports import Kind, Lot, Report
from millbrain.show.exchange.documents import parse
from millbrain.show.exchange.performance import (
    Performed,
    operations_performance,
    work_performance,
)
from millbrain.show.exchange.schedules import read_schedule
from tests.show.exchange.made_b2mml import NS, SCHEDULE, WORK, schema, sync

AT = datetime(2026, 6, 2, 8, tzinfo=UTC)


def test_the_documents_by_hand_are_valid(shared_data: Path) -> None:
    schema(shared_data, "OperationsSchedule").assertValid(parse(SCHEDULE.encode()))
    schema(shared_data, "OperationsSchedule").assertValid(parse(sync(SCHEDULE).encode()))
    schema(shared_data, "WorkSchedule").assertValid(parse(WORK.encode()))


def test_a_schedule_becomes_orders_with_operations() -> None:
    read = read_schedule(parse(SCHEDULE.encode()))
    assert (read.id, read.verb, read.wrong, read.extensions) == ("WEEK-23", "", (), ())
    (asked,) = read.requests
    order = asked.order
    assert (order.number, order.product, order.quantity) == ("PO-1001", "HOUSING", 120)
    assert (order.title, order.title_zh, order.line) == (
        "Gear box housing", "减速器壳体", "MW-L03",
    )  # fmt: skip
    assert order.due_at == datetime(2026, 6, 5, 8, tzinfo=UTC)
    assert (order.priority, order.source, asked.is_released) == (2, "b2mml", True)
    turn, wash = asked.plan
    assert (turn.step, turn.operation, turn.run_s) == ("010", "TURN", 90.0)
    assert (turn.stations, turn.qualification) == (("MW-L03-M01",), "turning")
    assert (wash.step, wash.ordinal) == ("020", 2)


def test_a_work_schedule_and_transactions_are_read() -> None:
    (asked,) = read_schedule(parse(WORK.encode())).requests
    assert (asked.order.number, asked.order.quantity, asked.is_released) == ("WO-7", 5, False)
    assert asked.plan[0].operation == "GRIND"
    for verb in ("Process", "Sync", "Change", "Cancel"):
        read = read_schedule(parse(sync(SCHEDULE, verb).encode()))
        assert (read.verb, len(read.requests)) == (verb, 1)


def test_extensions_are_named_and_the_rest_is_read() -> None:
    more = '<x:Colour xmlns:x="urn:house">red</x:Colour></OperationsRequest>'
    read = read_schedule(parse(SCHEDULE.replace("</OperationsRequest>", more).encode()))
    assert len(read.requests) == 1
    assert read.extensions == (f"{{{NS}}}OperationsRequest/{{urn:house}}Colour",)


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("120</Q", "many</Q", "number"),
        ("120</Q", "1.5</Q", "whole"),
        ("120</Q", "0</Q", "allowed"),
        ("120</Q", "1e400000000</Q", "allowed|number"),
        ("PO-1001", "", "characters"),
        ("16:00:00+08:00", "16:00:00", "time zone"),
        (">Produced<", ">Consumed<", "Produced"),
        ("PT1M30S", "P1Y", "duration"),
    ],
)
def test_a_wrong_request_is_told_and_left_out(old: str, new: str, why: str) -> None:
    assert old in SCHEDULE
    read = read_schedule(parse(SCHEDULE.replace(old, new).encode()))
    assert read.requests == ()
    (said,) = read.wrong
    assert re.search(why, said), said


BOMB = (
    '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY a "aaaaaaaaaa">'
    + "".join(
        f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    )
    + f']><OperationsSchedule xmlns="{NS}"><ID>&i;</ID></OperationsSchedule>'
)


@pytest.mark.parametrize(
    "hostile",
    [
        BOMB.encode(),
        BOMB.encode("utf-16"),
        b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>',
        b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
        b"<a><b></a>",
        b"",
        b"\x00\x01\x02",
    ],
    ids=["bomb", "bomb-utf16", "dtd", "entity", "torn", "empty", "bytes"],
)
def test_hostile_documents_are_refused(hostile: bytes) -> None:
    with pytest.raises(FrameError):
        parse(hostile)


def test_bounds_of_a_document() -> None:
    with pytest.raises(LimitError, match="deeper"):
        parse(b"<a>" * 100 + b"</a>" * 100)
    with pytest.raises(LimitError, match="bytes"):
        parse(b" " * (limits.B2MML_BYTES_MAX + 1))
    with pytest.raises(FrameError, match="root"):
        read_schedule(parse(b"<OperationsSchedule/>"))


def performed() -> Performed:
    order = ProductionOrder(
        "PO-1001", "HOUSING", 120, title="Gear <box> & housing", line="MW-L03", state="started",
        started_at=AT,
    )  # fmt: skip

    def report(
        n: int, kind: Kind, minute: int, count: int = 0, lots: tuple[Lot, ...] = ()
    ) -> Report:
        at = AT.replace(minute=minute)
        return Report(f"{n:08d}-0000-8000-8000-000000000000", "PO-1001", "010", kind, "W-1", at, at,
                      "MW-L03-M01", count, produced=lots)  # fmt: skip

    reports = [report(1, Kind.START, 0), report(2, Kind.GOOD, 20, 100, (Lot("88.1/L-1", 100),)),
               report(3, Kind.SCRAP, 21, 2), report(4, Kind.PAUSE, 30)]  # fmt: skip
    turn = OrderOperation(
        "PO-1001", PlannedOperation("010", 1, "TURN", "Turning"), "paused", 100, 2,
        run_spent_s=1800.0, started_at=AT,
    )  # fmt: skip
    wash = OrderOperation("PO-1001", PlannedOperation("020", 2, "WASH"))
    return Performed(order, [turn, wash], {"010": reports})


def test_performance_is_valid_and_says_what_happened(shared_data: Path) -> None:
    raw = operations_performance("P-1", AT, [performed(), performed()])
    root = parse(raw)
    schema(shared_data, "OperationsPerformance").assertValid(root)
    find = etree.XPath("//b:SegmentResponse[1]//text()", namespaces={"b": NS})
    told = [t.strip() for t in find(root) if t.strip()]
    for word in ("PO-1001/010", "1800.000", "W-1", "MW-L03-M01", "88.1/L-1", "100", "Scrap"):
        assert word in told or word in raw.decode(), word
    schema(shared_data, "WorkPerformance").assertValid(
        parse(work_performance("P-1", "S-1", AT, [performed()]))
    )
