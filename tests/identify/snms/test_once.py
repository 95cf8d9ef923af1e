"""Requests sent again with an idempotency key: one effect, one answer, also over a kill."""

from pathlib import Path

import orjson
import pytest

from tests.engines import Process
from tests.identify.asking import ask
from tests.identify.resolver import PREFIX, prepare, resolver
from tests.identify.snms.asking import row, sent, template, token

DATA = "/identityv2/data"
BATCH = f"{DATA}/batchCreate"


def detail(node: Process, key: str, name: str) -> int:
    told = sent(node, "GET", f"{DATA}/detail?handle={PREFIX}/{name}", token=key)
    status: int = told["status"]
    return status


@pytest.mark.fault
def test_one_effect_and_one_answer(tmp_path: Path) -> None:
    prepare(tmp_path)
    with resolver(tmp_path) as node:
        key = token(node)
        sent(node, "POST", "/snms/api/v5/template", template(), key)
        rows = [row("a", "1"), row("a", "1"), row("b", "x" * 300), row("c", "3")]
        mine = {"Idempotency_Key": "batch 7"}
        first = sent(node, "POST", BATCH, rows, key, **mine)
        assert [r["msg"] for r in first["data"]][::3] == ["success", "success"]
        sent(node, "DELETE", DATA, {"handle": f"{PREFIX}/a"}, key)
        assert sent(node, "POST", BATCH, rows, key, **mine) == first
        assert detail(node, key, "a") == -2, "it was deleted since, and nothing makes it again"
        node.kill()
        node.start()
        assert sent(node, "POST", BATCH, rows, key, **mine) == first, "tokens live on as well"
        assert detail(node, key, "a") == -2
        bearer = f"Bearer {key}"
        other = ask(node, BATCH, "POST", rows[:1], Authorization=bearer, **mine)
        assert other.status == 422
        assert orjson.loads(other.data)["status"] == -2
        assert detail(node, key, "a") == -2
        assert sent(node, "POST", BATCH, rows[:1], key, Idempotency_Key="8")["data"] == [
            {"handle": f"{PREFIX}/a", "msg": "success"},
        ]  # fmt: skip
        assert detail(node, key, "a") == 1


def test_single_requests_have_keys_too(tmp_path: Path) -> None:
    prepare(tmp_path)
    with resolver(tmp_path) as node:
        key = token(node)
        sent(node, "POST", "/snms/api/v5/template", template(), key)
        for _ in range(2):
            assert sent(node, "POST", DATA, row("s", "1"), key, Idempotency_Key="s")["data"] is True
        gone = {"handle": f"{PREFIX}/s"}
        for _ in range(2):
            assert sent(node, "DELETE", DATA, gone, key, Idempotency_Key="d")["data"] is True
        refused = [sent(node, "PUT", DATA, row("s", "1"), key, Idempotency_Key="u") for _ in "ab"]
        assert refused[0] == refused[1]
        assert refused[0]["message"] == "标识不存在"
        assert sent(node, "POST", DATA, row("t", "1"), key, Idempotency_Key="x" * 256)["status"] < 0
