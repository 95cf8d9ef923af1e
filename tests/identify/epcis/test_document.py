"""Events that come in: any JSON is an event or named as none; what the rules of EPCIS refuse."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millbrain.core.events import thing_key
from millbrain.identify.epcis.document import KINDS, check, read_document, read_event, terms

RIGHT: dict[str, Any] = {
    "type": "ObjectEvent", "eventTime": "2026-03-04T10:00:00Z", "eventTimeZoneOffset": "+08:00",
    "action": "ADD", "epcList": ["urn:epc:id:sgtin:9506000.013435.S1"],
}  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(allow_nan=False, width=16)
    | st.sampled_from(["", "x:y", "urn:epc:id:sgtin:1.2.3", "2026-03-04T10:00:00Z", "ADD"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from([
        "id", "type", "epcClass", "quantity", "sensorReport", "sensorMetadata", "set", "a:b"]),
        inner, max_size=3),
    max_leaves=8,
)  # fmt: skip
MEMBERS = ("epcList", "childEPCs", "parentID", "quantityList", "readPoint", "bizLocation",
           "bizStep", "bizTransactionList", "sourceList", "sensorElementList", "ilmd",
           "persistentDisposition", "eventID", "transformationID", "errorDeclaration", "our:x",
           "@context", "eventTime", "inputEPCList", "outputQuantityList")  # fmt: skip


@given(st.sampled_from(KINDS), st.dictionaries(st.sampled_from(MEMBERS), JSON, max_size=4))
def test_any_json_is_an_event_or_named_as_none(kind: str, more: dict[str, Any]) -> None:
    try:
        event = read_event(RIGHT | {"type": kind} | more, {}, "88.1", 0, False)
    except ValueError:
        return
    assert event.id
    assert len(event.digest) == 32


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"type": "MoveEvent"}, "one of ObjectEvent"),
        ({"eventTime": "2026-03-04T10:00:00"}, "an offset"),
        ({"eventTime": "yesterday"}, "ISO 8601"),
        ({"eventTimeZoneOffset": "8"}, r"\+08:00"),
        ({"action": None}, "action is None"),
        ({"epcList": []}, "epcList, quantityList or"),
        ({"epcList": "urn:x:y"}, "a list of URIs"),
        ({"epcList": ["a\x00b"]}, "a list of URIs"),
        ({"eventID": "7"}, "a URI"),
        ({"type": "AggregationEvent"}, "parentID is missing"),
        ({"type": "TransformationEvent", "inputEPCList": ["urn:x:y"]}, "inputs and outputs"),
        ({"readPoint": "here"}, "an object with id"),
        ({"readPoint": None}, "an object with id"),
        ({"quantityList": [{"quantity": 1}]}, "epcClass"),
    ],
)
def test_what_breaks_a_rule_is_said(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        check(RIGHT | change)


def test_one_thing_may_play_two_parts() -> None:
    told = {"type": "TransformationEvent", "inputEPCList": ["urn:x:a"],
            "outputEPCList": ["urn:x:a", "urn:x:b"]}  # fmt: skip
    assert terms(told) == {
        ("kind", "TransformationEvent"): "", ("thing", thing_key("urn:x:a")): "io",
        ("thing", "urn:x:b"): "o",
    }  # fmt: skip


def test_a_document_that_is_nested_too_deeply_is_refused() -> None:
    deep = b'{"a:b":' * 900 + b"1" + b"}" * 900
    told = read_document(b'{"type":"ObjectEvent","our:x":' + deep + b"}")
    with pytest.raises(ValueError, match="nested"):
        read_event(RIGHT | told.events[0], {}, "88.1", 0, False)
