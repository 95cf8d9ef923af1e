"""`millbrain handles check` on the data folder of a node: says, mends, and says what is left."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from millbrain.core.keys import handle_key
from millbrain.record.identifiers import RocksIdentifiers
from millbrain.record.identifiers.aliases import ALIASES
from millbrain.record.identifiers.ranges import RANGES
from tests.identify.resolver import PREFIX, RECORDS

pytestmark = pytest.mark.slow
LINES = [
    *RECORDS,
    {"handle": f"{PREFIX}/P8", "values": [
        {"index": 10, "type": "ALIAS", "data": "vin:LDPGABAC2JN361504"}]},
    {"handle": f"{PREFIX}/BLOCK", "range": {"pattern": "S{6}", "from": 1, "to": 250000}, "values": [
        {"index": 1, "type": "URL", "data": "https://id.example.cn/{serial}"}]},
]  # fmt: skip


def millbrain(data: Path, *words: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "millbrain.run.cli", "handles", *words, "--data", str(data)]
    done = subprocess.run(command, capture_output=True, text=True)
    return done.returncode, done.stdout or done.stderr


def test_damage_is_told_mended_and_gone(tmp_path: Path) -> None:
    data, lines = tmp_path / "data", tmp_path / "records.jsonl"
    assert "nothing was checked" in millbrain(data, "check")[1]
    lines.write_text("\n".join(map(json.dumps, LINES)), "utf-8")
    assert millbrain(data, "load", str(lines)) == (0, "5 identifiers stored\n")
    assert millbrain(data, "check") == (0, "0 mended, 0 left\n")
    store = RocksIdentifiers(data / "identifiers")
    range_row = RANGES + handle_key(f"{PREFIX}/BLOCK")
    store.delete([ALIASES + b"vin:LDPGABAC2JN361504", range_row])
    store.put_many([(handle_key(f"{PREFIX}/X"), b"\7junk")])
    store.close()
    code, told = millbrain(data, "check")
    assert (code, told.splitlines()[-1]) == (1, "0 mended, 3 left")
    assert f"wrong   record {PREFIX}/X: form 07 is not known" in told
    code, told = millbrain(data, "check", "--repair")
    assert (code, told.splitlines()[-1]) == (1, "2 mended, 1 left")
    assert f"mended  range {PREFIX}/BLOCK: is not among the ranges; is entered" in told
    store = RocksIdentifiers(data / "identifiers")
    store.delete([handle_key(f"{PREFIX}/X")])
    store.close()
    assert millbrain(data, "check") == (0, "0 mended, 0 left\n")


def test_a_store_that_does_not_open_is_rebuilt(tmp_path: Path) -> None:
    data, lines = tmp_path / "data", tmp_path / "records.jsonl"
    lines.write_text("\n".join(map(json.dumps, LINES)), "utf-8")
    millbrain(data, "load", str(lines))
    manifest = next((data / "identifiers").glob("MANIFEST-*"))
    manifest.write_bytes(b"damaged")
    code, told = millbrain(data, "check")
    assert code == 1
    assert "--repair rebuilds it" in told
    code, told = millbrain(data, "check", "--repair")
    assert (code, told.splitlines()[-1]) == (0, "1 mended, 0 left")
    assert len(list(data.glob("identifiers.damaged-*"))) == 1
    assert millbrain(data, "check") == (0, "0 mended, 0 left\n")
