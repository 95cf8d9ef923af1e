"""Application, audit, route and home of a prefix over the API; quotas and takedowns on the wire."""

import base64
import contextlib
import json
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from millbrain.core.keys import handle_key
from millbrain.core.nodes.prefixes import APPLICATION, Taken
from millbrain.core.records import Value, store_form
from millbrain.core.registry import Asker, Change, Reason, RegistryError, Verb
from millbrain.identify.handle import challenge
from millbrain.identify.handle import fields as f
from millbrain.identify.handle.codec import Message
from millbrain.identify.handle.framing import Envelope
from millbrain.identify.handle.node_api import routes
from millbrain.identify.handle.responder import CODES
from millbrain.identify.handle.sites import web_addresses
from millbrain.record.identifiers import RocksIdentifiers, StoredRegistry
from tests.identify.handle.node import ROOT, Client, Node

SECRET = "r00t"
URL = Value(1, "URL", b"https://id.example.cn/p/7")
BASE = "/api/v1/node"


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    """A secondary node for 88.1 whose administrator 300:0.NA/88.1 has a secret key."""
    running = Node(tmp_path / "store")
    key = Value(300, "HS_SECKEY", SECRET.encode(), permissions=12)
    running.registry.load(
        [(handle_key("0.NA/88.1"), store_form([key])),
         (handle_key("88.1/user"), store_form([Value(300, "HS_SECKEY", b"other")]))],
        Asker(ROOT), "test",
    )  # fmt: skip
    yield running
    running.close()


@pytest.fixture
def api(node: Node) -> TestClient:
    client = TestClient(Starlette(routes=routes(node.registry)))
    client.headers["authorization"] = basic("300:0.NA/88.1", SECRET)
    return client


def basic(name: str, secret: str) -> str:
    told = f"{name.replace(':', '%3A')}:{secret}".encode()
    return f"Basic {base64.b64encode(told).decode()}"


def proof(answer: Message, packet: bytes) -> Message:
    """Answer a challenge with the administrator's secret."""
    digest = challenge.request_digest(packet)
    signed = challenge.sign_secret(SECRET.encode(), answer.body["nonce"], digest, bytes(16))
    body = {"authentication": "HS_SECKEY", "handle": ROOT.handle, "index": 300, "response": signed}
    envelope = Envelope(session=answer.envelope.session, request=answer.envelope.request)
    return Message(f.CHALLENGE_ANSWER, body, envelope=envelope)


def resolve(node: Node, handle: str, flags: int = f.PUBLIC_ONLY) -> Message:
    client = Client(node.port, "udp")
    try:
        body = {"handle": handle, "indexes": (), "types": ()}
        return client.ask(Message(f.RESOLVE, body, flags=flags))
    finally:
        client.close()


def make(node: Node, verb: Verb, handle: str, *values: Value) -> Reason | None:
    over, errors = threading.Event(), []

    def done(refused: Sequence[Any]) -> None:
        errors.extend(refused)
        over.set()

    node.registry.apply((Change(verb, handle, Asker(ROOT), values or (URL,)),), done)
    assert over.wait(10)
    if errors[0] is None:
        return None
    assert isinstance(errors[0], RegistryError)
    return errors[0].reason


def applied(api: TestClient, prefix: str, *steps: tuple[str, dict[str, str]]) -> None:
    told = {"prefix": prefix, "organisation": "Wheel works", "contact": "office"}
    answer = api.post(f"{BASE}/applications", json=told)
    assert (answer.status_code, answer.json()["state"]) == (200, "applied")
    for action, texts in steps:
        answer = api.post(f"{BASE}/applications/{prefix}/{action}", json=texts)
        assert answer.status_code == 200, answer.text


def test_a_prefix_goes_from_application_to_service_and_out_again(
    node: Node, api: TestClient
) -> None:
    assert resolve(node, "88.1.7/x").code == f.NOT_FOUND
    applied(api, "88.1.7", ("approve", {}), ("route", {"site": "127.0.0.1:2650"}))
    answer = resolve(node, "88.1.7/x")
    assert (answer.code, answer.body["handle"]) == (f.SERVICE_REFERRAL, "0.NA/88.1.7")
    (home,) = (api.post(f"{BASE}/applications/88.1.7/home", json={}),)
    assert (home.json()["state"], home.json()["title_zh"]) == ("homed", "已入驻")
    assert home.json()["actions"] == ["unhome"]
    gone = api.post(f"{BASE}/applications/88.1.7/unhome", json={"reason": "closed down"})
    assert gone.json()["state"] == "withdrawn"
    assert resolve(node, "88.1.7/x").code == f.NOT_FOUND
    lines = api.get(f"{BASE}/audit", params={"prefix": "88.1.7"}).json()["lines"]
    assert [line["verb"] for line in lines] == [
        "prefix_apply", "prefix_approve", "create", "prefix_route", "prefix_home", "delete",
        "prefix_unhome",
    ]  # fmt: skip
    assert {line["who"] for line in lines} == {"300:0.NA/88.1"}
    assert lines[-1]["reason"] == "closed down"
    assert node.registry.check_audit() == ""


def test_a_route_may_name_a_port_for_browsers(node: Node, api: TestClient) -> None:
    applied(api, "88.1.7", ("approve", {}))
    told = {"site": "127.0.0.1:2650", "http_port": 8000}
    assert api.post(f"{BASE}/applications/88.1.7/route", json=told).status_code == 200
    route = node.registry.route("88.1.7/x")
    assert route is not None
    assert web_addresses(route.sites) == ["http://127.0.0.1:8000"]


def test_a_prefix_without_a_site_is_homed_here(node: Node, api: TestClient) -> None:
    applied(api, "88.2", ("approve", {}), ("home", {}))
    assert node.registry.is_homed("88.2/x")
    assert make(node, Verb.CREATE, "88.2/x") is None
    assert [resolve(node, "88.2/x").code for _ in range(2)] == [f.OK, f.OK]
    api.post(f"{BASE}/applications/88.2/unhome", json={"reason": "moved"})
    assert not node.registry.is_homed("88.2/x")
    assert resolve(node, "88.2/x").code == f.NO_RESPONSE, "op 301 is a switch, nothing is deleted"
    again = StoredRegistry(node.store, [ROOT])
    assert again.get_many([handle_key("88.2/x")]) == [None], "also after a restart"
    again.close()
    api.post(f"{BASE}/applications/88.2/home", json={})
    assert resolve(node, "88.2/x").code == f.OK


@pytest.mark.parametrize(("steps", "action", "texts", "status"), [
    ((), "route", {"site": "127.0.0.1:2650"}, 409),
    ((), "reject", {}, 400),
    ((), "fly", {}, 409),
    (("approve",), "approve", {}, 409),
    (("approve",), "route", {}, 400),
    (("approve",), "route", {"site": "nowhere"}, 400),
    (("approve",), "route", {"site": "127.0.0.1:99999"}, 400),
    (("approve",), "home", {"colour": "red"}, 400),
    (("approve",), "route", {"site": "127.0.0.1:2650", "http_port": "x"}, 400),
    (("approve",), "route", {"site": "127.0.0.1:2650", "http_port": 70_000}, 400),
])  # fmt: skip
def test_a_step_that_is_not_possible_changes_nothing(
    node: Node, api: TestClient, steps: tuple[str, ...], action: str, texts: Any, status: int
) -> None:
    applied(api, "88.1.7", *((step, {}) for step in steps))
    before = api.get(f"{BASE}/applications/88.1.7").json()
    answer = api.post(f"{BASE}/applications/88.1.7/{action}", json=texts)
    assert (answer.status_code, bool(answer.json()["error"])) == (status, True)
    assert api.get(f"{BASE}/applications/88.1.7").json() == before
    assert resolve(node, "88.1.7/x").code == f.NOT_FOUND


def test_a_rejected_prefix_may_be_applied_for_again(api: TestClient) -> None:
    applied(api, "88.1.7", ("reject", {"reason": "no licence"}))
    assert api.get(f"{BASE}/applications/88.1.7").json()["reason"] == "no licence"
    applied(api, "88.1.7")
    again = {"prefix": "88.1.7", "organisation": "x", "contact": ""}
    assert api.post(f"{BASE}/applications", json=again).status_code == 409


def test_applications_are_found_by_state_holder_and_text(api: TestClient) -> None:
    for number, (name, steps) in enumerate([("A works", ()), ("B works", ("approve",))]):
        body = {"prefix": f"88.1.{number}", "organisation": name, "contact": f"room {number}"}
        api.post(f"{BASE}/applications", json=body)
        for step in steps:
            api.post(f"{BASE}/applications/88.1.{number}/{step}", json={})

    def found(**asked: Any) -> list[str]:
        answer = api.get(f"{BASE}/applications", params=asked)
        assert answer.status_code == 200, answer.text
        return [told["prefix"] for told in answer.json()]

    assert found() == ["88.1.0", "88.1.1"]
    assert found(state="approved") == ["88.1.1"]
    assert found(organisation="A works") == found(text="ROOM 0") == ["88.1.0"]
    assert found(text="works", count=1) == ["88.1.0"]
    assert found(text="works", count=1, after="88.1.0") == ["88.1.1"]
    for wrong in ({"state": "lost"}, {"count": "0"}, {"count": "many"}, {"count": "501"}):
        assert api.get(f"{BASE}/applications", params=wrong).status_code == 400


def test_history_of_a_prefix(node: Node, api: TestClient) -> None:
    applied(api, "88.1.7", ("reject", {"reason": "no licence"}))
    applied(api, "88.1.7", ("approve", {"reason": "licence 7"}))
    api.put(f"{BASE}/applications/88.1.7/quotas", json={"handles_max": 5})
    node.registry.close()
    node.registry = StoredRegistry(node.store, [ROOT])
    told = [vars_of(t) for t in node.registry.prefixes.taken("88.1.7")]
    assert told == [
        ("apply", "applied", "", None), ("reject", "rejected", "no licence", None),
        ("apply", "applied", "", None), ("approve", "approved", "licence 7", None),
        ("limit", "approved", "licence 7", 5),
    ]  # fmt: skip
    answer = api.get(f"{BASE}/applications/88.1.7/history").json()
    assert {step["who"] for step in answer} == {"300:0.NA/88.1"}
    assert [step["title_zh"] for step in answer][1] == "审核驳回"
    assert api.get(f"{BASE}/applications/88.9/history").status_code == 404


def vars_of(step: Taken) -> tuple[str, str, str, int | None]:
    return step.action, step.state, step.reason, step.handles_max


def test_every_state_is_reached_and_left_as_declared() -> None:
    assert APPLICATION.allowed("applied") == ("approve", "reject")
    assert APPLICATION.allowed("withdrawn") == ("route", "home")


@pytest.mark.parametrize(("name", "secret", "status"), [
    ("", "", 401), ("300:0.NA/88.1", "wrong", 401), ("300:88.1/user", "other", 403),
])  # fmt: skip
def test_administrators_only(
    node: Node, api: TestClient, name: str, secret: str, status: int
) -> None:
    headers = {"authorization": basic(name, secret) if name else ""}
    for method, path in (
        ("GET", "applications"), ("POST", "applications"), ("GET", "applications/88.1"),
        ("POST", "applications/88.1/approve"), ("PUT", "applications/88.1/quotas"),
        ("GET", "takedowns"), ("POST", "takedowns"), ("DELETE", "takedowns"), ("GET", "audit"),
    ):  # fmt: skip
        answer = api.request(method, f"{BASE}/{path}", headers=headers, json={})
        assert answer.status_code == status, path
    with pytest.raises(RegistryError):
        node.registry.prefixes.take_down(Asker(None), "88.1", "no right")


# Quotas -----------------------------------------------------------------------------------------


def test_a_quota_of_identifiers_holds_over_deletes_loads_and_restarts(
    tmp_path: Path, node: Node, api: TestClient
) -> None:
    applied(api, "88.3", ("approve", {}), ("home", {}))
    assert make(node, Verb.CREATE, "88.3/a") is None
    told = api.put(f"{BASE}/applications/88.3/quotas", json={"handles_max": 3}).json()
    assert (told["handles_max"], told["handles"]) == (3, 1), "what was there is counted"
    assert [make(node, Verb.CREATE, f"88.3/{n}") for n in "bcd"] == [
        None, None, Reason.HANDLE_QUOTA,
    ]  # fmt: skip
    assert make(node, Verb.CREATE, "88.4/elsewhere") is None
    assert make(node, Verb.DELETE, "88.3/a") is None
    assert make(node, Verb.CREATE, "88.3/d") is None
    node.registry.load([(handle_key("88.3/e"), store_form([URL]))], Asker(ROOT), "test")
    assert node.registry.prefixes.handles("88.3") == 4
    assert make(node, Verb.CREATE, "88.3/f") is Reason.HANDLE_QUOTA
    assert make(node, Verb.MODIFY, "88.3/e") is None, "what is there may be changed"
    node.registry.close()
    again = StoredRegistry(node.store, [ROOT])
    assert again.prefixes.handles("88.3") == 4
    assert again.prefixes.application("88.3").handles_max == 3
    node.registry = again


def test_quotas_answer_with_the_codes_of_the_national_system(node: Node, api: TestClient) -> None:
    applied(api, "88.1", ("approve", {}))
    api.put(f"{BASE}/applications/88.1/quotas", json={"handles_max": 0, "prefixes_max": 1})
    client = Client(node.port, "tcp")
    with contextlib.closing(client):
        request = Message(f.CREATE, {"handle": "88.1/new", "values": (URL,)})
        assert client.ask(request, proof).code == 604
    assert make(node, Verb.CREATE, "0.NA/88.1.1") is Reason.PREFIX_QUOTA, "never applied for"
    assert CODES[Reason.PREFIX_QUOTA] == 605
    applied(api, "88.1.5")
    body = {"prefix": "88.1.6", "organisation": "Late ones", "contact": ""}
    refused = api.post(f"{BASE}/applications", json=body)
    assert (refused.status_code, "1 prefixes" in refused.text) == (403, True)
    assert make(node, Verb.CREATE, "0.NA/88.1.6") is Reason.PREFIX_QUOTA


@pytest.mark.parametrize("limit", [-1, "7", 1.5, True, 1 << 53])
def test_a_quota_is_a_whole_number(api: TestClient, limit: Any) -> None:
    applied(api, "88.1.7")
    answer = api.put(f"{BASE}/applications/88.1.7/quotas", json={"handles_max": limit})
    assert answer.status_code == 400


# Takedowns --------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", ["88.1/p7", "88.1", "88"])
def test_what_is_taken_down_is_not_found_by_anybody_and_not_changed(
    tmp_path: Path, node: Node, api: TestClient, target: str
) -> None:
    assert make(node, Verb.CREATE, "88.1/P7") is None
    assert resolve(node, "88.1/p7").code == f.OK
    assert resolve(node, "88.1/p7").code == f.OK, "kept ready by now"
    body = {"target": target, "reason": "order 7 of the authority"}
    assert api.post(f"{BASE}/takedowns", json=body).status_code == 200
    assert resolve(node, "88.1/p7").code == f.NOT_FOUND
    assert resolve(node, "88.1/p7", 0).code == f.NOT_FOUND
    assert make(node, Verb.MODIFY, "88.1/P7") is Reason.DENIED
    assert node.registry.history("88.1/P7") == []
    assert "88.1/P7" not in node.registry.names("88.1", Asker(ROOT), "", 10)
    (told,) = api.get(f"{BASE}/takedowns").json()
    assert (told["reason"], told["who"]) == ("order 7 of the authority", "300:0.NA/88.1")
    reopened = StoredRegistry(node.store, [ROOT])
    assert reopened.is_taken_down("88.1/P7"), "also after a restart"
    reopened.close()
    assert api.request("DELETE", f"{BASE}/takedowns", json=body).status_code == 200
    assert resolve(node, "88.1/p7").code == f.OK
    assert api.request("DELETE", f"{BASE}/takedowns", json=body).status_code == 404
    lines = [json.loads(line) for line in node.registry.audit()]
    assert [x["reason"] for x in lines if x["verb"] in ("take_down", "restore")] == [
        "order 7 of the authority", "order 7 of the authority",
    ]  # fmt: skip


def test_a_takedown_needs_a_target_and_a_reason(api: TestClient) -> None:
    for body in ({"target": "88.1"}, {"reason": "x"}, {"target": "88.1", "reason": "x" * 1_001}):
        assert api.post(f"{BASE}/takedowns", json=body).status_code == 400


def test_a_neighbour_is_answered(node: Node, api: TestClient) -> None:
    assert make(node, Verb.CREATE, "88.1/P7") is None
    for target in ("88.1/P", "88.1/P77", "88.11", "8"):
        api.post(f"{BASE}/takedowns", json={"target": target, "reason": "x"})
    assert resolve(node, "88.1/P7").code == f.OK


def test_what_was_decided_survives(tmp_path: Path) -> None:
    store = RocksIdentifiers(tmp_path / "one")
    registry = StoredRegistry(store, [ROOT])
    registry.prefixes.apply_for(Asker(ROOT), "88.9", organisation="A", contact="")
    registry.prefixes.act(Asker(ROOT), "88.9", "approve", {})
    registry.close()
    store.close()
    store = RocksIdentifiers(tmp_path / "one")
    registry = StoredRegistry(store, [ROOT])
    assert registry.prefixes.application("88.9").state == "approved"
    assert registry.check_audit() == ""
    registry.close()
    store.close()


def test_more_homed_prefixes_than_a_page_of_the_store_survive_a_restart(tmp_path: Path) -> None:
    store = RocksIdentifiers(tmp_path / "one")
    store.put_many([(b"\0p88.%d" % n, b"\1") for n in range(10_001)])
    registry = StoredRegistry(store, [ROOT])
    assert len(registry.homed()) == 10_001
    registry.close()
    store.close()
