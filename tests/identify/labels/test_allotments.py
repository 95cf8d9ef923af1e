"""Allotments in a real resolver process: taken, printed while cut off, reported, sent again."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.engines import Process
from tests.identify.asking import ask, proof, put
from tests.identify.labels.test_routes import read_pages
from tests.identify.resolver import PREFIX, prepare, resolver

pytestmark = pytest.mark.slow
PATH = "/labels/allotments"


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    folder = tmp_path_factory.mktemp("node")
    prepare(folder)
    with resolver(folder) as running:
        yield running


def take(node: Process, request: str, count: int = 5, **more: Any) -> Any:
    body = {
        "request": request, "pattern": f"{PREFIX}/A{{4}}", "count": count, "line": "L1",
        "design": "part", "stock": "roll-40x30",
        "shared": [{"index": 1, "type": "MODEL", "data": "NC250"},
                   {"index": 2, "type": "URL", "data": "https://x.example/{serial}"}],
    }  # fmt: skip
    return ask(node, PATH, "POST", body | more, **proof())


def report(node: Process, allotment: str, name: str, **told: Any) -> Any:
    return ask(node, f"{PATH}/{allotment}/reports", "POST", {"report": name, **told}, **proof())


def exists(node: Process, name: str) -> bool:
    return ask(node, f"/api/handles/{PREFIX}/{name}").status == 200


def test_a_line_takes_prints_and_reports(node: Process) -> None:
    answer = take(node, "shift-1", start=11)
    assert answer.status == 201, answer.data
    told = answer.json()
    handle = told["allotment"]
    assert (told["from"], told["to"], told["counts"]["reserved"]) == (11, 15, 5)
    assert take(node, "shift-1").json()["from"] == 11  # sent again: the same serials
    assert take(node, "shift-1").status == 200
    assert take(node, "shift-1", line="L2").status == 409
    assert take(node, "shift-2").json()["from"] == 16
    other_words = take(node, "shift-2b", pattern=f"{PREFIX}/a####").json()
    assert other_words["from"] == 21  # the same pattern, however it is written

    sheet = {"allotment": handle, "from": 12, "to": 13, "format": "pdf"}
    printed = ask(node, "/labels/sheets", "POST", sheet, **proof())
    assert printed.status == 200, printed.data
    assert read_pages(printed.data) == [f"{PREFIX}/A0012", f"{PREFIX}/A0013"]
    assert not exists(node, "A0012")  # a label that is printed is not used yet

    day = {"used": [[11, 13]], "void": [{"serial": 14, "reason": "smeared"}]}
    first = report(node, handle, "day-1", **day).json()
    assert first["counts"] == {"use": 3, "void": 1, "return": 0}
    assert first["refused"] == []
    assert report(node, handle, "day-1", **day).json() == first
    assert report(node, handle, "day-1", used=[15]).status == 409
    record = ask(node, f"/api/handles/{PREFIX}/A0012").json()
    assert [v["data"]["value"] for v in record["values"] if v["type"] in ("MODEL", "URL")] == [
        "NC250", "https://x.example/0012",
    ]  # fmt: skip
    assert not exists(node, "A0014")

    again = report(node, handle, "day-2", used=[13, 15]).json()
    assert [r["identifier"] for r in again["refused"]] == [f"{PREFIX}/A0013"]
    assert again["counts"]["use"] == 1
    spoilt = report(node, handle, "day-3", void=[{"serial": 15, "reason": "part scrapped"}])
    assert spoilt.json()["counts"]["void"] == 1
    assert not exists(node, "A0015")
    told = ask(node, f"{PATH}/{handle}", **proof()).json()
    assert told["counts"] == {"reserved": 0, "used": 3, "void": 2, "returned": 0}
    assert not told["is_open"]
    listed = ask(node, f"{PATH}?prefix={PREFIX}", **proof()).json()["allotments"]
    assert handle in [row["allotment"] for row in listed]


def test_what_is_registered_already_is_no_serial_of_a_line(node: Process) -> None:
    handle = take(node, "shift-3", pattern=f"{PREFIX}/B##").json()["allotment"]
    put(node, "B02", {"index": 1, "type": "MODEL", "data": "other"})
    told = report(node, handle, "r", used=[[1, 3]]).json()
    assert told["counts"]["use"] == 2
    assert [r["identifier"] for r in told["refused"]] == [f"{PREFIX}/B02"]
    assert "exists" in told["refused"][0]["detail"]
    void = report(node, handle, "v", void=[{"serial": 2, "reason": "?"}]).json()
    assert void["counts"]["void"] == 1
    assert exists(node, "B02")  # somebody else's record stays


def test_a_report_that_was_cut_off_is_finished(node: Process) -> None:
    """Serials that the report registered before the log was written count as its own."""
    handle = take(node, "shift-4", pattern=f"{PREFIX}/C##").json()["allotment"]
    made = {"index": 1, "type": "MODEL", "data": "NC250"}
    mark = {"index": 116, "type": "TAG", "data": f"label.report={handle}|day|"}
    put(node, "C01", made, mark)
    told = report(node, handle, "day", used=[[1, 2]]).json()
    assert told["refused"] == []
    assert told["counts"]["use"] == 2


def test_allotments_are_for_those_who_may(node: Process) -> None:
    handle = take(node, "shift-5").json()["allotment"]
    assert ask(node, f"{PATH}/{handle}").status == 401
    assert ask(node, PATH, "POST", {}).status == 401
    record = ask(node, f"/api/handles/{handle}").json()
    assert "ALLOTMENT" not in [v["type"] for v in record.get("values", ())]
    assert take(node, "x", pattern="88.999/A##").status in (403, 404)


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{", b"\xff", b"null", {"request": "a/b"}, {"request": "é"},
     {"request": "x" * 99},
     {"request": "ok", "pattern": f"{PREFIX}/A##", "count": 3, "line": "L", "start": -1},
     {"request": "ok", "pattern": f"{PREFIX}/A##", "count": 3, "line": "L", "start": 10**20},
     {"request": "ok", "pattern": f"{PREFIX}/A##", "count": 3, "line": "L",
      "shared": [{"index": 105, "type": "X", "data": "x"}]},
     {"request": "ok", "pattern": f"{PREFIX}/A##", "count": 3, "line": "L", "shared": [7]},
     {"request": "ok", "pattern": "0.NA/A##", "count": 3, "line": "L"},
     {"request": "ok", "pattern": "/##", "count": 3, "line": "L"}],
)  # fmt: skip
def test_hostile_requests_are_refused(node: Process, body: Any) -> None:
    assert 400 <= ask(node, PATH, "POST", body, **proof()).status < 500
    assert 400 <= ask(node, f"{PATH}/{PREFIX}/ALLOT_NONE/reports", "POST", body,
                      **proof()).status < 500  # fmt: skip


@pytest.mark.parametrize("path", ["", "?prefix=", "?prefix=%00", "?prefix=88", "/%ff", "/a//b"])
def test_hostile_paths_are_refused(node: Process, path: str) -> None:
    assert 400 <= ask(node, PATH + path, **proof()).status < 500
