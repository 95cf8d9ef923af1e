"""The desk of a real resolver process: what our own pages are told, and nobody else."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
import urllib3

from millbrain.core.errors import NotFoundError, RefusedError
from millbrain.record.ledger import Role
from millbrain.run import run_files
from millbrain.show.access import Caller
from millbrain.show.errors import ResolverDownError
from millbrain.show.resolver_client import ResolverClient
from tests.engines import Process
from tests.identify.asking import ask, proof, put
from tests.identify.resolver import ADMIN as ADMIN_VALUE
from tests.identify.resolver import PREFIX, prepare, resolver

pytestmark = pytest.mark.slow


def caller(name: str = "reader", role: Role = Role.VIEWER, operator: str = "") -> Caller:
    return Caller(name, role, operator, "", "", "cookie", "192.0.2.7")


READER, ADMIN = caller(), caller("root", Role.ADMIN)


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    folder = tmp_path_factory.mktemp("node")
    prepare(folder)
    with resolver(folder) as running:
        yield running


@pytest.fixture(scope="module")
def client(node: Process) -> ResolverClient:
    key = json.loads((node.data / "secrets.json").read_text("utf-8"))["internal_key"]
    return ResolverClient(lambda: node.ports, key)


def types(told: dict[str, Any]) -> list[str]:
    return [v["type"] for v in told["values"]]


def test_a_reader_is_told_what_everybody_may_read(client: ResolverClient) -> None:
    told = client.resolve(READER, f"https://hdl.handle.net/{PREFIX}/p7")
    assert (told["state"], told["by"], told["path"]) == ("found", "here", [])
    assert told["asked"]["scheme"] == "hdl"
    assert (types(told), told["hidden"]) == (["URL", "HS_ADMIN"], 1)
    assert 0 < told["took_ms"] < 1000


def test_an_administrator_sees_all_of_it(client: ResolverClient) -> None:
    told = client.resolve(ADMIN, f"{PREFIX}/P7")
    assert (types(told), told["hidden"]) == (["URL", "COST", "HS_ADMIN"], 0)
    assert [v["is_public"] for v in told["values"]] == [True, False, True]


def test_an_administrator_of_one_organisation_is_none_of_the_node(client: ResolverClient) -> None:
    told = client.resolve(caller("north", Role.ADMIN, "North Fleet"), f"{PREFIX}/P7")
    assert "COST" not in types(told)


@pytest.mark.parametrize(
    ("text", "state"),
    [(f"{PREFIX}/NO", "none"), ("88.999.1/X", "unknown"), ("vin:LSVAU2A37N2183294", "unknown")],
)
def test_what_is_not_there_is_said_with_the_reason(
    client: ResolverClient, text: str, state: str
) -> None:
    told = client.resolve(READER, text)
    assert (told["state"], told["values"]) == (state, [])
    assert told["why"]


def test_text_that_no_scheme_knows_is_refused_in_words(client: ResolverClient) -> None:
    with pytest.raises(Exception, match="fits no scheme"):
        client.resolve(READER, "nonsense")


def test_an_alias_leads_to_its_record(client: ResolverClient, node: Process) -> None:
    vin = "LDPGABAC2JN361504"
    handle = put(node, "car", {"index": 1, "type": "ALIAS", "data": f"vin:{vin}"})
    told = client.resolve(READER, vin)
    assert (told["handle"], told["asked"]["scheme"]) == (handle.upper(), "vin")
    assert [a["key"] for a in told["aliases"]] == [f"vin:{vin}"]


def test_the_past_of_a_record(client: ResolverClient, node: Process) -> None:
    handle = put(node, "gear", {"index": 1, "type": "MASS", "data": "8.1"}, ADMIN_VALUE)
    time.sleep(0.01)
    between_ms = int(time.time() * 1000)
    time.sleep(0.01)
    body = {"values": [{"index": 1, "type": "MASS", "data": "8.4"}]}
    changed = ask(node, f"/api/handles/{handle}?index=1", "PUT", body, **proof())
    assert changed.status == 200
    told = client.record(ADMIN, handle, None)
    masses = [[v["data"]["value"] for v in form["values"] if v["type"] == "MASS"]
              for form in told["versions"]]  # fmt: skip
    assert masses == [[], ["8.1"], ["8.4"]]
    assert [form["was_there"] for form in told["versions"]] == [False, True, True]
    assert [(line["verb"], line["chain"]) for line in told["lines"]] == [
        ("create", "sound"), ("put", "sound"),
    ]  # fmt: skip
    assert told["lines"][0]["face"] == "handle_json"
    then = client.record(ADMIN, handle, between_ms)
    assert [v["data"]["value"] for v in then["values"] if v["type"] == "MASS"] == ["8.1"]
    public = client.record(READER, handle, between_ms)
    assert (public["values"], public["versions"][1]["values"]) == ([], None)
    assert not public["is_reader"]


def test_a_grant_to_an_organisation_is_one_to_its_accounts(
    client: ResolverClient, node: Process
) -> None:
    grant = {"to": {"handle": "organisation:^North ^Fleet", "index": 1}, "fields": [1]}
    handle = put(node, "priced", {"index": 1, "type": "PRICE", "data": "9", "permissions": "1100"},
                 {"index": 2, "type": "NOTE", "data": "x", "permissions": "1100"}, ADMIN_VALUE,
                 {"index": 3, "type": "GRANT", "data": json.dumps(grant)})  # fmt: skip
    told = client.resolve(caller("n", operator="North Fleet"), handle)
    assert ("PRICE" in types(told), "NOTE" in types(told)) == (True, False)
    for other in (caller("s", operator="north fleet"), caller("n"), caller("North Fleet")):
        assert "PRICE" not in types(client.resolve(other, handle))


def test_a_record_that_never_was_is_not_found(client: ResolverClient) -> None:
    with pytest.raises(NotFoundError):
        client.record(ADMIN, f"{PREFIX}/never", None)


def test_an_administrator_takes_the_steps_of_a_prefix_through_its_face(
    client: ResolverClient,
) -> None:
    body = {"prefix": "88.100.1.5", "organisation": "North Fleet", "contact": "Li Wei"}
    client.face(ADMIN, "POST", "/api/v1/node/applications", body)
    client.face(ADMIN, "POST", "/api/v1/node/applications/88.100.1.5/approve", {})
    with pytest.raises(RefusedError):
        client.face(READER, "POST", "/api/v1/node/applications/88.100.1.5/home", {})
    client.face(ADMIN, "POST", "/api/v1/node/applications/88.100.1.5/home", {})
    full = {p["prefix"]: p for p in client.node(ADMIN)["prefixes"]}
    assert (full["88.100.1.5"]["state"], full["88.100.1.5"]["is_homed"]) == ("homed", True)
    seen = {p["prefix"]: p for p in client.node(READER)["prefixes"]}
    assert (seen["88.100.1.5"]["contact"], seen["88.100.1.5"]["actions"]) == ("", [])
    mine = client.node(caller("north", Role.OPERATOR, "North Fleet"))["prefixes"]
    assert [p["prefix"] for p in mine] == [PREFIX, "88.100.1.5"]
    assert client.node(caller("x", Role.OPERATOR, "South"))["prefixes"] == []


def test_status_tells_ports_and_counts(client: ResolverClient) -> None:
    told = client.status(READER)
    assert set(told["ports"]) >= {"handle", "http", "desk"}
    assert told["homed"] >= 1
    assert told["waiting"] == 0
    assert told["keys_about"] > 3


@pytest.mark.parametrize("header", [{}, {"Authorization": "Millbrain x.y"}, proof()])
def test_nobody_else_is_answered(node: Process, header: dict[str, str]) -> None:
    url = f"http://127.0.0.1:{node.ports['desk']}/desk/status"
    answer = urllib3.request("GET", url, headers=header, retries=False)
    assert answer.status == 403


def test_without_a_resolver_the_client_says_so() -> None:
    with pytest.raises(ResolverDownError, match="not running"):
        ResolverClient(lambda: None, "k").status(READER)
    with pytest.raises(ResolverDownError, match="does not answer"):
        ResolverClient(lambda: {"desk": 9}, "k").status(READER)


def test_the_run_file_names_the_desk(node: Process) -> None:
    found = run_files.read(node.data / "run" / "resolver.json")
    assert found is not None
    assert found["ports"]["desk"] == node.ports["desk"]
