"""Prints through a real resolver process: who may, what stands on them, what is refused."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pypdfium2
import pytest
import zxingcpp

from tests.engines import Process
from tests.identify.asking import ask, proof, put
from tests.identify.resolver import ADMIN, PREFIX, prepare, resolver

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    folder = tmp_path_factory.mktemp("node")
    prepare(folder)
    with resolver(folder) as running:
        for number in (1, 2, 3):
            put(running, f"L{number:03}",
                {"index": 1, "type": "MODEL", "data": f"NC250-{number}"},
                {"index": 2, "type": "ALIAS", "data": f"(01)09506000134352(21)S{number}"},
                {"index": 3, "type": "PRICE", "data": "17", "permissions": "1100"},
                ADMIN)  # fmt: skip
        yield running


def sheet(node: Process, **body: Any) -> Any:
    given = {"design": "part", "stock": "a4-3x8", **body}
    return ask(node, "/labels/sheets", "POST", given, **proof())


def read_pages(document: bytes) -> list[str]:
    """Read a PDF with other settings than the room: whole pages at 400 dpi."""
    found = []
    for page in pypdfium2.PdfDocument(document):
        grey = np.asarray(page.render(scale=400 / 72, grayscale=True).to_pil().convert("L"))
        found += [b.text for b in zxingcpp.read_barcodes(grey)]
    return found


@pytest.mark.parametrize(
    ("design", "said"),
    [
        ("part", f"{PREFIX}/L002"),
        ("link", f"https://id.example.cn/{PREFIX}/L002"),
        ("case", f"{PREFIX}/L002"),
        ("gs1-item", "(01)09506000134352(21)S2"),
        ("gs1-web", "https://id.example.cn/01/09506000134352/21/S2"),
    ],
)
def test_a_pdf_says_what_was_asked(node: Process, design: str, said: str) -> None:
    answer = sheet(node, design=design, host="https://id.example.cn",
                   range={"pattern": f"{PREFIX}/L###", "from": 1, "to": 3})  # fmt: skip
    assert answer.status == 200, answer.data
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.headers["millbrain-labels"] == "3"
    read = read_pages(answer.data)
    assert len(read) == 3
    assert said in read


def test_what_there_is_to_choose_from(node: Process) -> None:
    told = ask(node, "/labels").json()
    assert told["stocks"]["a4-3x8"]["count"] == 24
    assert told["designs"]["part"]["symbol"] == "datamatrix"
    assert set(told["formats"]) == {"pdf", "svg", "zpl"}
    assert told["symbols"]["qr"]["title_zh"] == "QR码"


def test_what_stands_on_a_label_is_what_its_asker_may_read(node: Process) -> None:
    design = {"symbol": "datamatrix", "lines": [{"text": "{MODEL}"}, {"text": "cost {PRICE}"}]}
    order = {"identifiers": [f"{PREFIX}/l001"], "design": design, "format": "svg"}
    owner = sheet(node, **order)
    assert b">NC250-1</text>" in owner.data
    assert b">cost 17</text>" in owner.data
    # Another identity of the node proves itself and may not read the price.
    put(node, "other", {"index": 300, "type": "HS_SECKEY", "data": "x", "permissions": "1100"})
    body = {"stock": "a4-3x8", **order}
    other = ask(node, "/labels/sheets", "POST", body, **proof(f"300:{PREFIX}/other", "x"))
    assert other.status == 200, other.data
    assert b">NC250-1</text>" in other.data
    assert b"cost" not in other.data
    assert ask(node, "/labels/sheets", "POST", body).status == 401


def test_a_design_may_stand_in_a_record(node: Process) -> None:
    design = '{"symbol": "qr", "content": "text", "text": "M:{MODEL}"}'
    handle = put(node, "DESIGN-A", {"index": 1, "type": "LABEL_DESIGN", "data": design})
    answer = sheet(node, identifiers=[f"{PREFIX}/L003"], design=handle, stock="roll-25x25")
    assert read_pages(answer.data) == ["M:NC250-3"]
    assert sheet(node, identifiers=[f"{PREFIX}/L003"], design=f"{PREFIX}/L001").status == 404


def test_a_field_is_found_among_many(node: Process) -> None:
    many = [{"index": n, "type": f"T{n}", "data": "x" * 500} for n in range(1, 200)]
    handle = put(node, "MANY", *many, {"index": 200, "type": "LAST", "data": "found"})
    design = {"symbol": "qr", "content": "text", "text": "{LAST}"}
    assert read_pages(sheet(node, identifiers=[handle], design=design).data) == ["found"]


def test_items_of_a_range_are_printed(node: Process) -> None:
    told = '{"pattern": "R{4}", "from": 1, "to": 500}'
    put(node, "RANGE-R", {"index": 1, "type": "MODEL", "data": "NC250"},
        {"index": 2, "type": "RANGE", "data": told}, ADMIN)  # fmt: skip
    answer = sheet(node, range={"pattern": f"{PREFIX}/R{{4}}", "from": 477, "to": 500})
    assert answer.headers["millbrain-labels"] == "24"
    assert sorted(read_pages(answer.data)) == [f"{PREFIX}/R{n:04}" for n in range(477, 501)]
    assert sheet(node, range={"pattern": f"{PREFIX}/R{{4}}", "from": 500, "to": 501}).status == 404


def test_what_is_not_registered_is_named(node: Process) -> None:
    answer = sheet(node, range={"pattern": f"{PREFIX}/L###", "from": 3, "to": 5})
    assert answer.status == 404
    assert f"2 of 3 are not registered here: {PREFIX}/L004, {PREFIX}/L005" in answer.json()["error"]
    no_key = sheet(node, identifiers=[f"{PREFIX}/P7"], design="gs1-item")
    assert no_key.status == 400
    assert f"{PREFIX}/P7: it has no GS1 key" in no_key.json()["error"]


def test_the_printing_process_may_fall(node: Process) -> None:
    order = {"identifiers": [f"{PREFIX}/L001"]}
    assert sheet(node, **order).status == 200
    (worker,) = workers(node)
    os.kill(worker, signal.SIGKILL)
    assert sheet(node, **order).status == 200
    assert workers(node) != [worker]


def workers(node: Process) -> list[int]:
    """Return the processes that the resolver has started."""
    assert node.process
    children = Path(f"/proc/{node.process.pid}/task/{node.process.pid}/children")
    return [int(pid) for pid in children.read_text().split()]


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{", b"\xff", {}, {"identifiers": []}, {"identifiers": [7]},
     {"identifiers": ["?"]}, {"identifiers": ["\x00"]}, {"identifiers": "88.100.1/L001"},
     {"identifiers": [f"{PREFIX}/L001"] * 2_001}, {"range": {}},
     {"range": {"pattern": f"{PREFIX}/L###", "from": 1, "to": 10**9}},
     {"range": {"pattern": f"{PREFIX}/L#", "from": 9, "to": 11}},
     {"identifiers": [f"{PREFIX}/L001"], "design": "none"},
     {"identifiers": [f"{PREFIX}/L001"], "design": f"{PREFIX}/none"},
     {"identifiers": [f"{PREFIX}/L001"], "design": []},
     {"identifiers": [f"{PREFIX}/L001"], "stock": 7},
     {"identifiers": [f"{PREFIX}/L001"], "format": ["pdf"]},
     {"identifiers": [f"{PREFIX}/L001"], "dpi": [203]},
     {"identifiers": [f"{PREFIX}/L001"], "format": "svg", "page": 2},
     {"identifiers": [f"{PREFIX}/L001"], "host": "javascript:alert(1)"},
     {"identifiers": [f"{PREFIX}/L001"], "host": 7},
     {"allotment": 7}, {"allotment": f"{PREFIX}/L001"}, {"allotment": f"{PREFIX}/none"}],
)  # fmt: skip
def test_hostile_orders_are_refused(node: Process, body: Any) -> None:
    given = body if isinstance(body, bytes) else {"design": "part", "stock": "a4-3x8", **body}
    answer = ask(node, "/labels/sheets", "POST", given, **proof())
    assert 400 <= answer.status < 500, answer.data
    assert answer.json()["error"]


def test_the_printing_process_ends_without_work() -> None:
    code = ("from millbrain.identify.labels import worker as w\n"
            "w.LABEL_PRINTER_IDLE_S_MAX = 0.2\nw.main()")  # fmt: skip
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE) as idle:
        assert idle.wait(60) == 0
