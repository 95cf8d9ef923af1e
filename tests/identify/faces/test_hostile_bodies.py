"""Bodies that nobody should send: none of them is answered with 5xx, none stops the node."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from millbrain.run.discovery import faces
from millbrain.run.resolver_http import described
from tests.engines import Process
from tests.identify.asking import ask, proof
from tests.identify.node.nodes import process, resolve
from tests.identify.resolver import PREFIX, prepare
from tests.identify.snms.asking import sent, template, token

ROW = (b'{"handle":"' + PREFIX.encode() + b'/x%d","templateVersion":"1.0","value":'
       b'[{"index":2000,"type":"item0","data":{"format":"string","value":"a"}}]}')  # fmt: skip
BODIES = {
    "empty": b"",
    "nul": b"\0" * 100,
    "nul_text": b'{"handle":"88.100.1/\\u0000","key":"\\u0000"}',
    "no_utf8": b'{"handle":"\xff\xfe\x80"}',
    "lone_surrogate": b'{"handle":"88.100.1/\\ud800","username":"\\udfff","key":"\\ud800"}',
    "deep_list": b"[" * 100_000,
    "deep_list_closed": b"[" * 900 + b"]" * 900,
    "deep_object": b'{"a":' * 900 + b"1" + b"}" * 900,
    "deep_reports": b'{"stream":"s","lost":[],"reports":[{"number":1,"rows":'
    + b"[" * 900 + b"]" * 900 + b"}]}",
    "twice": b'{"handle":"88.100.1/a","handle":7,"prefix":"x","prefix":null}',
    "huge_number": b'{"index":' + b"9" * 5_000 + b"}",
    "nan": b'[NaN, Infinity, -1e999, 1e-999]',
    "floats": b'{"handles_max":1.5,"number":-0.0,"page":1e308}',
    "scalars": b'"text"',
    "null": b"null",
    "true": b"true",
    "list_of_everything": b'[null,true,1,1.5,"x",[],{}]',
    "wrong_types": b'{"handle":{},"value":{},"templateVersion":[],"prefix":7,"version":{},'
    b'"items":7,"username":[],"password":{},"values":7,"target":[],"reason":{},"site":[],'
    b'"organisation":{},"key":{},"stream":{},"reports":{},"lost":{}}',
    "long_key": b'{"' + b"k" * 1_000_000 + b'":1}',
    "long_text": b'{"handle":"' + b"x" * 1_000_000 + b'"}',
    "many_members": json.dumps({f"k{n}": n for n in range(50_000)}).encode(),
    "many_values": json.dumps({"values": [{"index": n, "type": "A", "data": "x"}
                                          for n in range(1, 5_000)]}).encode(),
    "batch_twice_over": b"[" + b",".join([ROW % 1] * 2_000) + b"]",
    "too_many_rows": b"[" + b",".join([ROW % 1] * 2_001) + b"]",
    "compressed": gzip.compress(b"[]" * 1_000),
    "bom": b"\xef\xbb\xbf{}",
    "utf16": '{"a":1}'.encode("utf-16"),
    "trailing": b"{} {}",
    "big": b"[" + b"0," * 9_000_000 + b"0]",
}  # fmt: skip


def operations() -> list[tuple[str, str]]:
    """Method and path of whatever takes a body; parameters of paths filled in."""
    found = []
    for path, methods in described(faces())["paths"].items():
        filled = path.replace("{prefix}", PREFIX).replace("{handle}", f"{PREFIX}/x")
        filled = filled.replace("{action}", "reject")
        found += [(m.upper(), filled) for m in methods if "requestBody" in methods[m]]
    return [*found, ("POST", "/capture"), ("POST", "/events"), ("GET", "/api/handles/88.100.1/P7")]


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    folder: Path = tmp_path_factory.mktemp("hostile")
    prepare(folder)
    running = process(folder).start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def bearer(node: Process) -> str:
    found = token(node)
    sent(node, "POST", "/snms/api/v5/template", template(), found)
    return found


@pytest.mark.fault
@pytest.mark.slow
@pytest.mark.parametrize("name", BODIES)
def test_no_body_is_a_fault_of_ours(node: Process, bearer: str, name: str) -> None:
    for method, path in operations():
        proofs = (
            {"Authorization": f"Bearer {bearer}"} if "ident" in path or "snms" in path else proof()
        )
        answer = ask(node, path, method, BODIES[name], **proofs)
        assert answer.status < 500, (method, path, answer.status, answer.data[:300])
    assert resolve(node, f"{PREFIX}/P7") == [1]


PATHS = (
    "/api/handles/%00", f"/{PREFIX}/%00", "/01/%ff", "/%2e%2e/%2e%2e/etc/passwd",
    "/" + "x" * 8_000, "/api/v1/node/statistics?from=%00",
    "/api/v1/node/applications/%ff%00/history", "/identityv2/data/detail?handle=%00%ff",
    "/api/handles?prefix=%00&page=99999999999999999999", "/events/%00",
    "/api/v1/node/audit?after=99999999999999999999999",
    "/api/v1/node/log?after=" + "ff" * 4_000,
    "/api/v1/doip?targetId=%00/%ff&operationId=0.DOIP/Op.Retrieve",
)  # fmt: skip
HEADERS = ("", "\xff", "Basic " + "A" * 5_000, "Bearer a.b.c", "Millbrain x.y", "Basic Og==")


@pytest.mark.slow
@pytest.mark.parametrize("path", PATHS, ids=lambda path: path[:40])
def test_no_address_is_a_fault_of_ours(node: Process, path: str) -> None:
    for header in HEADERS:
        answer = ask(node, path, **({"Authorization": header} if header else {}))
        assert answer.status < 500, (header[:20], answer.data[:300])
    assert ask(node, path, **proof()).status < 500
