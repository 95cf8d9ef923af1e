"""`millbrain labels`: prints of what a resolver tells, and of an allotment without one."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.identify.asking import ask, proof
from tests.identify.labels.test_routes import read_pages
from tests.identify.resolver import PREFIX, prepare, resolver

pytestmark = pytest.mark.slow


def labels(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "millbrain.run.cli", "labels", *words]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder)


def test_prints_of_a_running_resolver_and_of_an_allotment(tmp_path: Path) -> None:
    data = tmp_path / "node"
    prepare(data)
    with resolver(data) as node:
        done = labels(tmp_path, "print", f"{PREFIX}/P7", "--data", str(data))
        assert done.returncode == 0, done.stderr
        assert "1 labels, each read back: labels.pdf" in done.stdout
        assert read_pages((tmp_path / "labels.pdf").read_bytes()) == [f"{PREFIX}/P7"]
        missing = labels(tmp_path, "print", f"{PREFIX}/none", "--data", str(data))
        assert missing.returncode == 1
        assert "does not exist" in missing.stderr
        body = {"request": "a", "pattern": f"{PREFIX}/A###", "count": 30, "line": "L1",
                "design": "link", "host": "https://id.example.cn"}  # fmt: skip
        handle = ask(node, "/labels/allotments", "POST", body, **proof()).json()["allotment"]
        told = ask(node, f"/labels/allotments/{handle}", **proof()).data
    (tmp_path / "a.json").write_bytes(told)  # from here on there is no resolver
    done = labels(tmp_path, "print", "--allotment", "a.json", "--stock", "a4-3x8", "--format",
                  "svg", "--out", "sheet.svg")  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "30 labels, each read back" in done.stdout
    assert sorted(p.name for p in tmp_path.glob("*.svg")) == ["sheet-1.svg", "sheet-2.svg"]
    done = labels(tmp_path, "print", "--allotment", "a.json", "--stock", "roll-40x30",
                  "--from", "7", "--to", "8", "--out", "two.pdf")  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert read_pages((tmp_path / "two.pdf").read_bytes()) == [
        f"https://id.example.cn/{PREFIX}/A00{n}" for n in (7, 8)
    ]
    for words in (("--from", "31", "--to", "32"), ("--format", "zpl", "--stock", "a4-3x8"),
                  ("--design", "none"), ("--stock", "@a.json")):  # fmt: skip
        refused = labels(tmp_path, "print", "--allotment", "a.json", *words)
        assert refused.returncode == 1
        assert "Traceback" not in refused.stderr


def test_a_file_that_is_no_allotment(tmp_path: Path) -> None:
    for told in ("", "[]", json.dumps({"pattern": "88.1/A#"}), "{"):
        (tmp_path / "a.json").write_text(told, "utf-8")
        done = labels(tmp_path, "print", "--allotment", "a.json", "--design", "part", "--stock",
                      "roll-40x30")  # fmt: skip
        assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert labels(tmp_path, "print", "--allotment", "none.json").returncode == 1
    assert labels(tmp_path, "list").returncode == 0
