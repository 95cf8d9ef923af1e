"""Who can see a record, over HTTP: for its owner only, and the grant works in this face."""

import json
import subprocess
import sys
from collections.abc import Iterator

import pytest

from millbrain.core.nodes.grants import Reader, Seen
from millbrain.identify.handle_json.access import listed
from tests.engines import Process
from tests.identify.asking import answered, proof
from tests.identify.resolver import OWNER, PREFIX, SECRET, prepare, resolver

HANDLE = f"{PREFIX}/P7"
BUYER = f"300:{PREFIX}/buyer"
MINE, THEIRS = proof(OWNER, SECRET), proof(BUYER, "b")


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    folder = tmp_path_factory.mktemp("node")
    prepare(folder)
    with resolver(folder) as running:
        yield running


def seen_by(node: Process, who: dict[str, str]) -> list[int]:
    """Return the indexes of the values that somebody gets."""
    _, found = answered(node, "GET", f"/api/handles/{HANDLE}", **who)
    return [v["index"] for v in found["values"]]


def test_a_grant_over_http_and_who_is_told_of_it(node: Process) -> None:
    key = {"index": 300, "type": "HS_SECKEY", "data": "b", "permissions": "1100"}
    status, _ = answered(node, "PUT", f"/api/handles/{PREFIX}/buyer", {"values": [key]}, **MINE)
    assert status == 201
    assert seen_by(node, THEIRS) == [1, 100]
    given = {"to": {"handle": f"{PREFIX}/buyer", "index": 300}, "fields": [2]}
    value = {"index": 500, "type": "GRANT", "data": json.dumps(given)}
    path = f"/api/handles/{HANDLE}?index=500"
    assert answered(node, "PUT", path, {"values": [value]}, **MINE)[0] == 200
    assert seen_by(node, THEIRS) == [1, 100, 2]
    status, told = answered(node, "GET", f"/api/access/{HANDLE}?who={BUYER}", **MINE)
    assert (status, told["can_see"]) == (200, [1, 2, 100])
    (reader,) = (r for v in told["values"] if v["index"] == 2 for r in v["readers"]
                 if r["why"] == "grant")  # fmt: skip
    assert reader == {"who": f"300:{PREFIX}/BUYER", "why": "grant", "record": HANDLE, "index": 500,
                      "by": OWNER}  # fmt: skip


def test_ranges_of_a_prefix_are_listed_for_those_who_may(node: Process) -> None:
    told = {"pattern": "S{6}", "from": 1, "to": 250_000}
    values = [{"index": 1002, "type": "RANGE", "data": json.dumps(told)},
              {"index": 1, "type": "URL", "data": "https://id.example.cn/{serial}"}]  # fmt: skip
    assert (
        answered(node, "PUT", f"/api/handles/{PREFIX}/BATCH", {"values": values}, **MINE)[0] == 201
    )
    status, found = answered(node, "GET", f"/api/handles/{PREFIX}/s000123")
    assert (status, found["values"][0]["data"]["value"]) == (200, "https://id.example.cn/000123")
    assert answered(node, "GET", f"/api/handles/{PREFIX}/s250001")[0] == 404
    command = [sys.executable, "-m", "millbrain.run.cli", "handles", "get", f"{PREFIX}/s000123"]
    done = subprocess.run([*command, "--data", str(node.data)], capture_output=True, check=True)
    assert json.loads(done.stdout)["values"][:1] == found["values"][:1]  # the binary protocol
    assert answered(node, "GET", f"/api/ranges?prefix={PREFIX}", **MINE)[1] == {
        "prefix": PREFIX, "count": 250_000, "ranges": [
            {"handle": f"{PREFIX}/BATCH", "first": f"{PREFIX}/S000001",
             "last": f"{PREFIX}/S250000", "count": 250_000}]}  # fmt: skip
    assert answered(node, "GET", f"/api/ranges?prefix={PREFIX}")[0] == 401


def test_groups_of_thousands_are_cut_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("millbrain.identify.handle_json.access.ACCESS_READERS_MAX", 4)
    readers = tuple(Reader(f"300:88.1.2/W{n}", "owner") for n in range(3))
    told = list(listed([Seen(index, "COST", "", readers) for index in (1, 2, 3)]))
    assert [(len(v["readers"]), v.get("more")) for v in told] == [(3, None), (1, 2), (0, 3)]


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        (HANDLE, {}, 401),
        (HANDLE, proof(OWNER, "guess"), 401),
        (f"{PREFIX}/none", MINE, 404),
        (f"{HANDLE}?who=somebody", MINE, 400),
        (f"{HANDLE}?who=%C2%B2:a/b", MINE, 400),
    ],
)
def test_others_are_told_nothing(
    node: Process, path: str, headers: dict[str, str], status: int
) -> None:
    found, told = answered(node, "GET", f"/api/access/{path}", **headers)
    assert found == status
    assert set(told) == {"error"}
