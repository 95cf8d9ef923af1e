"""The GS1 resolver in a real process: redirects, levels, linksets, rights."""

import json
from collections.abc import Iterator

import pytest

from tests.engines import Process
from tests.identify.asking import ask, proof, put
from tests.identify.resolver import ADMIN, prepare, resolver

GTIN = "09506000134352"
PIP = "https://ref.gs1.org/voc/pip"

pytestmark = pytest.mark.slow


def link(index: int, kind: str, href: str, permissions: str = "1110", **more: object) -> dict:  # type: ignore[type-arg]  # JSON
    data = json.dumps({"linkType": kind, "href": href, **more})
    return {"index": index, "type": "GS1_LINK", "data": data, "permissions": permissions}


def alias(text: str) -> dict[str, object]:
    return {"index": 50, "type": "ALIAS", "data": text}


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    folder = tmp_path_factory.mktemp("node")
    prepare(folder)
    with resolver(folder) as running:
        put(running, "motor", alias(f"(01){GTIN}"), ADMIN,
            link(1, "gs1:pip", "https://m.example/zh", hreflang=["zh"], default=True),
            link(2, "gs1:pip", "https://m.example/en?v=2", hreflang=["en"]),
            link(3, "gs1:traceability", "https://m.example/inside", "1100"))  # fmt: skip
        put(running, "motor-lot", alias(f"(01){GTIN}(10)L/1"), ADMIN,
            link(1, "gs1:recallStatus", "https://m.example/recall"))  # fmt: skip
        put(running, "pallet", alias("(00)095060001343520017"), ADMIN)
        yield running


@pytest.mark.parametrize(
    ("path", "language", "location"),
    [
        (f"/01/{GTIN}", "", "https://m.example/zh"),
        ("/01/9506000134352", "", "https://m.example/zh"),  # a GTIN-13 is filled up
        (f"/01/{GTIN}?linkType=gs1:pip", "en", "https://m.example/en?v=2"),
        (f"/01/{GTIN}?linkType=gs1:pip&17=271231", "en", "https://m.example/en?v=2&17=271231"),
        # The lot has recalls only: the page is that of the trade item, one level up.
        (f"/01/{GTIN}/10/L%2F1/21/S9?linkType={PIP}", "", "https://m.example/zh"),
        (f"/01/{GTIN}/10/L%2F1/21/S9", "", "https://m.example/recall"),
        (f"/01/{GTIN}/21/S9/10/L%2F1?linkType=gs1:recallStatus", "", "https://m.example/recall"),
    ],
)
def test_where_a_request_is_led(node: Process, path: str, language: str, location: str) -> None:
    answer = ask(node, path, Accept_Language=language)
    assert (answer.status, answer.headers.get("location")) == (307, location)
    assert 'rel="linkset"' in answer.headers["link"]
    assert answer.headers["access-control-allow-origin"] == "*"


def test_a_record_without_links_is_led_to_its_page(node: Process) -> None:
    answer = ask(node, "/00/095060001343520017", Accept="application/json")
    assert answer.status == 307
    assert answer.headers["location"].endswith("/88.100.1/PALLET")
    page = ask(node, "/88.100.1/PALLET", Accept="application/json")
    assert page.json()["aliases"][0]["display"] == "(00)095060001343520017"


@pytest.mark.parametrize(
    ("path", "status"),
    [(f"/01/{GTIN}?linkType=gs1:hasRetailers", 404), ("/01/09506000134369", 404),
     ("/01/09506000134353", 400), (f"/01/{GTIN}/99", 400),
     (f"/01/{GTIN}?linkType=gs1:traceability", 404)],
)  # fmt: skip
def test_what_leads_nowhere(node: Process, path: str, status: int) -> None:
    answer = ask(node, path)
    assert answer.status == status
    assert answer.json()["error"]


def test_a_link_that_is_not_public_needs_a_proof(node: Process) -> None:
    path = f"/01/{GTIN}?linkType=gs1:traceability"
    assert ask(node, path, **proof()).headers["location"] == "https://m.example/inside"
    assert ask(node, path, **proof(secret="wrong")).status == 401
    assert "inside" not in ask(node, f"/01/{GTIN}?linkType=all").data.decode()


@pytest.mark.parametrize(
    ("query", "accept"), [("?linkType=linkset", "*/*"), ("", "application/linkset+json")]
)
def test_all_links_as_a_linkset(node: Process, query: str, accept: str) -> None:
    answer = ask(node, f"/01/{GTIN}/10/L%2F1{query}", Accept=accept)
    assert answer.headers["content-type"] == "application/linkset+json"
    lot, trade_item = answer.json()["linkset"]
    assert lot["anchor"].endswith(f"/01/{GTIN}/10/L%2F1")
    assert trade_item["anchor"].endswith(f"/01/{GTIN}")
    pages = [t["href"] for t in trade_item[PIP]]
    assert pages == ["https://m.example/zh", "https://m.example/en?v=2"]


def test_the_resolver_describes_itself(node: Process) -> None:
    told = ask(node, "/.well-known/gs1resolver").json()
    assert told["supportedPrimaryKeys"] == ["all"]
    assert told["resolverRoot"] == f"http://127.0.0.1:{node.ports['http']}"


def test_other_pages_may_ask(node: Process) -> None:
    assert ask(node, f"/01/{GTIN}", "OPTIONS").status == 204
    assert ask(node, f"/01/{GTIN}", "HEAD").status == 307
