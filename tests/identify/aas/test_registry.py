"""The AAS API in a real resolver process, step by step as IDTA-01002-3-1 describes it."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.engines import Process
from tests.identify.asking import ask, proof, put
from tests.identify.resolver import ADMIN, PREFIX, prepare, resolver

pytestmark = pytest.mark.slow
MOTOR = "https://example.org/aas/motor"
# The endpoints of the specification's example of a descriptor, in the member names of its schema.
ENDPOINTS = [
    {"interface": "AAS-1.0", "protocolInformation": {
        "href": "https://localhost:1234", "endpointProtocolVersion": ["1.1"]}},
    {"interface": "AAS-1.0", "protocolInformation": {"href": "opc.tcp://localhost:4840"}},
    {"interface": "AAS-1.0", "protocolInformation": {
        "href": "https://localhost:5678", "endpointProtocolVersion": ["1.1"],
        "subprotocol": "OPC UA Basic SOAP", "subprotocolBody": "ns=2;s=MyAAS",
        "subprotocolBodyEncoding": "application/soap+xml",
        "securityAttributes": [{"type": "NONE", "key": "NONE", "value": "NONE"}]}},
]  # fmt: skip
NAMEPLATE = {"id": "https://admin-shell.io/zvei/nameplate/1/0/Nameplate", "endpoints": ENDPOINTS}
SHELL = {
    "id": MOTOR, "idShort": "Motor", "assetKind": "Instance", "assetType": "IE4 90L",
    "globalAssetId": "http://example.company/myAsset",
    "specificAssetIds": [{"name": "myOwnInternalAssetId", "value": "12345ABC"},
                         {"name": "manufacturer", "value": "1111-manu"}],
    "endpoints": ENDPOINTS, "submodelDescriptors": [NAMEPLATE],
    "description": [{"language": "en", "text": "A motor"}, {"language": "zh", "text": "电机"}],
}  # fmt: skip


def b64(told: Any) -> str:
    text = told if isinstance(told, str) else json.dumps(told)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def shell(name: str, **more: Any) -> dict[str, Any]:
    return {"id": f"urn:example:{name}", **more}


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    folder = tmp_path_factory.mktemp("node")
    prepare(folder)
    with resolver(folder) as running:
        yield running


def send(node: Process, method: str, path: str, body: Any = None, **headers: str) -> Any:
    return ask(node, path, method, body, **(proof() | headers))


def looked_up(node: Process, *links: dict[str, str]) -> list[str]:
    query = "&".join(f"assetIds={b64(link)}" for link in links)
    answer = ask(node, f"/lookup/shells?{query}")
    assert answer.status == 200, answer.data
    found: list[str] = answer.json()["result"]
    assert ask(node, "/lookup/shellsByAssetLink", "POST", list(links)).json()["result"] == found
    return found


def test_a_shell_from_its_registration_to_its_end(node: Process) -> None:
    made = send(node, "POST", "/shell-descriptors", SHELL)
    assert made.status == 201, made.data
    assert made.json() == SHELL
    one = f"/shell-descriptors/{b64(MOTOR)}"
    assert made.headers["location"].endswith(one)
    assert ask(node, one).json() == SHELL
    assert ask(node, f"{one}{'=' * (-len(b64(MOTOR)) % 4)}").json() == SHELL  # with its padding
    assert send(node, "POST", "/shell-descriptors", SHELL).status == 409

    changed = SHELL | {"idShort": "Motor2", "specificAssetIds": SHELL["specificAssetIds"][1:]}  # type: ignore[index]
    assert send(node, "PUT", one, changed).status == 204
    assert ask(node, one).json() == changed
    assert looked_up(node, {"name": "myOwnInternalAssetId", "value": "12345ABC"}) == []
    assert looked_up(node, {"name": "manufacturer", "value": "1111-manu"}) == [MOTOR]
    assert send(node, "PUT", one, changed | {"id": "urn:other"}).status == 400

    assert send(node, "DELETE", one).status == 204
    assert ask(node, one).status == 404
    assert send(node, "DELETE", one).status == 404
    assert send(node, "PUT", one, SHELL).status == 404
    assert looked_up(node, {"name": "manufacturer", "value": "1111-manu"}) == []
    assert send(node, "POST", "/shell-descriptors", SHELL).status == 201
    assert send(node, "DELETE", one).status == 204


def test_submodels_of_a_shell(node: Process) -> None:
    told = shell("with-parts", endpoints=ENDPOINTS)
    assert send(node, "POST", "/shell-descriptors", told).status == 201
    path = f"/shell-descriptors/{b64(told['id'])}/submodel-descriptors"
    assert send(node, "POST", path, NAMEPLATE).status == 201
    assert send(node, "POST", path, NAMEPLATE).status == 409
    for number in range(3):
        assert send(node, "POST", path, NAMEPLATE | {"id": f"urn:sm:{number}"}).status == 201
    first = ask(node, f"{path}?limit=3").json()
    assert [p["id"] for p in first["result"]] == [NAMEPLATE["id"], "urn:sm:0", "urn:sm:1"]
    rest = ask(node, f"{path}?limit=3&cursor={first['paging_metadata']['cursor']}").json()
    assert [p["id"] for p in rest["result"]] == ["urn:sm:2"]
    assert rest["paging_metadata"] == {}
    one = f"{path}/{b64('urn:sm:1')}"
    assert send(node, "PUT", one, NAMEPLATE | {"id": "urn:sm:1", "idShort": "X"}).status == 204
    assert ask(node, one).json()["idShort"] == "X"
    assert send(node, "DELETE", one).status == 204
    assert ask(node, one).status == 404
    assert send(node, "DELETE", one).status == 404
    parts = ask(node, f"/shell-descriptors/{b64(told['id'])}").json()["submodelDescriptors"]
    assert [p["id"] for p in parts] == [NAMEPLATE["id"], "urn:sm:0", "urn:sm:2"]


def test_submodels_of_their_own(node: Process) -> None:
    meaning = {"type": "ExternalReference",
               "keys": [{"type": "GlobalReference", "value": "0173-1#02"}]}  # fmt: skip
    told = {"id": "urn:sm:alone", "endpoints": ENDPOINTS, "semanticId": meaning}
    one = f"/submodel-descriptors/{b64('urn:sm:alone')}"
    assert send(node, "POST", "/submodel-descriptors", told).status == 201
    assert send(node, "POST", "/submodel-descriptors", told).status == 409
    assert ask(node, one).json() == told
    assert "urn:sm:alone" in [s["id"] for s in ask(node, "/submodel-descriptors").json()["result"]]
    assert send(node, "PUT", one, told | {"idShort": "S"}).status == 204
    assert ask(node, one).json()["idShort"] == "S"
    assert ask(node, f"/shell-descriptors/{b64('urn:sm:alone')}").status == 404
    assert send(node, "DELETE", one).status == 204
    assert ask(node, one).status == 404


def test_lists_are_paged_and_filtered(node: Process) -> None:
    for number in range(5):
        told = shell(f"page-{number}", assetKind="Type" if number % 2 else "Instance",
                     assetType="page test")  # fmt: skip
        assert send(node, "POST", "/shell-descriptors", told).status == 201
    query = f"assetType={b64('page test')}"
    ids: list[str] = []
    cursor = ""
    for _ in range(4):
        page = ask(node, f"/shell-descriptors?{query}&limit=2&cursor={cursor}").json()
        ids += [s["id"] for s in page["result"]]
        cursor = page["paging_metadata"].get("cursor", "")
        if not cursor:
            break
    assert sorted(ids) == [f"urn:example:page-{n}" for n in range(5)]
    kinds = ask(node, f"/shell-descriptors?{query}&assetKind=Type").json()["result"]
    assert {s["id"] for s in kinds} == {"urn:example:page-1", "urn:example:page-3"}


def test_look_up_by_asset(node: Process) -> None:
    shared = {"name": "manufacturerPartId", "value": "A12B3-4C/5D=678"}
    for number in range(3):
        links = [shared, {"name": "serial", "value": str(number)}]
        told = shell(f"asset-{number}", globalAssetId=f"urn:asset:{number}",
                     specificAssetIds=links)  # fmt: skip
        assert send(node, "POST", "/shell-descriptors", told).status == 201
    assert sorted(looked_up(node, shared)) == [f"urn:example:asset-{n}" for n in range(3)]
    assert looked_up(node, shared, {"name": "serial", "value": "1"}) == ["urn:example:asset-1"]
    assert looked_up(node, {"name": "globalAssetId", "value": "urn:asset:2"}) == [
        "urn:example:asset-2"
    ]
    assert looked_up(node, shared, {"name": "serial", "value": "9"}) == []
    both = b64([shared, {"name": "serial", "value": "0"}])  # a list in one parameter, as 3.0 has it
    assert ask(node, f"/lookup/shells?assetIds={both}").json()["result"] == ["urn:example:asset-0"]
    assert ask(node, f"/lookup/shells/{b64('urn:example:asset-1')}").json() == [
        {"name": "globalAssetId", "value": "urn:asset:1"}, shared, {"name": "serial", "value": "1"},
    ]  # fmt: skip


def test_links_of_discovery(node: Process) -> None:
    name, link = "urn:example:linked", {"name": "batch", "value": "7"}
    path = f"/lookup/shells/{b64(name)}"
    assert ask(node, path).status == 404
    assert send(node, "POST", path, [link]).status == 201
    assert looked_up(node, link) == [name]
    assert ask(node, f"/shell-descriptors/{b64(name)}").status == 404
    told = shell("linked", globalAssetId="urn:asset:linked")
    assert send(node, "POST", "/shell-descriptors", told).status == 201
    assert looked_up(node, link, {"name": "globalAssetId", "value": "urn:asset:linked"}) == [name]
    other = [{"name": "globalAssetId", "value": "urn:asset:other"}]
    assert send(node, "POST", path, other).status == 409
    assert send(node, "DELETE", path).status == 204
    assert looked_up(node, link) == []
    assert looked_up(node, {"name": "globalAssetId", "value": "urn:asset:linked"}) == []
    assert ask(node, f"/shell-descriptors/{b64(name)}").json() == told
    assert ask(node, path).json() == []


def test_one_record_many_faces(node: Process) -> None:
    """A handle that exists gets the shell as well; its alias finds the record, its rights hold."""
    handle = put(node, "asset", {"index": 1, "type": "MODEL", "data": "NC250"})
    vin = "LDPGABAC2JN361504"
    told = {"id": handle, "globalAssetId": vin}
    assert send(node, "POST", "/shell-descriptors", told).status == 403  # no right to this record
    own = shell("vehicle", globalAssetId=vin)
    assert send(node, "POST", "/shell-descriptors", own).status == 201
    found = ask(node, f"/{vin}", Accept="application/json").json()
    assert "AAS_SHELL" in [value["type"] for value in found["values"]]


def test_a_record_that_holds_more_stays(node: Process) -> None:
    """A handle gets a shell and loses it; what else the record holds is not touched."""
    handle = put(node, "MOTOR", {"index": 1, "type": "MODEL", "data": "NC250"}, ADMIN)
    told = {"id": handle, "idShort": "Motor", "submodelDescriptors": [NAMEPLATE]}
    assert send(node, "POST", "/shell-descriptors", told).status == 201
    assert ask(node, f"/shell-descriptors/{b64(handle)}").json() == told
    assert send(node, "DELETE", f"/shell-descriptors/{b64(handle)}").status == 204
    assert ask(node, f"/shell-descriptors/{b64(handle)}").status == 404
    values = ask(node, f"/api/handles/{handle}").json()["values"]
    assert [v["type"] for v in values] == ["MODEL", "HS_ADMIN"]
    assert send(node, "POST", "/shell-descriptors", told).status == 201


def test_who_may(node: Process) -> None:
    told = shell("rights")
    anonymous = ask(node, "/shell-descriptors", "POST", told)
    assert anonymous.status == 401
    (message,) = anonymous.json()["messages"]
    assert set(message) == {"code", "correlationId", "messageType", "text", "timestamp"}
    assert (message["code"], message["messageType"]) == ("401", "Error")
    assert send(node, "POST", "/shell-descriptors", told, Millbrain_Prefix="88.999").status == 403
    assert send(node, "POST", "/shell-descriptors", told).status == 201
    one = f"/shell-descriptors/{b64(told['id'])}"
    assert ask(node, one, "PUT", told | {"idShort": "X"}).status == 401
    assert ask(node, one, "PUT", told).status == 401  # also where nothing would change
    assert ask(node, one, "DELETE").status == 401
    wrong = proof(secret="wrong")
    assert ask(node, one, **wrong).status == 401
    # Its owner hides the descriptor: nobody else finds it any longer, and a change keeps it hidden.
    record = ask(node, f"/aas:{told['id']}", **proof(), Accept="application/json")
    handle = record.json()["handle"]
    values = ask(node, f"/api/handles/{handle}", **proof()).json()["values"]
    hidden = [v | {"permissions": "1100"} for v in values if v["type"] in ("AAS_SHELL", "TAG")]
    assert send(node, "PUT", f"/api/handles/{handle}?index=various&overwrite=true",
                {"values": hidden}).status in (200, 201)  # fmt: skip
    assert ask(node, one).status == 404
    assert send(node, "PUT", one, told | {"idShort": "Y"}).status == 204
    assert ask(node, one).status == 404
    assert send(node, "GET", one).json()["idShort"] == "Y"


def bulk(node: Process, method: str, kind: str, body: Any) -> tuple[int, Any]:
    """Send a bulk request and follow it to its result."""
    taken = send(node, method, f"/bulk/{kind}", body)
    assert taken.status == 202, taken.data
    path = taken.headers["location"].removeprefix("..")
    status = send(node, "GET", path)
    assert status.status == 302
    result = send(node, "GET", path.replace("/status/", "/result/"))
    assert ask(node, path).status == 404  # it is somebody else's
    return result.status, result.json() if result.data else None


def test_bulk_is_made_or_not_at_all(node: Process) -> None:
    rows = [shell(f"bulk-{n}") for n in range(50)]
    assert bulk(node, "POST", "shell-descriptors", rows) == (204, None)
    more = [shell("bulk-x"), shell("bulk-7"), shell("bulk-y")]
    status, told = bulk(node, "POST", "shell-descriptors", more)
    assert status == 400
    assert [m["text"].split(":")[0] for m in told["messages"]] == ["[1]"]
    assert ask(node, f"/shell-descriptors/{b64('urn:example:bulk-x')}").status == 404
    twice = [shell("bulk-z"), shell("bulk-z")]
    assert bulk(node, "POST", "shell-descriptors", twice)[0] == 400
    assert ask(node, f"/shell-descriptors/{b64('urn:example:bulk-z')}").status == 404
    changed = [row | {"idShort": "B"} for row in rows[:2]]
    assert bulk(node, "PUT", "shell-descriptors", changed)[0] == 204
    assert ask(node, f"/shell-descriptors/{b64(rows[1]['id'])}").json()["idShort"] == "B"
    assert bulk(node, "PUT", "shell-descriptors", [shell("nobody")])[0] == 400
    assert bulk(node, "DELETE", "shell-descriptors", [row["id"] for row in rows])[0] == 204
    assert ask(node, f"/shell-descriptors/{b64(rows[0]['id'])}").status == 404
    submodels = [NAMEPLATE | {"id": f"urn:bulk:{n}"} for n in range(3)]
    assert bulk(node, "POST", "submodel-descriptors", submodels)[0] == 204
    assert bulk(node, "DELETE", "submodel-descriptors", ["urn:bulk:1", 7])[0] == 400
    assert bulk(node, "DELETE", "submodel-descriptors", ["urn:bulk:1"])[0] == 204
    assert ask(node, "/bulk/shell-descriptors", "POST", rows).status == 401


def test_it_says_what_it_is(node: Process) -> None:
    profiles = ask(node, "/description").json()["profiles"]
    base = "https://admin-shell.io/aas/API/3/1/"
    assert f"{base}AssetAdministrationShellRegistryServiceSpecification/SSP-001" in profiles
    assert f"{base}DiscoveryServiceSpecification/SSP-001" in profiles


DEEP = b'{"id":"urn:deep","x":' + b"[" * 400 + b"]" * 400 + b"}"


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"\xff", b"null", b"[]", b"7", b'{"id": 7}', b'{"id": ""}', b'{"id": "\\u0000"}',
     b'{"id": "\\ud800"}', b"[" * 100_000, DEEP, {"id": " urn:blank"}, {"id": "x" * 2_001},
     {"id": "é" * 1_500}, {"id": "a\nb"}, {"id": "urn:x", "endpoints": []},
     {"id": "urn:x", "assetKind": "Thing"}, {"id": "urn:x", "idShort": "x" * 129},
     {"id": "urn:x", "specificAssetIds": [{"name": "n"}]},
     {"id": "urn:x", "specificAssetIds": [{"name": "globalAssetId", "value": "v"}]},
     {"id": "urn:x", "specificAssetIds": [{"name": "n", "value": "v"}] * 20_000},
     {"id": "urn:x", "submodelDescriptors": [NAMEPLATE, NAMEPLATE]},
     {"id": "urn:x", "description": [{"language": "en", "text": "x" * 1_023}] * 500}],
)  # fmt: skip
def test_hostile_descriptors_are_refused(node: Process, body: Any) -> None:
    for path in ("/shell-descriptors", "/submodel-descriptors", "/lookup/shellsByAssetLink",
                 f"/lookup/shells/{b64('urn:hostile')}"):  # fmt: skip
        answer = send(node, "POST", path, body)
        is_empty_search = path.endswith("AssetLink") and body == b"[]"
        assert is_empty_search or 400 <= answer.status < 500, (path, answer.status)
        assert is_empty_search or answer.json()["messages"][0]["messageType"] == "Error"


@pytest.mark.parametrize(
    "path",
    ["/shell-descriptors/%ff", "/shell-descriptors/!", "/shell-descriptors/a",
     f"/shell-descriptors/{b64('x' * 5_000)}", f"/shell-descriptors/{b64(' ')}",
     "/shell-descriptors?limit=0", "/shell-descriptors?limit=-1", "/shell-descriptors?limit=x",
     "/shell-descriptors?limit=99999999999999999999", "/shell-descriptors?cursor=%ff",
     "/shell-descriptors?assetKind=x", "/shell-descriptors?assetType=%25",
     "/lookup/shells?assetIds=x", f"/lookup/shells?assetIds={b64('{')}",
     f"/lookup/shells?assetIds={b64('[7]')}", f"/lookup/shells?assetIds={b64('{}')}",
     f"/lookup/shells/{b64('urn:none')}", "/bulk/status/x", "/bulk/result/%ff",
     f"/bulk/result/{b64('none')}"],
)  # fmt: skip
def test_hostile_addresses_are_refused(node: Process, path: str) -> None:
    answer = ask(node, path)
    assert 400 <= answer.status < 500, answer.data
    assert answer.json()["messages"]


def test_a_single_submodel_can_be_granted(node: Process) -> None:
    """Submodels are hidden, one is granted to a buyer: he sees it and no other one."""
    put(node, "buyer", {"index": 300, "type": "HS_SECKEY", "data": "b", "permissions": "1100"})
    parts = [NAMEPLATE | {"id": f"urn:part:{n}"} for n in range(3)]
    told = shell("granted", submodelDescriptors=parts)
    assert send(node, "POST", "/shell-descriptors", told).status == 201
    record = ask(node, f"/aas:{told['id']}", **proof(), Accept="application/json").json()
    handle = record["handle"]
    path = f"/api/handles/{handle}?index=various&overwrite=true"
    values = ask(node, f"/api/handles/{handle}", **proof()).json()["values"]
    held = [v for v in values if v["type"] == "AAS_SHELL_SUBMODEL"]
    hidden = [v | {"permissions": "1100"} for v in held]
    assert send(node, "PUT", path, {"values": hidden}).status in (200, 201)
    given = {"to": {"handle": f"{PREFIX}/buyer", "index": 300}, "fields": [held[1]["index"]]}
    grant = {"index": 500, "type": "GRANT", "data": json.dumps(given), "permissions": "1100"}
    assert send(node, "PUT", path, {"values": [grant]}).status in (200, 201)

    one = f"/shell-descriptors/{b64(told['id'])}"
    buyer = proof(f"300:{PREFIX}/buyer", "b")
    assert ask(node, one).json() == shell("granted")
    assert ask(node, one, **buyer).json()["submodelDescriptors"] == [parts[1]]
    part = f"{one}/submodel-descriptors/"
    assert ask(node, part + b64("urn:part:1"), **buyer).json() == parts[1]
    assert ask(node, part + b64("urn:part:2"), **buyer).status == 404
    assert ask(node, one, "PUT", told, **buyer).status == 403
    # Written anew by its owner, everything is as hidden and as granted as before.
    assert send(node, "PUT", one, told | {"idShort": "Again"}).status == 204
    assert ask(node, one).json() == shell("granted", idShort="Again")
    assert ask(node, one, **buyer).json()["submodelDescriptors"] == [parts[1]]
