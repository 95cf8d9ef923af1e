"""Templates of the dialect: entered, read, widened, withdrawn; over a real resolver."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.engines import Process
from tests.identify.resolver import PREFIX, prepare, resolver
from tests.identify.snms.asking import row, sent, template, token

PATH = "/snms/api/v5/template"


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    folder: Path = tmp_path_factory.mktemp("snms")
    prepare(folder)
    with resolver(folder) as running:
        yield running


@pytest.fixture(scope="module")
def key(node: Process) -> str:
    return token(node)


def read(node: Process, key: str, version: str) -> dict[str, Any]:
    return sent(node, "GET", f"{PATH}?prefix={PREFIX}&version={version}", token=key)


def test_enter_and_read(node: Process, key: str) -> None:
    assert sent(node, "POST", PATH, template("r", 1), key) == {
        "message": "success", "status": 1, "data": True,
    }  # fmt: skip
    told = read(node, key, "r")
    assert told["status"] == 1
    del told["data"]["id"], told["data"]["name"]
    assert told["data"] == {
        "prefix": PREFIX, "version": "r", "industryCategory": "A", "industrySpecific": "01",
        "industryTrade": "011", "industrySubclass": "0111", "type": 1, "description": "测试模板",
        "handle": f"{PREFIX}/META_R",
        "items": [{"name": "属性0", "idType": "item0", "idIndex": 2000, "metadataId": 2000,
                   "required": False, "state": 1,
                   "metadata": {"type": "string", "minLength": 1, "maxLength": 255}}],
    }  # fmt: skip
    assert sent(node, "POST", PATH, template("r", 1), key)["status"] == -2, "it is there already"


def test_widen(node: Process, key: str) -> None:
    sent(node, "POST", PATH, template("w", 1), key)
    body = template("w", 1)
    body["items"][0]["state"] = 1
    bounds = {"type": "string", "minLength": 2, "maxLength": 9}
    body["items"].append({"name": "新", "idType": "added", "state": 1, "metadata": bounds})
    assert sent(node, "PUT", PATH, body, key)["data"] is True
    items = read(node, key, "w")["data"]["items"]
    assert [(i["idIndex"], i["idType"]) for i in items] == [(2000, "item0"), (2001, "added")]
    wider = row("w1", "a", "bb", version="w")
    wider["value"][1]["type"] = "added"
    assert sent(node, "POST", "/identityv2/data", wider, key)["status"] == 1
    wider["value"][1]["data"]["value"] = "c"
    told = sent(node, "PUT", "/identityv2/data", wider, key)
    assert told["message"] == "索引2001: 至少2个字符 (too short)"


def test_what_was_valid_stays_valid(node: Process, key: str) -> None:
    sent(node, "POST", PATH, template("v", 2), key)
    narrow = template("v", 2)
    narrow["items"][0]["metadata"]["maxLength"] = 3
    assert sent(node, "PUT", PATH, narrow, key)["status"] == -2
    other = template("v", 2)
    other["items"][0]["idIndex"] = 2001
    assert "不匹配" in sent(node, "PUT", PATH, other, key)["message"]


def test_required_items(node: Process, key: str) -> None:
    body = template("q", 2)
    body["items"][1]["required"] = True
    sent(node, "POST", PATH, body, key)
    told = sent(node, "POST", "/identityv2/data", row("q1", "a", version="q"), key)
    assert told["status"] == -2
    assert "2001" in told["message"]
    assert sent(node, "POST", "/identityv2/data", row("q1", "a", "b", version="q"), key)["data"]


def test_withdrawn_takes_no_more(node: Process, key: str) -> None:
    sent(node, "POST", PATH, template("d"), key)
    sent(node, "POST", "/identityv2/data", row("d1", "a", version="d"), key)
    named = {"prefix": PREFIX, "version": "d"}
    assert sent(node, "DELETE", PATH, named, key)["data"] is True
    gone = {"message": "数据模板不存在", "status": -2, "data": None}
    assert read(node, key, "d") == gone
    assert sent(node, "DELETE", PATH, named, key) == gone
    told = sent(node, "POST", "/identityv2/data", row("d2", "a", version="d"), key)
    assert told["status"] == -2
    told = sent(node, "GET", f"/identityv2/data/detail?handle={PREFIX}/d1", token=key)
    assert told["status"] == 1, "what followed it is still there"


@pytest.mark.parametrize(
    "change",
    [
        {"items": []}, {"items": {}}, {"items": [7]}, {"items": None}, {"version": ""},
        {"version": 7}, {"prefix": ""}, {"prefix": "88.9.9"}, {"type": 3}, {"type": "x"},
        {"items": [{"idType": "a", "name": "a", "idIndex": 1001, "metadata": {}}]},
        {"items": [{"idType": "a", "name": "a", "idIndex": 2000}]},
        {"description": "a\nb"}, {"industryTrade": 7},
    ],
    ids=str,
)  # fmt: skip
def test_wrong_templates(node: Process, key: str, change: dict[str, Any]) -> None:
    told = sent(node, "POST", PATH, template("x") | change, key)
    assert told["status"] < 0
    assert told["message"]
    assert read(node, key, "x")["status"] == -2
