"""Metadata templates: what a record may hold, and versions that only add and widen."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millbrain.core.records import Value, store_form
from millbrain.core.templates import (
    META_TYPE,
    Template,
    evolved,
    problems_of,
    read_template,
    template_of,
    to_content,
    to_values,
    version_value,
)

HANDLE = "88.1.2/META_GEAR"
GEAR: dict[str, Any] = {
    "title": "Gear", "title_zh": "齿轮", "about": {"standard": "GB/T 1356"},
    "fields": [
        {"name": "mass", "index": 2000, "kind": "number", "unit": "kg", "is_required": True,
         "title": "Mass", "title_zh": "质量", "low": 0, "high": 500},
        {"name": "grade", "index": 2001, "kind": "choice",
         "choices": {"a": ["first", "一等"], "b": ["second", "二等"]}},
        {"name": "cost", "index": 2002, "kind": "number", "is_hidden": True},
        {"name": "made_at", "index": 2003, "kind": "at"},
        {"name": "teeth", "index": 2004, "kind": "whole", "low": 4},
        {"name": "parent", "index": 2005, "kind": "reference"},
        {"name": "checked", "index": 2006, "kind": "truth"},
        {"name": "remark", "index": 2007, "longest": 10},
        {"name": "curve", "index": 2008, "kind": "data", "longest": 4},
    ],
}  # fmt: skip
TEMPLATE = evolved(HANDLE, None, GEAR)
MASS = Value(2000, "mass", b"1.5")


def test_content_becomes_values_and_comes_back() -> None:
    content = {"mass": 12.5, "grade": "a", "cost": 7, "made_at": "2026-03-01T09:30:00Z",
               "teeth": 21, "parent": "88.1.2/p6", "checked": True, "remark": "好",
               "curve": b"\xff\0"}  # fmt: skip
    values, problems = to_values(TEMPLATE, content)
    assert problems == []
    assert values[0] == Value(1001, META_TYPE, b"88.1.2/META_GEAR")
    assert {v.index: v.data for v in values[1:]} == {
        2000: b"12.5", 2001: b"a", 2002: b"7", 2003: b"2026-03-01T09:30:00Z", 2004: b"21",
        2005: b"88.1.2/p6", 2006: b"true", 2007: "好".encode(), 2008: b"\xff\0",
    }  # fmt: skip
    assert [v.permissions for v in values if v.type == "cost"] == [0x0C]
    assert problems_of(TEMPLATE, values) == []
    assert to_content(TEMPLATE, values) == content


@pytest.mark.parametrize(
    ("value", "field", "said"),
    [
        (Value(2000, "mass", b"501"), "mass", "was 501; 0 to 500 is allowed"),
        (Value(2000, "mass", b"nan"), "mass", "0 to 500 is allowed"),
        (Value(2000, "mass", b"heavy"), "mass", "a number is expected"),
        (Value(2000, "mass", b""), "mass", "is empty"),
        (Value(2000, "mass", b"\xff"), "mass", "no UTF-8"),
        (Value(2000, "weight", b"1"), "mass", "'mass' is expected"),
        (Value(2001, "grade", "一等".encode()), "grade", "allowed are a (一等), b (二等)"),
        (Value(2002, "cost", b"7"), "cost", "hides it"),
        (Value(2004, "teeth", b"4.5"), "teeth", "whole number"),
        (Value(2004, "teeth", b"1e999"), "teeth", "whole number"),
        (Value(2005, "parent", b"nothing"), "parent", "fits no scheme"),
        (Value(2007, "remark", b"x" * 11), "remark", "at most 10"),
        (Value(2008, "curve", b"x" * 5), "curve", "5 bytes; at most 4"),
        (Value(7, "URL", b"x"), "index 7", "is no field; 88.1.2/META_GEAR has 2000 mass"),
    ],
)
def test_what_is_wrong_is_named(value: Value, field: str, said: str) -> None:
    others = [] if value.index == 2000 else [MASS]
    (problem,) = problems_of(TEMPLATE, [value, *others])
    assert problem.field == field
    assert said in problem.problem


def test_what_must_be_there_and_what_administers() -> None:
    (problem,) = problems_of(TEMPLATE, [Value(100, "HS_ADMIN", b""), Value(9, "ALIAS", b"x")])
    assert (problem.field, problem.problem) == ("mass", "is missing; index 2000 is needed")


def test_versions_are_read_together() -> None:
    later = {"fields": [{"name": "ring", "index": 2020}], "title": "Gear wheel"}
    values = [version_value(2, later), version_value(1, GEAR)]
    found = read_template(HANDLE, values)
    assert found is not None
    assert (found.version, found.title, found.title_zh) == (2, "Gear wheel", "齿轮")
    assert [f.name for f in found.fields][-2:] == ["curve", "ring"]
    assert template_of(HANDLE, store_form(values)) == found
    assert found.about == {"standard": "GB/T 1356"}
    with pytest.raises(ValueError, match="version 2 of the template was expected at index 2002"):
        read_template(HANDLE, [version_value(1, GEAR), version_value(3, later)])


def field(name: str, **more: Any) -> dict[str, Any]:
    known = next((f for f in GEAR["fields"] if f["name"] == name), {"name": name, "index": 2100})
    return {"fields": [known | more]}


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (field("mass", index=2050), "index was 2000, now 2050"),
        (field("mass", kind="text"), "kind was"),
        (field("mass", unit="g"), "unit was 'kg', now 'g'"),
        (field("mass", type="m"), "type was"),
        (field("mass", low=1), "range was 0 to 500, now 1 to 500"),
        (field("mass", high=400), "range was"),
        (field("remark", longest=9), "longest was 10, now 9"),
        (field("remark", is_required=True), "demanded now and was not"),
        (field("remark", is_hidden=True), "hidden now"),
        (field("grade", choices={"a": ["first", "一等"]}), "b left the code list"),
        (field("new", is_required=True), "cannot demand it"),
        (field("new", index=2000), "index 2000 is that of mass"),
    ],
)
def test_a_version_that_narrows_is_refused(told: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said) as refused:
        evolved(HANDLE, TEMPLATE, told)
    assert "88.1.2/META_GEAR version 2" in str(refused.value)


@pytest.mark.parametrize(
    "told",
    [
        {}, {"fields": {}}, {"fields": [1]}, {"fields": [{"name": "a"}]},
        {"fields": [{"name": "1a", "index": 1}]}, {"fields": [{"name": "a", "index": True}]},
        {"fields": [{"name": "a", "index": 0}]}, {"fields": [{"name": "a", "index": 1 << 32}]},
        {"fields": [{"name": "a", "index": 1, "kind": "float"}]},
        {"fields": [{"name": "a", "index": 1, "type": "HS_SECKEY"}]},
        {"fields": [{"name": "a", "index": 1, "type": "GRANT"}]},
        {"fields": [{"name": "a", "index": 1, "low": 2, "high": 1}]},
        {"fields": [{"name": "a", "index": 1, "low": "0"}]},
        {"fields": [{"name": "a", "index": 1, "low": 10**400}]},
        {"fields": [{"name": "a", "index": 1, "kind": "choice"}]},
        {"fields": [{"name": "a", "index": 1, "choices": {"x": ["y", "z"]}}]},
        {"fields": [{"name": "a", "index": 1, "kind": "choice", "choices": {"x": "yz"}}]},
        {"fields": [{"name": "a", "index": 1, "longest": 1 << 20}]},
        {"fields": [{"name": "a", "index": 1, "secret": 1}]},
        {"fields": [{"name": "a", "index": 1}, {"name": "a", "index": 2}]},
        {"fields": [{"name": "a", "index": 1, "title": "x" * 2_000}]},
        {"fields": [{"name": "a", "index": 1, "title": "x\0"}]},
        {"fields": [{"name": "a", "index": 1}], "about": {"x": 1}},
        {"fields": [{"name": "a", "index": 1}], "is_withdrawn": 1},
        {"fields": [{"name": "a", "index": 1}], "other": 1},
    ],
)  # fmt: skip
def test_a_malformed_version_is_refused(told: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="version 1"):
        evolved(HANDLE, None, told)
    with pytest.raises(ValueError, match="version 1"):
        read_template(HANDLE, [version_value(1, told)])


@given(st.binary(max_size=200))
def test_bytes_that_are_no_version_raise_nothing_else(data: bytes) -> None:
    value = Value(2001, "META_TEMPLATE", data)
    assert template_of(HANDLE, store_form([value])) is None


JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["name", "index", "kind", "fields", "choices", "low", "about", "a"]), inner,
        max_size=4), max_leaves=12)  # fmt: skip


@given(st.dictionaries(st.sampled_from(["fields", "about", "title"]), JSONS))
def test_any_json_is_a_version_or_refused(told: dict[str, Any]) -> None:
    value = Value(2001, "META_TEMPLATE", json.dumps(told).encode())
    found = template_of(HANDLE, store_form([value]))
    assert found is None or found.version == 1


# What was valid stays valid, whatever versions follow.
NUMBERS = st.integers(-5, 5)
FIELDS = st.builds(
    lambda name, index, low, more, longest, words, flags: {
        "name": name, "index": index, "low": low, "high": low + more, "longest": longest,
        "is_required": flags[0], "is_hidden": flags[1], "is_disabled": flags[2],
        "kind": "choice" if words else "text" if longest < 4 else "whole",
        "choices": {word: ["e", "z"] for word in words},
    },
    st.sampled_from("abc"), st.integers(1, 4), NUMBERS, st.integers(0, 5), st.integers(1, 6),
    st.sets(st.sampled_from("xyz")), st.tuples(st.booleans(), st.booleans(), st.booleans()),
)  # fmt: skip
RECORDS = st.lists(
    st.builds(
        lambda index, kind, data, is_open: Value(
            index, kind, data.encode(), permissions=0x0E if is_open else 0x0C
        ),
        st.integers(1, 4), st.sampled_from("abc"),
        st.sampled_from(["", "x", "y", "-3", "0", "4", "xx", "long text"]), st.booleans(),
    ), max_size=3, unique_by=lambda v: v.index)  # fmt: skip


@given(
    st.lists(st.lists(FIELDS, max_size=3), min_size=1, max_size=4), st.lists(RECORDS, max_size=6)
)
def test_what_was_valid_stays_valid(
    versions: list[list[dict[str, Any]]], records: list[list[Value]]
) -> None:
    template: Template | None = None
    for fields in versions:
        try:
            after = evolved(HANDLE, template, {"fields": fields})
        except ValueError:
            continue
        if template is not None:
            for values in records:
                if not problems_of(template, values):
                    assert problems_of(after, values) == []
        template = after
