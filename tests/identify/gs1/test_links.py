"""Which link a request gets, and linksets: examples by hand after the resolver standard."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millbrain.core import gs1
from millbrain.core.faces.negotiation import ranges
from millbrain.core.records import Value
from millbrain.identify.gs1.links import (
    Link,
    Wanted,
    chosen,
    levels,
    links_of,
    linkset,
    read_link,
    relation,
    target,
)

PIP, CERT = relation("gs1:pip"), relation("gs1:certificationInfo")
ZH = Link(PIP, "https://m.example/zh", media="text/html", languages=("zh",), is_default=True)
EN = Link(PIP, "https://m.example/en", media="text/html", languages=("en",))
DATA = Link(PIP, "https://m.example/data", media="application/json")
CN = Link(CERT, "https://m.example/ccc", contexts=("cn",))
ANY = Link(CERT, "https://m.example/ce")
ALL = (ZH, EN, DATA, CN, ANY)


@pytest.mark.parametrize(
    ("relation_", "context", "accept", "languages", "expected"),
    [
        ("", "", "", "", ZH),
        ("", "", "*/*", "en", ZH),  # the owner's default goes before the language
        (PIP, "", "text/html", "en-GB,en;q=0.9,zh;q=0.5", EN),
        (PIP, "", "application/json", "en", DATA),
        (PIP, "", "image/png", "", None),
        (CERT, "cn", "", "", CN),
        (CERT, "de", "", "", ANY),
        (CERT, "", "", "", ANY),
        (relation("gs1:recallStatus"), "", "", "", None),
    ],
)
def test_the_link_of_a_request(
    relation_: str, context: str, accept: str, languages: str, expected: Link | None
) -> None:
    wanted = Wanted(relation_, context, ranges(accept), ranges(languages))
    assert chosen(ALL, wanted) == expected


def test_without_a_default_a_page_goes_first() -> None:
    assert chosen((ANY, EN), Wanted()) == EN
    assert chosen((), Wanted()) is None


def test_levels_are_in_the_order_of_the_standard() -> None:
    item = gs1.from_path("/01/09506000134352/21/S1/10/L1", "17=271231")
    assert [i.path for i in levels(item)] == [
        "01/09506000134352/10/L1/21/S1", "01/09506000134352/10/L1", "01/09506000134352",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", "https://x.example/p?a=1"),
        ("linkType=gs1%3Apip&context=cn", "https://x.example/p?a=1"),
        ("17=271231&b=%E7%94%B5", "https://x.example/p?a=1&17=271231&b=%E7%94%B5"),
    ],
)
def test_the_query_is_passed_on(query: str, expected: str) -> None:
    assert target(Link(PIP, "https://x.example/p?a=1"), query) == expected


def test_a_link_may_refuse_the_query() -> None:
    assert target(Link(PIP, "https://x.example/", passes_query=False), "a=1") == (
        "https://x.example/"
    )


def test_links_are_read_and_damaged_ones_left_out() -> None:
    good = {
        "linkType": "gs1:pip", "href": "https://x.example/", "hreflang": "zh", "context": ["cn"],
        "type": "text/html", "title": "T", "default": True, "fwqs": False,
    }  # fmt: skip
    bad = {"linkType": "gs1:pip", "href": "javascript:alert(1)"}
    values = [Value(n, "GS1_LINK", json.dumps(d).encode()) for n, d in enumerate((good, bad), 1)]
    assert links_of([*values, Value(3, "URL", b"x"), Value(4, "GS1_LINK", b"{")]) == (
        Link(PIP, "https://x.example/", "T", "text/html", ("zh",), ("cn",), True, False),
    )


@pytest.mark.parametrize(
    "name", ["gs1:pip", "https://gs1.org/voc/pip", "https://ref.gs1.org/voc/pip"]
)
def test_link_types_have_one_address(name: str) -> None:
    assert relation(name) == "https://ref.gs1.org/voc/pip"


def test_a_linkset_has_the_form_of_rfc_9264() -> None:
    told = linkset([("https://id.example/01/09506000134352", "https://id.example/88.1/A", ALL)])
    (context,) = told["linkset"]
    assert context["anchor"] == "https://id.example/01/09506000134352"
    assert context[PIP][0] == {
        "href": "https://m.example/zh", "type": "text/html", "hreflang": ["zh"],
    }  # fmt: skip
    assert [t["href"] for t in context[CERT]] == ["https://m.example/ccc", "https://m.example/ce"]
    assert context["https://ref.gs1.org/voc/defaultLink"] == [context[PIP][0]]
    # RFC 9264 4.2.2: every member but the anchor is an array of objects, each with an href.
    members = [targets for name, targets in context.items() if name != "anchor"]
    assert all(t["href"] for targets in members for t in targets)


@given(st.binary(max_size=60) | st.recursive(
    st.none() | st.booleans() | st.text(max_size=8),
    lambda x: st.dictionaries(st.sampled_from(["linkType", "href", "hreflang", "context"]), x),
    max_leaves=6).map(lambda told: json.dumps(told).encode()))  # fmt: skip
def test_any_bytes_are_a_link_or_a_value_error(data: bytes) -> None:
    try:
        link = read_link(data)
    except ValueError:
        return
    assert link.href.startswith(("http://", "https://"))
