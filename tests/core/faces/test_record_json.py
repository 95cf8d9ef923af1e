"""Values as JSON: what the reference server showed, what goes in, what is refused."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millbrain.core.faces.record_json import value_json, values_of
from millbrain.core.records import Value

ADMIN = {
    "index": 100,
    "type": "HS_ADMIN",
    "data": {
        "format": "admin",
        "value": {"handle": "0.NA/88.1", "index": 300, "permissions": "011111110011"},
    },
}


def test_a_value_reads_as_the_reference_server_writes_it(shared_data: Path) -> None:
    captures = json.loads((shared_data / "ident/wire-captures.json").read_text("utf-8"))
    answer = captures["http"]["GET /api/handles/88.100.1/P000000007?type=URL"]["body"]
    (told,) = answer["values"]
    (value,) = values_of(answer)
    assert value == Value(2000, "URL", b"https://id.example.cn/p/7")
    assert value_json(value) | {"timestamp": told["timestamp"]} == told


def test_an_administrator_is_told_in_bits() -> None:
    (value,) = values_of({"values": [ADMIN]})
    assert value.data == bytes.fromhex("07f3 00000009 302e4e412f38382e31 0000012c")
    assert value_json(value)["data"] == ADMIN["data"]


def test_groups_raw_bytes_and_permissions() -> None:
    group = {"format": "vlist", "value": [{"handle": "88.1/a", "index": 3}]}
    told = [
            {"index": 1, "type": "HS_VLIST", "data": group},
            {"index": 2, "type": "X", "data": {"format": "base64", "value": "/wA="}},
            {"index": 3, "type": "X", "data": {"format": "hex", "value": "c0ff"}},
            {"index": 4, "type": "X", "data": "plain", "permissions": "1100", "ttl": 60},
    ]  # fmt: skip
    values = values_of(told)
    assert values[0].data == bytes.fromhex("00000001 00000006 38382e312f61 00000003")
    assert [v.data for v in values[1:]] == [b"\xff\x00", b"\xc0\xff", b"plain"]
    assert (values[3].permissions, values[3].ttl) == (0x0C, 60)
    assert [value_json(v)["data"]["format"] for v in values] == [
        "vlist",
        "base64",
        "base64",
        "string",
    ]
    assert value_json(values[3])["permissions"] == "1100"


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({}, '"values": a list'),
        ([7], r"values\[0\]: an object"),
        ([{"index": 0, "type": "X", "data": ""}], "whole number from 1"),
        ([{"index": True, "type": "X", "data": ""}], "whole number"),
        ([{"type": "X", "data": ""}], "index"),
        ([{"index": 1, "type": "X", "data": {"format": "xml", "value": ""}}], "known are string"),
        ([{"index": 1, "type": "X", "data": {"format": "base64", "value": "?"}}], "base64"),
        ([ADMIN | {"data": {"format": "admin", "value": {"handle": "a/b", "index": 1,
           "permissions": "11"}}}], "12 of 0 and 1"),
    ],
)  # fmt: skip
def test_what_is_no_value_is_named(told: object, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        values_of(told)


@given(
    st.builds(
        Value,
        index=st.integers(1, 2**32 - 1),
        type=st.sampled_from(["URL", "HS_ADMIN", "HS_VLIST", "x"]),
        data=st.binary(max_size=40),
        ttl=st.integers(0, 2**32 - 1),
        permissions=st.integers(0, 15),
    )
)
def test_every_value_comes_back(value: Value) -> None:
    (again,) = values_of([value_json(value)])
    if value.type.startswith("HS_") and value_json(value)["data"]["format"] != "base64":
        again = Value(**{n: getattr(again, n) for n in Value.__slots__} | {"data": value.data})
    assert again == value


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5),
                    lambda x: st.lists(x, max_size=3) | st.dictionaries(
                        st.sampled_from(["values", "index", "type", "data", "format", "value",
                                         "permissions", "handle", "ttl"]), x, max_size=4),
                    max_leaves=12))  # fmt: skip
def test_any_json_gives_values_or_a_value_error(told: object) -> None:
    try:
        values_of(told)
    except ValueError:
        return
