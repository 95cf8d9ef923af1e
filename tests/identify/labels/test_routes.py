"""Prints through a real resolver process: who may, what stands on them, what is refused."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pypdfium2
import pytest
import zxingcpp

from tests.engines import Process
from tests.identify.asking import ask, proof, put
from tests.identify.resolver import PREFIX, prepare, resolver

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
                {"index": 3, "type": "PRICE", "data": "17", "permissions": "1100"})  # fmt: skip
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
