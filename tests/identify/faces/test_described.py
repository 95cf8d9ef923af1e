"""Every operation that the HTTP faces declare, with what its schema allows and with what not."""

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import CHECKS as BUILT_IN
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from starlette.routing import Route

from millbrain.core.faces.around import ALONE
from millbrain.run.discovery import faces
from millbrain.run.resolver_http import _called, _named, described
from tests.engines import Process
from tests.identify.asking import ask
from tests.identify.node.nodes import process
from tests.identify.resolver import OWNER, SECRET, prepare
from tests.identify.snms.asking import sent, template, token

CHECKS = [
    *BUILT_IN.get_by_names(["not_a_server_error"]), status_code_conformance,
    content_type_conformance, response_schema_conformance,
]  # fmt: skip
DESCRIBED = described(faces())
schema = schemathesis.openapi.from_dict(DESCRIBED)


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    folder: Path = tmp_path_factory.mktemp("faces")
    prepare(folder)
    running = process(folder).start()
    yield running
    assert running.process is not None
    assert running.process.poll() is None, "it fell"
    running.stop()


@pytest.fixture(scope="module")
def bearer(node: Process) -> str:
    found = token(node)
    sent(node, "POST", "/snms/api/v5/template", template(), found)
    return found


@pytest.mark.slow
@schema.parametrize()
@settings(
    max_examples=12, deadline=None, derandomize=True,
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
def test_operations_answer_as_declared(case: Any, node: Process, bearer: str) -> None:
    basic = base64.b64encode(f"{OWNER.replace(':', '%3A')}:{SECRET}".encode()).decode()
    (wanted, *_) = [*case.operation.definition.raw.get("security", []), {}]
    proofs = {"bearer": f"Bearer {bearer}", "basic": f"Basic {basic}"}
    proof = proofs.get(next(iter(wanted), ""), "")
    headers = {"Authorization": proof} if proof else {}
    base = f"http://127.0.0.1:{node.ports['http']}"
    case.call_and_validate(base_url=base, headers=headers, checks=CHECKS, timeout=20)


def test_the_document_is_served(node: Process) -> None:
    answer = ask(node, "/openapi.json")
    assert (answer.status, answer.json()) == (200, DESCRIBED)


def test_what_is_declared_is_there_and_the_other_way_round() -> None:
    """Each operation of a face that declares any has a route, and each route is declared."""

    class Anything:
        def __getattr__(self, _: str) -> Any:
            return Anything()

        def __call__(self, *_: Any, **__: Any) -> Any:
            return Anything()

    for card in (c for c in faces() if c.describes):
        made: list[Route] = _called(_named(card.routes), Anything(), ALONE)
        routes = {(m, r.path.replace(":path}", "}").rstrip("/")) for r in made
                  for m in (r.methods or ()) if m not in ("HEAD", "OPTIONS")}  # fmt: skip
        declared = {(o.method, o.path) for o in _named(card.describes)}
        assert declared <= routes, card.key
        if card.key != "handle_json":  # sessions and ranges are told in its README
            assert routes == declared, card.key
