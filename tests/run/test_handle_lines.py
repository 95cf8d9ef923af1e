"""Lines of identifiers: the short way stores the bytes of the long way, or leaves it the line."""

import json
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from millbrain.core.errors import MillbrainError
from millbrain.core.records import Value, store_form, stored_values
from millbrain.run.handle_lines import Lines, read
from millbrain.run.handles import made

AT_S = 1_760_000_000
PLAIN = {"handle": "88.100.1/p7", "values": [{"index": 1, "type": "URL", "data": "https://x/7"}]}
WORTH = b"hdl:88.100.1/P7", store_form([Value(1, "URL", b"https://x/7", timestamp_s=AT_S)])


def test_a_plain_line_is_stored_with_the_usual_rest() -> None:
    assert Lines(AT_S).record(json.dumps(PLAIN).encode(), "line 1") == WORTH


def test_a_line_may_tell_of_a_range() -> None:
    line = PLAIN | {"range": {"pattern": "P{4}", "from": 1, "to": 20}}
    key, stored = Lines(AT_S).record(json.dumps(line).encode(), "line 1")
    url, block = stored_values(stored)
    assert (key, url.data) == (b"hdl:88.100.1/P7", b"https://x/7")
    assert (block.type, block.data) == ("RANGE", b'{"pattern":"P{4}","from":1,"to":20}')
    for bad in (
        {},
        7,
        {"pattern": "P", "from": 1, "to": 2},
        {"pattern": "P{1}", "from": 1, "to": 20},
    ):
        with pytest.raises(MillbrainError, match="line 1"):
            Lines(AT_S).record(json.dumps(PLAIN | {"range": bad}).encode(), "line 1")


numbers = st.sampled_from([0, 1, 2000, 2**32 - 1, 2**32, -1, True, 1.0, "7", None, 2**70])
texts = st.sampled_from(["", "URL", "HS_ADMIN", "壳体", "a b", "x" * 300]) | st.none()
datas = texts | st.sampled_from(
    [{"format": "string", "value": "v"}, {"format": "hex", "value": "00ff"}, {"format": "no"}, 7]
)  # fmt: skip
values = st.fixed_dictionaries(
    {"index": numbers, "type": texts, "data": datas},
    optional={"ttl": numbers, "permissions": st.sampled_from(["1110", "1100", "x"]),
              "references": st.just([{"handle": "88.1/a", "index": 1}]), "timestamp": texts},
)  # fmt: skip
usual = st.fixed_dictionaries(
    {"index": st.integers(1, 9), "type": st.sampled_from(["URL", "型号"]), "data": st.text("a%壳")},
    optional={"ttl": st.integers(0, 2**32 - 1)},
)  # fmt: skip
handles = st.sampled_from([
    "88.100.1/p7", "88.100.1/%", " 88.1/a", "88.1/a ", "88.1/壳", "0.na/88.1", "a/b/c", "/x", "x/",
    "x", "hdl:88.1/a", "88..1/a", "88.1/a b", "88.1/\x7f", "doi:10.1/x", "", 7, "8.1/" + "y" * 201,
])  # fmt: skip
lines = st.fixed_dictionaries({
    "handle": handles, "values": st.lists(usual | values, max_size=3) | st.sampled_from([None, {}]),
}) | st.fixed_dictionaries({"values": st.lists(usual)})  # fmt: skip


def told(way: Any) -> Any:
    """Return what a way gives, or that it refuses."""
    try:
        return way()
    except (MillbrainError, ValueError, KeyError, TypeError):
        return "refused"


@pytest.mark.slow
@settings(max_examples=600, deadline=None)
@given(many=st.lists(lines, min_size=1, max_size=3))
def test_the_short_way_gives_what_the_long_way_gives(many: list[dict[str, Any]]) -> None:
    short = Lines(AT_S)
    for line in many:
        raw = json.dumps(line).encode()
        assert told(lambda raw=raw: short.record(raw, "line")) == told(
            lambda raw=raw: read(orjson.loads(raw), AT_S)
        )


@pytest.mark.parametrize("line", [b"[]", b"7", b"{}", b"{", b'{"handle": "x"}'])
def test_a_wrong_line_is_named(line: bytes) -> None:
    with pytest.raises(MillbrainError, match=r"parts\.jsonl line 7: .* expected"):
        Lines(AT_S).record(line, "parts.jsonl line 7")


@pytest.mark.parametrize("number", [0, 1, 976, 977, 12_345_678, 99_999_999])
def test_a_made_identifier_is_a_link_and_a_model(number: int) -> None:
    serial = number * 2_654_435_761 % 10**10
    at_s = 1_760_000_000 + number // 100
    url = Value(1, "URL", f"https://id.example.cn/p/{serial:010}".encode(), timestamp_s=at_s)
    model = Value(2000, "MODEL", f"NC250-{number % 977:05}".encode(), timestamp_s=at_s)
    assert made(number) == (f"hdl:88.608.8889/P{serial:010}".encode(), store_form((url, model)))
