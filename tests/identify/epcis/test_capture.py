"""Capture and query of events in a real process: ids, rights, pages, what is refused, a kill."""

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.engines import Process
from tests.identify.asking import ask, proof
from tests.identify.resolver import prepare, resolver

CONTEXT = ["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld",
           {"our": "https://ns.example.com/epcis/"}]  # fmt: skip
PACK = "https://id.gs1.org/01/09506000134352/21/PACK"
CELL = "urn:epc:id:sgtin:9506000.013435.CELL"

pytestmark = pytest.mark.slow


def event(hour: int, **more: Any) -> dict[str, Any]:
    return {
        "type": "ObjectEvent", "eventTime": f"2026-03-04T{hour:02}:00:00+08:00",
        "eventTimeZoneOffset": "+08:00", "action": "OBSERVE", "epcList": [CELL],
        "bizStep": "inspecting", **more,
    }  # fmt: skip


JOINED = {
    "type": "AggregationEvent", "eventTime": "2026-03-04T12:00:00+08:00",
    "eventTimeZoneOffset": "+08:00", "action": "ADD", "parentID": PACK, "childEPCs": [CELL],
    "bizStep": "urn:epcglobal:cbv:bizstep:packing", "our:line": "L2",
}  # fmt: skip


def document(*events: Any) -> dict[str, Any]:
    return {
        "@context": CONTEXT, "type": "EPCISDocument", "schemaVersion": "2.0",
        "creationDate": "2026-03-05T00:00:00Z", "epcisBody": {"eventList": list(events)},
    }  # fmt: skip


def capture(node: Process, *events: Any, **headers: str) -> dict[str, Any]:
    answer = ask(node, "/capture", "POST", document(*events), **(proof() | headers))
    assert answer.status == 202, answer.data
    told: dict[str, Any] = answer.json()
    assert answer.headers["location"].endswith(f"/capture/{told['captureID']}")
    return told


def found(node: Process, path: str, **headers: str) -> list[dict[str, Any]]:
    answer = ask(node, path, **(headers or proof()))
    assert answer.status == 200, answer.data
    told: list[dict[str, Any]] = answer.json()["epcisBody"]["queryResults"]["resultsBody"][
        "eventList"
    ]
    return told


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    folder = tmp_path_factory.mktemp("node")
    prepare(folder)
    with resolver(folder) as running:
        assert capture(running, event(10), event(11, bizStep="storing"), JOINED)["success"]
        capture(running, event(9, epcList=["urn:epc:id:sscc:9506000.0134352001"]),
                Millbrain_Events="public")  # fmt: skip
        yield running


@pytest.mark.parametrize(
    ("path", "hours"),
    [
        ("/events", [12, 11, 10, 9]),
        (f"/events?MATCH_epc={CELL}", [12, 11, 10]),
        ("/events?MATCH_epc=https://id.gs1.org/01/09506000134352/21/CELL", [12, 11, 10]),
        (f"/events?MATCH_parentID={PACK},urn:x:y", [12]),
        (f"/epcs/{quote(PACK, safe='')}/events", [12]),
        (f"/epcs/{CELL}/events?EQ_bizStep=storing,packing", [12, 11]),
        ("/eventTypes/AggregationEvent/events", [12]),
        ("/bizSteps/inspecting/events", [10, 9]),
        ("/bizSteps/https%3A%2F%2Fref.gs1.org%2Fcbv%2FBizStep-packing/events", [12]),
        ("/events?GE_eventTime=2026-03-04T02:00:00Z&LT_eventTime=2026-03-04T12:00:00%2B08:00",
         [11, 10]),
        ("/events?eventCountLimit=2", [12, 11]),
        ("/events?GE_recordTime=2999-01-01T00:00:00Z", []),
        ("/events?EXISTS_errorDeclaration=true", []),
    ],
)  # fmt: skip
def test_queries(node: Process, path: str, hours: list[int]) -> None:
    assert [int(e["eventTime"][11:13]) for e in found(node, path)] == hours


def test_pages_follow_the_link(node: Process) -> None:
    path, hours = "/events?perPage=3", []
    for _ in range(2):
        answer = ask(node, path, **proof())
        told = answer.json()["epcisBody"]["queryResults"]["resultsBody"]["eventList"]
        hours.append([int(e["eventTime"][11:13]) for e in told])
        link = answer.headers.get("link", "")
        path = link[link.find("/events") : link.find(">")]
    assert hours == [[12, 11, 10], [9]]
    assert link == ""


def test_an_event_is_captured_once(node: Process) -> None:
    (joined,) = found(node, "/eventTypes/AggregationEvent/events")
    # Said in other words it is the same event: the other form of the thing, its members turned.
    again = dict(reversed(JOINED.items())) | {
        "childEPCs": ["https://id.gs1.org/01/09506000134352/21/CELL"], "bizStep": "packing",
        "eventTime": "2026-03-04T04:00:00Z",
    }  # fmt: skip
    assert capture(node, again, JOINED)["success"]
    assert len(found(node, "/eventTypes/AggregationEvent/events")) == 1
    assert joined["eventID"].startswith("ni:///sha-256;")
    assert joined["our:line"] == "L2"
    assert joined["@context"] == {"our": "https://ns.example.com/epcis/"}
    one = ask(node, f"/events/{quote(joined['eventID'], safe='')}", **proof())
    assert one.json() == joined


def test_an_id_of_ones_own_means_one_event(node: Process) -> None:
    name = f"urn:uuid:{uuid.uuid4()}"
    first = event(1, eventID=name)
    assert ask(node, "/events", "POST", first, **proof()).status == 201
    assert ask(node, "/events", "POST", first, **proof()).status == 201
    refused = ask(node, "/events", "POST", event(2, eventID=name), **proof())
    assert refused.status == 400
    assert "another event" in refused.json()["detail"]
    wrong = first | {"errorDeclaration": {"declarationTime": "2026-03-05T00:00:00Z"}}
    assert ask(node, "/events", "POST", wrong, **proof()).status == 201
    declared = found(node, "/events?EXISTS_errorDeclaration=true")
    assert [e["eventID"] for e in declared] == [name]


def test_a_wrong_event_takes_the_others_with_it_unless_asked(node: Process) -> None:
    wrong, right = event(3, action="EAT"), event(4, bizStep="loading")
    report = capture(node, right, wrong)
    assert not report["success"]
    assert report["errors"][0]["detail"].startswith("eventList[1]: action is 'EAT'")
    assert found(node, "/bizSteps/loading/events") == []
    capture(node, right, wrong, GS1_Capture_Error_Behaviour="proceed")
    assert len(found(node, "/bizSteps/loading/events")) == 1
    assert ask(node, f"/capture/{report['captureID']}", **proof()).json() == report
    assert ask(node, f"/capture/{report['captureID']}").status == 404


def test_rights(node: Process) -> None:
    assert ask(node, "/capture", "POST", document(event(1))).status == 401
    assert ask(node, "/events", **proof(secret="wrong")).status == 401
    nobody = ask(node, "/events").json()["epcisBody"]["queryResults"]["resultsBody"]
    assert [e["eventTime"][11:13] for e in nobody["eventList"]] == ["09"]  # the public one
    (joined,) = found(node, "/eventTypes/AggregationEvent/events")
    assert ask(node, f"/events/{quote(joined['eventID'], safe='')}").status == 404


@pytest.mark.parametrize(
    ("path", "status", "kind"),
    [
        ("/events?colour=red", 400, "QueryParameterException"),
        ("/events?MATCH_epc=", 400, "QueryParameterException"),
        ("/events?GE_eventTime=2026-03-04", 400, "QueryParameterException"),
        ("/events?nextPageToken=zz", 400, "QueryParameterException"),
        ("/events?perPage=0", 400, "QueryParameterException"),
        ("/events?orderBy=recordTime", 501, "QueryTooComplexException"),
        ("/events?maxEventCount=1", 501, "QueryTooComplexException"),
        ("/events/urn:none", 404, "NoSuchResourceException"),
    ],
)
def test_what_a_query_may_not_ask(node: Process, path: str, status: int, kind: str) -> None:
    answer = ask(node, path, **proof())
    assert (answer.status, answer.json()["type"]) == (status, f"epcisException:{kind}")
    assert answer.headers["gs1-epcis-version"] == "2.0.0"


@pytest.mark.parametrize(
    ("body", "media", "status"),
    [(b"{", "application/json", 400), (b"[]", "application/json", 400),
     (b"<x/>", "application/xml", 415), (b'{"type":"EPCISDocument"}', "application/ld+json", 400)],
)  # fmt: skip
def test_what_is_no_document(node: Process, body: bytes, media: str, status: int) -> None:
    answer = ask(node, "/capture", "POST", body, Content_Type=media, **proof())
    assert answer.status == status


def test_limits_are_told(node: Process) -> None:
    assert ask(node, "/capture", "OPTIONS").headers["gs1-epcis-capture-limit"] == "1000"


def test_what_was_answered_survives_a_kill(tmp_path: Path) -> None:
    prepare(tmp_path / "node")
    with resolver(tmp_path / "node") as running:
        report = capture(running, *(event(n) for n in range(20)))
        running.kill()
    with resolver(tmp_path / "node") as running:
        assert len(found(running, "/events")) == 20
        assert ask(running, f"/capture/{report['captureID']}", **proof()).json() == report
