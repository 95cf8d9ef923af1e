"""Connections and addresses: what is taken, what is refused and how it is said."""

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millbrain.connect.opcua import addresses, layout, options, sentences
from millbrain.connect.opcua.codec import Published
from millbrain.connect.opcua.link import Link
from millbrain.connect.opcua.sentences import WhyError
from millbrain.core.errors import NotFoundError, SettingsError
from millbrain.core.plant.tags import Connection, Tag
from tests.connect.opcua.plants import press

SPACES = ["http://opcfoundation.org/UA/", "urn:us", "urn:works;a%b"]


@pytest.mark.parametrize(
    ("text", "node"),
    [
        ("i=85", "ns=0;i=85"),
        ("ns=2;s=A;b=c[3]", "ns=2;s=A;b=c[3]"),
        ("nsu=urn:us;i=7", "ns=1;i=7"),
        ("nsu=urn:works%3Ba%25b;s=x", "ns=2;s=x"),
        ("index=12;nsu=urn:us;g=72962b91-fa75-4ae6-8d28-b404dc7daf63",
         "ns=1;g=72962b91-fa75-4ae6-8d28-b404dc7daf63"),
    ],
)  # fmt: skip
def test_addresses_are_resolved(text: str, node: str) -> None:
    assert addresses.parse(text).resolved(SPACES) == node
    assert addresses.is_right(text)


@pytest.mark.parametrize(
    "text", ["", "speed", "i=x", "ns=a;s=x", "nsu=;s=x", "s=", "index=-1;s=x", "i=99999999999"]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="is no node id"):
        addresses.parse(text)
    assert not addresses.is_right(text)


@given(st.text(min_size=1), st.sampled_from(range(1, 3)))
def test_a_browsed_address_leads_back(name: str, number: int) -> None:
    lasting = addresses.written(f"ns={number};s={name}", SPACES)
    assert lasting.startswith("nsu=")
    assert addresses.parse(lasting).resolved(SPACES) == f"ns={number};s={name}"


def test_an_unknown_namespace_says_which_there_are() -> None:
    with pytest.raises(NotFoundError, match="it has urn:us, urn:works"):
        addresses.parse("nsu=urn:gone;s=x").resolved(SPACES)


@pytest.mark.parametrize(
    ("endpoint", "given_options", "field"),
    [
        ("http://a:1", {}, "endpoint"),
        ("opc.tcp://a", {}, "endpoint"),
        ("opc.tcp://user:pw@a:1", {}, "endpoint"),
        ("opc.tcp://a:99999", {}, "endpoint"),
        ("opc.tcp://a:1", {"securty": "None"}, "options.securty"),
        ("opc.tcp://a:1", {"security": "Basic512"}, "options.security"),
        ("opc.tcp://a:1", {"trusted_sha256": "ab:cd"}, "options.trusted_sha256"),
        ("opc.tcp://a:1", {"history": "perhaps"}, "options.history"),
        ("opc.tcp://a:1", {"publishing_ms": 1}, "options.publishing_ms"),
        ("opc.tcp://a:1", {"queue": 1.5}, "options.queue"),
        ("opc.tcp://a:1", {"items_per_call": "many"}, "options.items_per_call"),
    ],
)
def test_what_is_wrong_with_a_connection_is_named(
    endpoint: str, given_options: dict[str, Any], field: str
) -> None:
    made = Connection("press", "opcua", endpoint=endpoint, options=given_options)
    assert [w.field for w in options.check(made, ())] == [field]
    with pytest.raises(SettingsError, match="is allowed"):
        options.read(made)


def test_wrong_addresses_are_named_one_by_one() -> None:
    tags = [Tag("press", a, "P1", "x") for a in ("ns=2;s=ok", "speed", "i=3")]
    assert [w.address for w in options.check(press("opc.tcp://a:1"), tags)] == ["speed"]


def test_options_may_come_as_texts() -> None:
    read = options.read(press("opc.tcp://a:1", queue="7", history="true",
                              trusted_sha256="AB:" * 31 + "AB"))  # fmt: skip
    assert (read.queue, read.history, read.trusted_sha256) == (7, True, "ab" * 32)


def test_status_codes_are_sentences_in_both_languages() -> None:
    english, chinese = sentences.of_status(0x80210000)  # one without advice of ours
    assert english.startswith("BadIdentityTokenRejected: the server refuses this user")
    assert "拒绝该用户" in chinese
    assert "节点已不存在" in sentences.of_status(0x80340000)[1]
    assert sentences.of_error(WhyError("no", "否"), "a:1") == ("no", "否")
    assert "a:1 did not answer in time" in sentences.of_error(TimeoutError(), "a:1")[0]


def test_a_server_whose_clock_is_off_is_named() -> None:
    link = Link(None, press("opc.tcp://a:1"), [], 0)  # type: ignore[arg-type]  # nothing is asked
    for hours, said in ((2, "the server's clock is 7200 s ahead"), (-1, "3600 s behind"), (0, "")):
        ticks = layout.EPOCH_TICKS + int((time.time() + hours * 3600) * 10_000_000)
        link._heard(Published(0, 1, (), False, 1, ticks, (), ()), 0)
        assert said in link._partly(0)[0].replace("7199 s", "7200 s").replace("3601 s", "3600 s")
    assert link._partly(0) == ("", "")
