"""Statistics of a real node: what every face answered, what was registered, who may see it."""

from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from tests.engines import Process
from tests.identify.asking import ask, put
from tests.identify.node.nodes import BASE, call, process, resolve, sums
from tests.identify.resolver import PREFIX, prepare
from tests.identify.snms.asking import row, sent, template, token

P7 = f"{PREFIX}/P7"


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Process]:
    prepare(tmp_path)
    running = process(tmp_path).start()
    yield running
    running.stop()


def restarted(node: Process) -> None:
    """Stop and start: what was counted is on disk then."""
    assert node.stop() == 0
    node.start()


def codes(node: Process, **asked: str) -> dict[tuple[str, int], int]:
    query = "&".join(f"{k}={v}" for k, v in asked.items())
    told = call(node, "GET", f"/statistics?by=prefix,code&kind=resolved&{query}")[1]
    return {(r["prefix"], r["code"]): r["count"] for r in told["rows"]}


def test_every_face_counts_what_it_answers(node: Process) -> None:
    assert resolve(node, P7, 3) == [1, 1, 1]
    assert resolve(node, f"{PREFIX}/none", 2) == [100, 100]
    assert resolve(node, "10.99/made-up") == [301]
    for _ in range(2):
        ask(node, f"/api/handles/{P7}")
    ask(node, f"/api/handles/{P7}?index=1")
    ask(node, f"/api/handles/{PREFIX}/none")
    ask(node, f"/{P7}", Accept="text/html")
    sent(node, "GET", f"/identityv2/data/detail?handle={P7}", token=token(node))
    restarted(node)
    assert codes(node) == {(PREFIX, 1): 8, (PREFIX, 100): 3, ("", 301): 1}
    assert codes(node, prefix=PREFIX.lower()) == {(PREFIX, 1): 8, (PREFIX, 100): 3}
    (sample, *_) = call(node, "GET", "/log")[1]["samples"]
    assert (sample["handle"], sample["code"], sample["face"]) == (
        P7.replace("P7", "P7"),
        1,
        "handle",
    )


@pytest.mark.fault
def test_what_was_registered_is_counted_to_the_last(node: Process) -> None:
    key = token(node)
    sent(node, "POST", "/snms/api/v5/template", template(), key)
    sent(node, "POST", "/identityv2/data/batchCreate", [row(f"c{n}", "a") for n in range(50)], key)
    put(node, "c50", {"index": 1, "type": "URL", "data": "x"})
    sent(node, "POST", "/identityv2/data", row("c0", "again"), key)  # is there: not counted
    sent(node, "DELETE", "/identityv2/data", {"handle": f"{PREFIX}/c0"}, key)
    node.kill()
    node.start()
    found = sums(node)
    # Loaded: admin, P7; then the template and 51 parts.
    assert found["", "registered"] == 2 + 1 + 51
    assert found["", "removed"] == 1


def test_who_may_see_what(node: Process) -> None:
    assert ask(node, f"{BASE}/statistics").status == 401
    assert ask(node, f"{BASE}/statistics?prefix={PREFIX}").status == 401
    for path in ("log", "reports"):
        assert ask(node, f"{BASE}/{path}").status == 401
    put(node, "user", {"index": 300, "type": "HS_SECKEY", "data": "u5er", "permissions": "1100"},
        {"index": 100, "type": "HS_ADMIN", "data": {"format": "admin", "value": {
            "handle": f"{PREFIX}/user", "index": 300, "permissions": "111111111111"}}})  # fmt: skip
    other = {"Authorization": "Basic " + "MzAwJTNBODguMTAwLjElMkZ1c2VyOnU1ZXI="}
    assert ask(node, f"{BASE}/statistics?prefix={PREFIX}", **other).status == 403
    assert ask(node, f"{BASE}/reports", **other).status == 403


@pytest.mark.parametrize("query", [
    "from=x", "to=2026-13-01", "from=2026-01-02&to=2026-01-01", "from=2020-01-01&to=2026-01-01",
    "by=colour", "kind=none", "from=0000-00-00",
])  # fmt: skip
def test_senseless_questions(node: Process, query: str) -> None:
    status, told = call(node, "GET", f"/statistics?{query}")
    assert (status, bool(told["error"])) == (400, True)


def test_answers_name_their_days(node: Process) -> None:
    told = call(node, "GET", "/statistics?from=2026-01-01&to=2026-01-31&by=day")[1]
    assert (told["from"], told["to"], told["rows"]) == ("2026-01-01", "2026-01-31", [])
    told = call(node, "GET", "/statistics?by=")[1]
    assert [list(r) for r in told["rows"]] == [["count"]]
    assert ask(node, f"{BASE}/log?after=zz").status == 401
    assert call(node, "GET", "/log?after=zz")[0] == 400
    assert orjson.loads(ask(node, f"{BASE}/log").data)["error"]
