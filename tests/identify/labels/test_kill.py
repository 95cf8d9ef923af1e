"""A resolver that is killed while it takes a report: sent again, the report is whole."""

import threading
import time
from pathlib import Path

import pytest
import urllib3

from tests.identify.asking import ask, proof
from tests.identify.resolver import PREFIX, prepare, resolver

COUNT = 2_000
PATH = "/labels/allotments"


@pytest.mark.fault
@pytest.mark.parametrize("after_s", [0.02, 0.15])
def test_a_report_survives_a_kill(tmp_path: Path, after_s: float) -> None:
    prepare(tmp_path)
    used = {"report": "day", "used": [[1, COUNT - 1]]}
    with resolver(tmp_path) as node:
        body = {"request": "a", "pattern": f"{PREFIX}/K####", "count": COUNT, "line": "L1",
                "shared": [{"index": 1, "type": "MODEL", "data": "NC250"}]}  # fmt: skip
        handle = ask(node, PATH, "POST", body, **proof()).json()["allotment"]
        answers: list[int] = []

        def send() -> None:
            try:
                path = f"{PATH}/{handle}/reports"
                answers.append(ask(node, path, "POST", used, **proof()).status)
            except urllib3.exceptions.HTTPError:
                answers.append(0)

        sender = threading.Thread(target=send)
        sender.start()
        time.sleep(after_s)
        assert node.process
        node.process.kill()
        node.process.wait()
        sender.join()
    with resolver(tmp_path) as node:
        told = ask(node, f"{PATH}/{handle}/reports", "POST", used, **proof()).json()
        assert told["refused"] == []
        assert told["counts"] == {"use": COUNT - 1, "void": 0, "return": 0}
        assert ask(node, f"{PATH}/{handle}", **proof()).json()["counts"]["reserved"] == 1
        for number in (1, COUNT // 2, COUNT - 1):
            assert ask(node, f"/api/handles/{PREFIX}/K{number:04}").status == 200
        assert ask(node, f"/api/handles/{PREFIX}/K{COUNT:04}").status == 404
        again = ask(node, PATH, "POST", body | {"request": "b"}, **proof()).json()
        assert again["from"] == COUNT + 1  # no number is given twice
