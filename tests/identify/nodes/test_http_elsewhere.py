"""The HTTP faces over identifiers of other nodes: sent there, asked for, or named."""

import base64
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from millbrain.identify.handle.codec import encode_data
from millbrain.identify.handle.face import site_of
from millbrain.identify.handle.records import Interface
from tests.engines import Process
from tests.identify.asking import ask
from tests.identify.resolver import PREFIX, prepare

P7 = f"{PREFIX}/P7"
OPTIONS = ("--port", "0", "--http-port", "0")


def load(folder: Path, *records: dict[str, object]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    lines = folder / "lines.jsonl"
    lines.write_text("\n".join(map(json.dumps, records)) + "\n", "utf-8")
    command = [sys.executable, "-m", "millbrain.run.cli", "handles", "load", str(lines)]
    subprocess.run([*command, "--data", str(folder)], check=True, capture_output=True)


def site(prefix: str, port: int, http_port: int = 0) -> dict[str, object]:
    """The record of a prefix whose node listens there, over HTTP as well if a port is given."""
    told = site_of("127.0.0.1", port)
    if http_port:
        (server,) = told.servers
        more = (*server.interfaces, Interface(2, 2, http_port))
        told = replace(told, servers=(replace(server, interfaces=more),))
    data = base64.b64encode(encode_data("HS_SITE", told)).decode()
    value = {"index": 1, "type": "HS_SITE", "data": {"format": "base64", "value": data}}
    return {"handle": f"0.NA/{prefix}", "values": [value]}


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Process]]:
    """An enterprise node, a top node that knows its site, and a recursive one that asks the top."""
    base: Path = tmp_path_factory.mktemp("nodes")
    prepare(base / "enterprise")
    found = {"enterprise": Process("resolver", base / "enterprise", OPTIONS).start()}
    ports = found["enterprise"].ports
    load(base / "top", site(PREFIX, ports["handle"]), site("88.9", 9),
         site("88.100", ports["handle"], ports["http"]))  # fmt: skip
    role = {"MILLBRAIN_RESOLVER__ROLE": "top"}
    found["top"] = Process("resolver", base / "top", OPTIONS, role).start()
    role = {
        "MILLBRAIN_RESOLVER__ROLE": "recursive", "MILLBRAIN_RESOLVER__WAIT_S": "1",
        "MILLBRAIN_RESOLVER__UPSTREAM": json.dumps([f"127.0.0.1:{found['top'].ports['handle']}"]),
    }  # fmt: skip
    found["recursive"] = Process("resolver", base / "recursive", OPTIONS, role).start()
    yield found
    for node in found.values():
        node.stop()


def test_a_recursive_node_answers_for_others(nodes: dict[str, Process]) -> None:
    for _ in range(2):  # asked, then remembered
        told = ask(nodes["recursive"], f"/api/handles/{P7}")
        assert told.status == 200
        value, *_ = orjson.loads(told.data)["values"]
        assert value["data"]["value"] == "https://id.example.cn/p/7"
    by_type = orjson.loads(ask(nodes["recursive"], f"/api/handles/{P7}?type=COST").data)
    assert by_type == {"responseCode": 200, "handle": P7}, "what is hidden there is not known here"
    page = ask(nodes["recursive"], f"/{P7}", Accept="text/html")
    assert (page.status, b"id.example.cn/p/7" in page.data) == (200, True)
    told = orjson.loads(ask(nodes["recursive"], f"/{P7}", Accept="application/json").data)
    assert told["handle"] == P7


@pytest.mark.parametrize(("path", "code"), [(f"{PREFIX}/none", 100), ("88.77/x", 301)])
def test_what_nobody_has(nodes: dict[str, Process], path: str, code: int) -> None:
    told = ask(nodes["recursive"], f"/api/handles/{path}")
    assert orjson.loads(told.data)["responseCode"] == code
    assert told.status == {100: 404, 301: 504}[code]


def test_a_dead_node_is_named_and_costs_a_bounded_time(nodes: dict[str, Process]) -> None:
    told = ask(nodes["recursive"], "/api/handles/88.9/x")
    assert (told.status, orjson.loads(told.data)["responseCode"]) == (504, 301)
    assert ask(nodes["recursive"], "/88.9/x", Accept="application/json").status == 504


def test_a_node_that_does_not_ask_names_who_knows(nodes: dict[str, Process]) -> None:
    told = ask(nodes["top"], f"/api/handles/{P7}")
    assert told.status == 400
    body = orjson.loads(told.data)
    assert (body["responseCode"], body["referral"]) == (302, f"0.NA/{PREFIX}")
    assert body["values"][0]["type"] == "HS_SITE"
    page = ask(nodes["top"], f"/{P7}", Accept="application/json")
    assert (page.status, f"node of prefix {PREFIX}" in page.data.decode()) == (404, True)
    assert orjson.loads(ask(nodes["top"], "/api/handles/88.77/x").data)["responseCode"] == 301


def test_a_node_with_a_web_address_is_led_to(nodes: dict[str, Process]) -> None:
    home = f"http://127.0.0.1:{nodes['enterprise'].ports['http']}"
    told = ask(nodes["top"], "/api/handles/88.100.7/a%20b?index=1")
    assert told.status == 307
    assert told.headers["location"] == f"{home}/api/handles/88.100.7/a%20b?index=1"
    assert orjson.loads(told.data)["responseCode"] == 303
    told = ask(nodes["top"], "/88.100.7/a%20b", Accept="text/html")
    assert (told.status, told.headers["location"]) == (307, f"{home}/88.100.7/a%20b")
