"""Login, single identifiers and batches of the dialect, over a real resolver."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.engines import Process
from tests.identify.asking import ask
from tests.identify.resolver import OWNER, PREFIX, SECRET, prepare, resolver
from tests.identify.snms.asking import dated_password, row, sent, template, token

DATA = "/identityv2/data"


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    folder: Path = tmp_path_factory.mktemp("snms")
    prepare(folder)
    with resolver(folder) as running:
        yield running


@pytest.fixture(scope="module")
def key(node: Process) -> str:
    found = token(node)
    assert sent(node, "POST", "/snms/api/v5/template", template(), found)["data"] is True
    return found


def detail(node: Process, key: str, name: str) -> dict[str, Any]:
    return sent(node, "GET", f"{DATA}/detail?handle={PREFIX}/{name}", token=key)


def test_login_by_the_hash_of_the_day(node: Process) -> None:
    body = {"username": OWNER, "password": dated_password(SECRET)}
    told = sent(node, "POST", "/identity/token/v1", body)
    assert told["status"] == 1
    assert detail(node, told["data"]["token"], "P7")["status"] == 1


def test_login_by_handle_alone(node: Process) -> None:
    assert token(node, OWNER.partition(":")[2])


@pytest.mark.parametrize("password", ["wrong", "x" * 64])
def test_wrong_password(node: Process, password: str) -> None:
    body = {"username": OWNER, "password": password}
    told = {"message": "用户名/密码错误！", "status": -2, "data": None}
    assert sent(node, "POST", "/identity/token", body) == told
    assert sent(node, "POST", "/identity/token/v1", body) == told


@pytest.mark.parametrize("bearer", ["", "x", "a.b.c", "eyJ0eXAiOiJKV1QifQ.e30."])
def test_without_a_token(node: Process, bearer: str) -> None:
    told = sent(node, "POST", DATA, row("never"), token=bearer)
    assert told == {"message": "没有登录，需要验证", "status": -1, "data": None}


def test_token_with_another_name_is_refused(node: Process, key: str) -> None:
    head, payload, mac = key.split(".")
    assert sent(node, "POST", DATA, row("x"), f"{head}.{payload[:-2]}AA.{mac}")["status"] == -1


def test_register_query_update_delete(node: Process, key: str) -> None:
    assert sent(node, "POST", DATA, row("one", "小型机械01"), key) == {
        "message": "success", "status": 1, "data": True,
    }  # fmt: skip
    assert detail(node, key, "one") == {"message": "success", "status": 1, "data": {
        "code": "200", "prefix": PREFIX, "handle": f"{PREFIX}/one", "templateVersion": "1.0",
        "value": [
            {"data": {"format": "string", "value": "1.0"}, "auth": "", "index": 1001,
             "type": "TEMPLATE"},
            {"data": {"format": "string", "value": "小型机械01"}, "auth": "", "index": 2000,
             "type": "item0"},
        ]}}  # fmt: skip
    assert sent(node, "POST", DATA, row("one", "x"), key)["message"] == "标识已存在"
    assert sent(node, "PUT", DATA, row("one", "02", "new"), key)["status"] == 1
    told = detail(node, key, "one")["data"]["value"]
    assert [v["data"]["value"] for v in told] == ["1.0", "02", "new"]
    gone = {"message": "没有找到标识", "status": -2, "data": None}
    one = {"handle": f"{PREFIX}/one"}
    assert sent(node, "DELETE", DATA, one, key)["data"] is True
    assert sent(node, "DELETE", DATA, one, key) == gone
    assert detail(node, key, "one") == gone


def test_other_faces_see_the_record(node: Process, key: str) -> None:
    sent(node, "POST", DATA, row("seen", "a"), key)
    told = orjson.loads(ask(node, f"/api/handles/{PREFIX}/seen").data)
    assert [v["index"] for v in told["values"]] == [100, 1001, 2000]
    assert told["values"][1]["data"]["value"] == f"{PREFIX}/META_1.0"


def test_query_names_what_is_missing(node: Process, key: str) -> None:
    told = sent(node, "GET", f"{DATA}/detail", token=key)
    assert told == {"message": "缺少必要的请求参数: handle", "status": -2, "data": None}


def _changed(**more: Any) -> dict[str, Any]:
    made = row("bad", "text")
    made["value"][0] |= more
    return made


@pytest.mark.parametrize(
    "body",
    [
        [], {}, "text", 7, None, {"handle": f"{PREFIX}/x"}, row("bad") | {"value": {}},
        row("bad") | {"handle": 7}, row("bad") | {"handle": "no slash"},
        row("bad") | {"handle": f"{PREFIX}/" + "x" * 255}, row("bad") | {"templateVersion": ""},
        _changed(index=1001), _changed(index=1000), _changed(index=-1), _changed(index=True),
        _changed(index=1 << 40), _changed(type=""), _changed(type="HS_ADMIN"), _changed(data=None),
        _changed(index=2007), _changed(type="item1"), row("bad", "a", version="none"),
        _changed(data={"format": "base64", "value": "eA=="}),
        _changed(data={"format": "string", "value": 7}),
        _changed(data={"format": "string", "value": "x" * 256}),
        row("bad", "a") | {"value": row("bad", "a")["value"] * 2},
    ],
    ids=lambda body: str(body)[:40],
)  # fmt: skip
def test_wrong_bodies_are_refused_in_words(node: Process, key: str, body: Any) -> None:
    for method in ("POST", "PUT"):
        told = sent(node, method, DATA, body, key)
        assert told["status"] == -2, told
        assert told["message"]
    assert detail(node, key, "bad")["status"] == -2


def test_index_that_the_template_lacks(node: Process, key: str) -> None:
    told = sent(node, "POST", DATA, _changed(index=1999 + 4), key)
    assert told == {"message": "非法操作，索引2003在模板中不存在", "status": -2, "data": None}


def test_another_identity_may_not(node: Process, key: str) -> None:
    sent(node, "POST", DATA, row("user", "a"), key)
    put = {"values": [{"index": 300, "type": "HS_SECKEY", "data": "u5er", "permissions": "1100"}]}
    basic = {"Authorization": "Basic MzAwJTNBODguMTAwLjElMkZhZG1pbjpzM2NyZXQ="}
    path = f"/api/handles/{PREFIX}/user?index=300&overwrite=true"
    assert ask(node, path, "PUT", put, **basic).status == 200
    other = token(node, f"300:{PREFIX}/user", "u5er")
    denied = {"message": "没有权限", "status": -3, "data": None}
    assert sent(node, "POST", DATA, row("theirs", "a"), other) == denied
    assert sent(node, "DELETE", DATA, {"handle": f"{PREFIX}/P7"}, other) == denied


# Batches ----------------------------------------------------------------------------------------


def test_batch_answers_each_row(node: Process, key: str) -> None:
    rows = [row("b1", "a"), row("b1", "b"), row("b2", "x" * 300), row("b3", "c")]
    told = sent(node, "POST", f"{DATA}/batchCreate", rows, key)
    assert (told["message"], told["status"]) == ("success", 1)
    assert [r["handle"] for r in told["data"]] == [r["handle"] for r in rows]
    words = [r["msg"] for r in told["data"]]
    assert words[0] == words[3] == "success"
    assert words[1] == "标识已存在"
    assert "255" in words[2]
    assert detail(node, key, "b1")["data"]["value"][1]["data"]["value"] == "a"
    told = sent(node, "PUT", f"{DATA}/batchUpdate", [row("b1", "d"), row("none", "e")], key)
    assert [r["msg"] for r in told["data"]] == ["success", "标识不存在"]
    names = [f"{PREFIX}/b1", f"{PREFIX}/none", 7]
    assert sent(node, "DELETE", f"{DATA}/batchDelete", names, key)["data"][:2] == [
        {"handle": f"{PREFIX}/b1", "code": 1, "msg": "success"},
        {"handle": f"{PREFIX}/none", "code": -2, "msg": "标识不存在"},
    ]


@pytest.mark.slow
def test_many_clients_send_batches_at_once(node: Process, key: str) -> None:
    def send(number: int) -> set[str]:
        rows = [row(f"many-{number}-{n}", "a") for n in range(1_000)]
        told = sent(node, "POST", f"{DATA}/batchCreate", rows, key)
        return {r["msg"] for r in told["data"]} if told["data"] else {told["message"]}

    with ThreadPoolExecutor(12) as clients:
        assert list(clients.map(send, range(12))) == [{"success"}] * 12


def test_batch_has_at_most_2000_rows(node: Process, key: str) -> None:
    rows = [row(f"m{n}", "a") for n in range(2_001)]
    told = sent(node, "POST", f"{DATA}/batchCreate", rows, key)
    assert (told["status"], told["data"]) == (-2, None)
    assert "2000" in told["message"]
    assert detail(node, key, "m0")["status"] == -2
    told = sent(node, "POST", f"{DATA}/batchCreate", rows[:2_000], key)
    assert {r["msg"] for r in told["data"]} == {"success"}
    assert detail(node, key, "m1999")["status"] == 1
