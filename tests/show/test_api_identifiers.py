"""Identifiers over the API: the grammar, what a record leads to and for whom, a silent resolver."""

import dataclasses
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from millbrain.core.errors import NotFoundError
from millbrain.core.keys import SCHEMES, parse
from millbrain.show.access import Caller
from millbrain.show.errors import ResolverDownError
from millbrain.show.resolver_client import FaceAnswer
from tests.show.conftest import VINS

API = "/api/v1/identifiers"


def key(text: str) -> dict[str, Any]:
    found = parse(text)
    scheme = SCHEMES[found.scheme]
    return {
        "scheme": found.scheme, "key": found.text, "display": found.display, "value": found.value,
        "prefix": found.prefix, "title": scheme.title, "title_zh": scheme.title_zh,
        "source": scheme.source, "attributes": [],
    }  # fmt: skip


def value(index: int, kind: str, text: str) -> dict[str, Any]:
    data = {"format": "string", "value": text}
    return {"index": index, "type": kind, "data": data, "ttl": 86_400,
            "timestamp": "2026-11-01T00:00:00Z", "is_public": True}  # fmt: skip


class StubResolver:
    """Stands for the resolver: one pack that is installed in a vehicle of North Fleet."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self.failure: Exception | None = None

    def _note(self, *told: Any) -> None:
        self.asked.append(told)
        if self.failure:
            raise self.failure

    def status(self, caller: Caller) -> dict[str, Any]:
        self._note("status", caller.name)
        return {"faces": {"handle": {"udp_packets": 5, "tcp_messages": 2}, "http": {"requests": 3}}}

    def resolve(self, caller: Caller, text: str) -> dict[str, Any]:
        self._note("resolve", caller.operator, text)
        return {
            "asked": key(text), "handle": "88.1.2/P7", "state": "found", "why": "", "by": "here",
            "path": [], "took_ms": 0.2, "hidden": 1, "aliases": [], "template": None,
            "values": [value(1, "PART_OF", f"vin:{VINS[0]}"), value(2, "pack", "88.1.2/P8")],
        }  # fmt: skip

    def node(self, caller: Caller) -> dict[str, Any]:
        self._note("node", caller.operator)
        row = {"is_homed": True, "sites": [], "state": "homed", "handles": 7}
        other = {"is_homed": False, "sites": ["x:1"], "state": "applied", "handles": None}
        return {"role": "enterprise", "prefixes": [row, other]}

    def face(self, caller: Caller, method: str, path: str, body: Any = None, **query: Any) -> Any:
        self._note(method, path, body, {k: v for k, v in query.items() if v is not None})
        return FaceAnswer(b'{"things": []}', "application/json", {"Millbrain-Pages": "2"})


@pytest.fixture
def resolver(app: FastAPI) -> Iterator[StubResolver]:
    stub = StubResolver()
    app.state.services = dataclasses.replace(app.state.services, resolver=stub)
    yield stub
    app.state.services = dataclasses.replace(app.state.services, resolver=None)


@pytest.mark.parametrize(
    ("text", "scheme"),
    [("88.100.1/p7", "hdl"), (VINS[0], "vin"), ("(01)09506000134352(21)S7", "gs1"),
     ("https://doi.org/10.1000/182", "hdl"), ("0ABPB01A1234567A11B0000001", "")],
)  # fmt: skip
def test_the_scheme_is_told_while_it_is_typed(viewer: TestClient, text: str, scheme: str) -> None:
    told = viewer.get(f"{API}/recognise", params={"text": text}).json()
    assert (told["ok"], told["scheme"]) == (bool(scheme), scheme)
    assert bool(told["reason"]) == (not scheme)


def test_a_near_miss_says_which_character_is_wrong(viewer: TestClient) -> None:
    """GB 16735 annex A by hand: LDPGABAC2JN361504 has check digit 2."""
    told = viewer.get(f"{API}/recognise", params={"text": "LDPGABAC7JN361504"}).json()
    assert "is 7 and should be 2" in told["reason"]
    assert "应为 2" in told["reason_zh"]


def test_every_scheme_has_an_example_of_its_own(viewer: TestClient) -> None:
    told = viewer.get(f"{API}/schemes").json()
    assert {s["key"] for s in told} == set(SCHEMES)
    for scheme in told:
        assert parse(scheme["example"]).scheme == scheme["key"]


def test_a_record_leads_to_the_vehicle_of_whoever_may_see_it(
    viewer: TestClient, north: TestClient, resolver: StubResolver
) -> None:
    for client, seen in ((viewer, 1), (north, 1)):
        told = client.get(f"{API}/resolve", params={"text": "88.1.2/P7"}).json()
        assert [v["vin"] for v in told["vehicles"]] == [VINS[0]][:seen]
        assert not told["vehicles"][0]["is_itself"]
        assert told["values"][1]["refers"] == "hdl:88.1.2/P8"
    assert [a[1] for a in resolver.asked] == ["", "North Fleet"]  # who asks goes along


def test_a_vehicle_of_others_is_not_shown(
    north: TestClient, resolver: StubResolver, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = resolver.resolve
    monkeypatch.setattr(
        resolver, "resolve",
        lambda caller, text: told(caller, text) | {"values": [value(1, "VIN", VINS[2])]},
    )  # fmt: skip
    assert north.get(f"{API}/resolve", params={"text": "88.1.2/P7"}).json()["vehicles"] == []
    assert north.get(f"{API}/vehicles/{VINS[2]}").status_code == 404


def test_a_vehicle_tells_its_record_and_its_packs(
    viewer: TestClient, resolver: StubResolver
) -> None:
    told = viewer.get(f"{API}/vehicles/{VINS[0]}").json()
    assert [r["kind"] for r in told["records"]] == ["vehicle", "pack"]
    assert resolver.asked[1][2] == "hdl:88.1.2/P8"


@pytest.mark.parametrize("path", ["resolve?text=88.1/x", "record?handle=88.1/x", "node",
                                  "templates", "trace/parts?thing=88.1/x", "labels"])  # fmt: skip
def test_without_a_resolver_the_answer_says_so(viewer: TestClient, path: str) -> None:
    answer = viewer.get(f"{API}/{path}")
    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "resolver_down"
    assert "resolver" in answer.json()["error"]["message"]


def test_a_silent_resolver_leaves_the_rest_alone(
    viewer: TestClient, resolver: StubResolver
) -> None:
    resolver.failure = ResolverDownError("the resolver does not answer")
    told = viewer.get(f"{API}/summary").json()
    assert (told["problem"], told["prefixes"]) == ("the resolver does not answer", 0)
    vehicle = viewer.get(f"{API}/vehicles/{VINS[0]}").json()
    assert (vehicle["records"], vehicle["problem"]) == ([], "the resolver does not answer")
    system = viewer.get("/api/v1/system").json()
    assert (system["resolver"], bool(system["resolver_problem"])) == (None, True)
    assert viewer.get(f"{API}/recognise", params={"text": "88.1/x"}).json()["ok"]


def test_the_summary_counts_and_hides_what_is_of_the_whole_node(
    viewer: TestClient, north: TestClient, resolver: StubResolver
) -> None:
    told = viewer.get(f"{API}/summary").json()
    assert {k: told[k] for k in ("prefixes", "elsewhere", "applications", "identifiers")} == {
        "prefixes": 1, "elsewhere": 1, "applications": 1, "identifiers": 7,
    }  # fmt: skip
    assert told["answers"] == 10
    assert north.get(f"{API}/summary").json()["answers"] is None


def test_what_a_face_refuses_is_refused_in_its_words(
    admin: TestClient, resolver: StubResolver
) -> None:
    resolver.failure = NotFoundError("nobody has applied for prefix '88.9'")
    answer = admin.post(f"{API}/prefixes/88.9/steps/approve", json={})
    assert (answer.status_code, answer.json()["error"]["message"]) == (
        404, "nobody has applied for prefix '88.9'",
    )  # fmt: skip


def test_requests_reach_the_faces_as_they_are_meant(
    admin: TestClient, resolver: StubResolver
) -> None:
    admin.post(f"{API}/prefixes/88.9/steps/reject", json={"reason": "no licence"})
    admin.get(f"{API}/trace/uses", params={"thing": "88.1/a b", "levels": 2, "rows": 10})
    admin.get(f"{API}/recall", params={"thing": ["88.1/a", "88.1/b"], "from": "2026-01-01T00:00"})
    order = {"identifiers": ["88.1/a"], "design": "part", "stock": "roll-50x25", "format": "svg"}
    printed = admin.post(f"{API}/labels/sheets", json=order)
    assert printed.headers["millbrain-pages"] == "2"
    assert resolver.asked == [
        ("POST", "/api/v1/node/applications/88.9/reject", {"reason": "no licence"}, {}),
        ("GET", "/trace/uses/88.1%2Fa%20b", None, {"at": "", "levels": 2, "perPage": 10}),
        ("GET", "/recall", None, {"thing": ["88.1/a", "88.1/b"], "station": "", "perPage": 200,
                                  "from": "2026-01-01T00:00:00+00:00"}),
        ("POST", "/labels/sheets", order, {}),
    ]  # fmt: skip


def test_a_qr_code_is_a_picture(viewer: TestClient) -> None:
    answer = viewer.get(f"{API}/qr.svg", params={"text": "88.100.1/P7"})
    assert answer.headers["content-type"].startswith("image/svg+xml")
    assert b"http://www.w3.org/2000/svg" in answer.content
    assert viewer.get(f"{API}/qr.svg", params={"text": "8" * 1500}).status_code == 422
