"""Trace and recall asked of a real process: trees, pages, places, rights, lists, refusals."""

import csv
import io
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.engines import Process
from tests.identify.asking import ask, proof, put
from tests.identify.resolver import ADMIN, PREFIX, prepare, resolver

pytestmark = pytest.mark.slow

OTHER = "88.200.2"
OTHER_OWNER = f"300:{OTHER}/admin"
VIN = "LDPGABAC2JN361504"
STATION = "https://id.gs1.org/414/4012345000115/254/7"


def event(kind: str, hour: int, **more: Any) -> dict[str, Any]:
    return {
        "type": kind, "eventTime": f"2026-03-04T{hour:02}:00:00Z",
        "eventTimeZoneOffset": "+00:00", **more,
    }  # fmt: skip


def joined(hour: int, parent: str, *children: str, **more: Any) -> dict[str, Any]:
    return event("AggregationEvent", hour, action="ADD", parentID=parent,
                 childEPCs=list(children), **more)  # fmt: skip


def own(name: str) -> str:
    return f"hdl:{PREFIX}/{name}"


def foreign(name: str) -> str:
    return f"hdl:{OTHER}/{name}"


def capture(node: Process, *events: dict[str, Any], **headers: str) -> None:
    body = {"type": "EPCISDocument", "schemaVersion": "2.0", "epcisBody": {"eventList": events}}
    answer = ask(node, "/capture", "POST", body, **headers)
    assert answer.status == 202, answer.data
    assert answer.json()["success"], answer.json()


def asked(node: Process, path: str, **headers: str) -> dict[str, Any]:
    answer = ask(node, path, **headers)
    assert answer.status == 200, answer.data
    told: dict[str, Any] = answer.json()
    return told


def things(told: dict[str, Any]) -> dict[str, int]:
    return {t["thing"].partition(":")[2]: t["level"] for t in told["things"] if t["level"]}


def prepared(folder: Path) -> None:
    """Load a second organisation beside the usual one."""
    prepare(folder)
    admin = {"index": 100, "type": "HS_ADMIN", "data": {"format": "admin", "value": {
        "handle": f"{OTHER}/admin", "index": 300, "permissions": "111111111111"}}}  # fmt: skip
    secret = {"index": 300, "type": "HS_SECKEY", "data": "other", "permissions": "1100"}
    records = [{"handle": f"0.NA/{OTHER}", "values": [admin]},
               {"handle": f"{OTHER}/admin", "values": [admin, secret]}]  # fmt: skip
    lines = folder / "other.jsonl"
    lines.write_text("\n".join(map(json.dumps, records)) + "\n", "utf-8")
    command = [sys.executable, "-m", "millbrain.run.cli", "handles", "load", str(lines)]
    subprocess.run([*command, "--data", str(folder)], check=True, capture_output=True)


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    folder = tmp_path_factory.mktemp("node")
    prepared(folder)
    with resolver(folder) as running:
        put(running, "CAR", {"index": 1, "type": "MODEL", "data": "S7"},
            {"index": 2, "type": "ALIAS", "data": VIN},
            {"index": 3, "type": "COST", "data": "9", "permissions": "1100"}, ADMIN)  # fmt: skip
        steel = {"epcClass": own("STEEL"), "quantity": 12.5, "uom": "KGM"}
        capture(
            running,
            event("TransformationEvent", 1, inputQuantityList=[steel], outputEPCList=[own("CASE")],
                  readPoint={"id": STATION}),
            joined(2, own("MOD"), own("C1"), own("C2")),
            joined(3, own("PACK"), own("MOD"), own("CASE")),
            joined(4, VIN, own("PACK"), bizLocation={"id": "https://id.gs1.org/414/4012345000115"}),
            event("ObjectEvent", 6, action="OBSERVE", epcList=[VIN], bizStep="shipping",
                  bizLocation={"id": "urn:epc:id:sgln:0614141.07346.0"},
                  destinationList=[{"type": "possessing_party", "destination": own("DEALER")}]),
            joined(8, own("CRATE"), own("LOT")),
            **proof(),
        )  # fmt: skip
        # The other organisation takes our lot, builds parts of it, and sells us one back.
        capture(running,
                event("TransformationEvent", 9, inputEPCList=[own("LOT")],
                      outputEPCList=[foreign("PART1"), foreign("PART2")]),
                event("TransformationEvent", 10, inputEPCList=[foreign("PART1")],
                      outputEPCList=[own("PUMP")]),
                **proof(OTHER_OWNER, "other"))  # fmt: skip
        yield running


def test_the_parts_of_a_vehicle_by_any_of_its_names(node: Process) -> None:
    by_vin = asked(node, f"/trace/parts/{VIN}", **proof())
    by_handle = asked(node, f"/trace/parts/{PREFIX}/CAR", **proof())
    tree = {"100.1/PACK": 1, "100.1/MOD": 2, "100.1/CASE": 2, "100.1/C1": 3, "100.1/C2": 3,
            "100.1/STEEL": 3}  # fmt: skip
    expected = {f"88.{name}": level for name, level in tree.items()}
    assert things(by_vin) == expected
    assert {name: level for name, level in things(by_handle).items() if level} == expected
    assert by_vin["truncated_by"] is None
    assert (by_vin["is_partial"], by_vin["hidden_count"], by_vin["cycles"]) == (False, 0, [])
    car = by_vin["things"][0]
    assert car["handle"] == f"{PREFIX}/CAR"
    assert [f["type"] for f in car["fields"]] == ["MODEL", "ALIAS", "HS_ADMIN", "COST"]
    steel = next(t for t in by_vin["things"] if t["thing"] == own("STEEL"))
    assert steel["via"][0]["quantity"] == "12.5 KGM"
    assert steel["via"][0]["kind"] == "transformation"


def test_as_it_was_at_an_instant(node: Process) -> None:
    early = asked(node, f"/trace/parts/{own('PACK')}?at=2026-03-04T02:30:00Z", **proof())
    assert things(early) == {}
    ever = asked(node, f"/trace/uses/{own('C1')}?at=ever", **proof())
    assert [t["thing"] for t in ever["things"]][1:] == [own("MOD"), own("PACK"), f"vin:{VIN}"]


def test_a_recall_says_where_everything_is(node: Process) -> None:
    told = asked(node, f"/recall?thing={own('STEEL')}&thing={own('C2')}", **proof())
    last = told["things"][-1]
    assert last["thing"] == f"vin:{VIN}"
    assert last["place"] == {
        "at": "2026-03-04T06:00:00.000Z", "place": "gs1:414/0614141073467", "inside": None,
        "holder": own("DEALER"), "step": "shipping", "disposition": None,
    }  # fmt: skip
    mod = next(t for t in told["things"] if t["thing"] == own("MOD"))
    assert mod["place"]["inside"] == own("PACK")
    assert mod["place"]["place"] == last["place"]["place"], "it is where the vehicle is"


def test_a_recall_by_station_and_time(node: Process) -> None:
    station = quote(STATION, safe="")
    hit = asked(node, f"/recall?station={station}&from=2026-03-04T00:00:00Z"
                      "&before=2026-03-04T02:00:00Z", **proof())  # fmt: skip
    assert [t["thing"] for t in hit["things"]] == [own("CASE"), own("PACK"), f"vin:{VIN}"]
    missed = asked(node, f"/recall?station={station}&from=2026-03-04T05:00:00Z"
                         "&before=2026-03-04T07:00:00Z", **proof())  # fmt: skip
    assert missed["things"] == []


def test_each_party_sees_what_is_its_own(node: Process) -> None:
    ours = asked(node, f"/recall?thing={own('LOT')}", **proof())
    assert [t["thing"] for t in ours["things"]] == [own("LOT"), own("CRATE"), own("PUMP")]
    pump = ours["things"][-1]
    assert (pump["via"], pump["affected_since"], pump["is_own"]) == ([], None, True)
    assert (ours["is_partial"], ours["hidden_count"]) == (True, 2)
    theirs = asked(node, f"/recall?thing={own('LOT')}", **proof(OTHER_OWNER, "other"))
    # The pump is ours, but it was they who told of it.
    assert [t["thing"] for t in theirs["things"]] == [
        own("LOT"), foreign("PART1"), foreign("PART2"), own("PUMP"),
    ]  # fmt: skip
    assert (theirs["is_partial"], theirs["hidden_count"]) == (True, None)
    nobody = asked(node, f"/recall?thing={own('LOT')}")
    assert [t["thing"] for t in nobody["things"]] == [own("LOT")]
    assert (nobody["is_partial"], nobody["event_count"]) == (True, None)
    stranger = asked(node, f"/trace/parts/{VIN}", **proof(OTHER_OWNER, "other"))
    assert [f["type"] for f in stranger["things"][0]["fields"]] == ["MODEL", "ALIAS", "HS_ADMIN"]
    assert things(stranger) == {}


def test_events_go_under_a_prefix_only_with_the_right_to_it(node: Process) -> None:
    body = {"type": "EPCISDocument", "schemaVersion": "2.0", "epcisBody": {"eventList": [
        joined(11, own("FORGED"), own("C9"))]}}  # fmt: skip
    named = {"Millbrain_Prefix": PREFIX}
    assert ask(node, "/capture", "POST", body, **proof(OTHER_OWNER, "other"), **named).status == 403
    assert ask(node, "/capture", "POST", body, **named).status == 401
    nowhere = {"Millbrain_Prefix": "88.777.7"}
    assert ask(node, "/capture", "POST", body, **proof(), **nowhere).status == 403
    assert things(asked(node, f"/trace/parts/{own('FORGED')}", **proof())) == {}
    assert ask(node, "/capture", "POST", body, **proof(), **named).status == 202
    assert things(asked(node, f"/trace/parts/{own('FORGED')}", **proof())) == {f"{PREFIX}/C9": 1}


def test_pages_and_the_list_hold_the_same(node: Process) -> None:
    path, seen = f"/trace/parts/{VIN}?perPage=3", []
    while path:
        told = asked(node, path, **proof())
        assert len(told["things"]) <= 3
        seen += [t["thing"] for t in told["things"]]
        path = "/" + told["next"].split("/", 3)[3] if told["next"] else ""
    answer = ask(node, f"/trace/parts/{VIN}?format=csv", **proof())
    rows = list(csv.DictReader(io.StringIO(answer.data.decode("utf-8-sig"))))
    assert [row["thing"] for row in rows] == seen
    assert len(seen) == 7 + (len(told["start"]) - 1)
    assert rows[-1]["via_event"].startswith("ni:///sha-256;")


def test_bounds_are_told(node: Process) -> None:
    cut = asked(node, f"/trace/parts/{VIN}?levels=1", **proof())
    assert (things(cut), cut["truncated_by"]) == ({f"{PREFIX}/PACK": 1}, "levels")
    few = asked(node, f"/trace/parts/{VIN}?things=4", **proof())
    assert (few["thing_count"], few["is_truncated"], few["truncated_by"]) == (4, True, "things")


@pytest.mark.parametrize(
    ("path", "words"),
    [
        (f"/trace/sideways/{VIN}", "parts, uses"),
        (f"/trace/parts/{VIN}?at=yesterday", "ISO 8601"),
        (f"/trace/parts/{VIN}?at=2026-03-04T12:00:00", "offset"),
        (f"/trace/parts/{VIN}?levels=0", "1 to 32"),
        (f"/trace/parts/{VIN}?format=xml", "json or csv"),
        ("/recall", "station"),
        (f"/recall?thing={VIN}&station={STATION}", "station"),
        (f"/recall?station={STATION}", "from and before"),
    ],
)
def test_what_is_refused(node: Process, path: str, words: str) -> None:
    answer = ask(node, path, **proof())
    assert answer.status == 400
    assert words in answer.json()["error"]


def test_a_wrong_proof_is_no_proof(node: Process) -> None:
    assert ask(node, f"/trace/parts/{VIN}", **proof(secret="wrong")).status == 401
    assert asked(node, "/trace/parts/urn:x:nothing", **proof())["thing_count"] == 1
