"""GET of any identifier in a real process: links of our own host, forms, rights, the past."""

import json
from collections.abc import Iterator

import pytest

from tests.engines import Process
from tests.identify.asking import ask, proof, put
from tests.identify.resolver import ADMIN, prepare, resolver

VIN = "LDPGABAC2JN361504"
LINK = "http://id.maker.example/p/7?s=Ab"
PHONE = "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    folder = tmp_path_factory.mktemp("node")
    prepare(folder)
    with resolver(folder) as running:
        put(running, "Pack", ADMIN,
            {"index": 1, "type": "URL", "data": "https://m.example/<pack>"},
            {"index": 2, "type": "EVIL", "data": "<script>alert(1)</script> javascript:alert(1)"},
            {"index": 3, "type": "COST", "data": "secret-17", "permissions": "1100"},
            {"index": 4, "type": "ALIAS", "data": VIN},
            {"index": 5, "type": "ALIAS", "data": LINK})  # fmt: skip
        yield running


@pytest.mark.parametrize(
    "path", ["/88.100.1/pack", "/hdl:88.100.1/Pack", f"/{VIN}", f"/vin:{VIN}", f"/{LINK}",
             "/https://hdl.handle.net/88.100.1/PACK", "/88.100.1/p%61ck"],
)  # fmt: skip
def test_every_identifier_leads_to_the_record(node: Process, path: str) -> None:
    told = ask(node, path).json()
    assert told["handle"] == "88.100.1/PACK"
    assert {(a["scheme"], a["display"]) for a in told["aliases"]} == {("vin", VIN), ("url", LINK)}
    assert {v["type"] for v in told["values"]} == {"URL", "EVIL", "ALIAS", "HS_ADMIN"}


def test_a_link_of_our_own_host_is_the_record(node: Process) -> None:
    told = ask(node, "/p/7?s=Ab", Host="ID.maker.example").json()
    assert (told["scheme"], told["handle"]) == ("url", "88.100.1/PACK")
    # IEC 61406-1: path and query with their case, and another host's link is another item.
    assert ask(node, "/p/7?s=ab", Host="id.maker.example").status == 404
    assert ask(node, "/P/7?s=Ab", Host="id.maker.example").status == 404
    assert ask(node, "/p/7?s=Ab", Host="id.other.example").status == 404


@pytest.mark.parametrize(("language", "word"), [("zh-CN,zh;q=0.9", "标识记录"), ("en", "Record")])
def test_a_phone_sees_a_page(node: Process, language: str, word: str) -> None:
    answer = ask(node, f"/{VIN}", Accept=PHONE, Accept_Language=language)
    page = answer.data.decode()
    assert answer.headers["content-type"].startswith("text/html")
    assert word in page
    assert f"<h1>{VIN}</h1>" in page
    assert 'href="https://m.example/&lt;pack&gt;"' in page
    assert "<script" not in page
    assert "secret-17" not in page
    assert "script-src" not in answer.headers["content-security-policy"]
    assert "secret-17" in ask(node, f"/{VIN}", Accept=PHONE, **proof()).data.decode()


def test_the_record_in_linked_data(node: Process) -> None:
    answer = ask(node, f"/{VIN}", Accept="application/ld+json")
    assert answer.headers["content-type"] == "application/ld+json"
    told = json.loads(answer.data)
    assert told["@id"].endswith("/88.100.1/PACK")
    assert {p["name"]: p["value"] for p in told["additionalProperty"]}["URL"] == (
        "https://m.example/<pack>"
    )
    assert {i["propertyID"] for i in told["identifier"]} == {"hdl", "vin", "url"}


@pytest.mark.parametrize("accept", ["application/json", PHONE])
def test_what_is_not_there_is_said(node: Process, accept: str) -> None:
    answer = ask(node, "/88.100.1/<none>", Accept=accept)
    assert answer.status == 404
    assert b"<none>" not in answer.data or accept == "application/json"
    assert ask(node, "/nothing-known", Accept=accept).status == 404
    assert ask(node, f"/{VIN}", Accept="image/png").status == 406
    assert ask(node, f"/{VIN}", Accept=accept, **proof(secret="no")).status == 401


def test_the_past_is_for_those_who_may_read_the_prefix(node: Process) -> None:
    put(node, "past", ADMIN, {"index": 1, "type": "NOTE", "data": "taken back"})
    put(node, "past", ADMIN, {"index": 1, "type": "NOTE", "data": "new"})
    path = "/88.100.1/past?view=history"
    assert [set(v) for v in ask(node, path).json()["versions"]] == [{"until_ms"}] * 2
    assert b"taken back" not in ask(node, path, Accept=PHONE).data
    first, second = ask(node, path, **proof()).json()["versions"]
    assert first["values"] == []
    assert "taken back" in [v["data"]["value"] for v in second["values"]]
    assert b"taken back" in ask(node, path, Accept=PHONE, **proof()).data
