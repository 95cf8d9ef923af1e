"""A real resolver process for tests, with a prefix and its administrator loaded beforehand."""

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.engines import Process

PREFIX = "88.100.1"
OWNER = f"300:{PREFIX}/admin"
SECRET = "s3cret"
ADMIN = {"index": 100, "type": "HS_ADMIN", "data": {"format": "admin", "value": {
    "handle": f"{PREFIX}/admin", "index": 300, "permissions": "111111111111"}}}  # fmt: skip
RECORDS: list[dict[str, Any]] = [
    {"handle": f"0.NA/{PREFIX}", "values": [ADMIN]},
    {"handle": f"{PREFIX}/admin", "values": [
        ADMIN, {"index": 300, "type": "HS_SECKEY", "data": SECRET, "permissions": "1100"}]},
    {"handle": f"{PREFIX}/P7", "values": [
        {"index": 1, "type": "URL", "data": "https://id.example.cn/p/7"},
        {"index": 2, "type": "COST", "data": "17", "permissions": "1100"}, ADMIN]},
]  # fmt: skip


def prepare(folder: Path) -> None:
    """Load the records into the data folder `folder`, as an operator would."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = folder / "records.jsonl"
    lines.write_text("\n".join(map(json.dumps, RECORDS)) + "\n", "utf-8")
    command = [sys.executable, "-m", "millbrain.run.cli", "handles", "load", str(lines)]
    done = subprocess.run([*command, "--data", str(folder)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "3 identifiers stored" in done.stdout


@contextlib.contextmanager
def resolver(folder: Path) -> Iterator[Process]:
    """Run a resolver on free ports."""
    running = Process("resolver", folder, ("--port", "0", "--http-port", "0")).start()
    try:
        yield running
    finally:
        if running.process and running.process.poll() is None:
            running.stop()
