"""Descriptors without a registry: what is one, how a record holds it, how addresses carry it."""

import base64
import contextlib
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millbrain.core.records import ADMIN_READ, ADMIN_WRITE, PERMISSIONS_USUAL, Value
from millbrain.identify.aas.descriptors import checked_links, checked_shell, checked_submodel
from millbrain.identify.aas.encoding import asset_links, decoded, encoded, page
from millbrain.identify.aas.holding import (
    Held,
    Shell,
    link_tag,
    read_shell,
    read_submodel,
    shell_of,
    shell_values,
    submodel_values,
)

ENDPOINTS = [{"interface": "AAS-3.0", "protocolInformation": {"href": "https://x.example"}}]
PARTS = [{"id": f"urn:sm:{n}", "endpoints": ENDPOINTS} for n in range(3)]
TOLD = {
    "id": "urn:aas:1", "globalAssetId": "urn:a:1", "assetKind": "Instance",
    "specificAssetIds": [{"name": "n", "value": "v"}], "submodelDescriptors": PARTS,
    "someMaker": {"of": ["another", 7, None]},
}  # fmt: skip
HIDDEN = ADMIN_READ | ADMIN_WRITE
NAMES = st.sampled_from([
    "id", "idShort", "endpoints", "interface", "protocolInformation", "href", "description",
    "language", "text", "specificAssetIds", "name", "value", "submodelDescriptors", "semanticId",
    "type", "keys", "referredSemanticId", "administration", "extensions",
])  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=12,
)


def held(values: tuple[Value, ...]) -> Held:
    return Held({value.index: value for value in values})


def test_a_record_holds_a_shell_as_it_was_sent() -> None:
    shell = shell_of(checked_shell(TOLD))
    shell = replace(shell, links=({"name": "batch", "value": "7"},))
    values = shell_values(shell, ["aas:urn:aas:1"], Held())
    assert read_shell(reversed(values)) == shell
    assert shell.told == TOLD
    texts = [v.data.decode() for v in values if v.type == "TAG"]
    assert texts == [
        "aas.asset.globalAssetId=urn:a:1", "aas.asset.n=v", "aas.asset.batch=7", "aas=shell",
        "aas.assetKind=Instance",
    ]  # fmt: skip
    assert [v.data for v in values if v.type == "ALIAS"] == [b"aas:urn:aas:1"]
    assert len({v.index for v in values}) == len(values)
    alone = submodel_values(PARTS[0], [], Held())
    assert read_submodel(alone) == PARTS[0]
    assert read_shell(alone) is None


def test_a_submodel_keeps_its_place_and_its_rights() -> None:
    before = shell_values(shell_of(TOLD), [], Held())
    closed = tuple(
        replace(v, permissions=HIDDEN) if b"urn:sm:1" in v.data else v for v in before
    )  # fmt: skip
    new = {"id": "urn:sm:9", "endpoints": ENDPOINTS}
    changed = TOLD | {"submodelDescriptors": [PARTS[2], PARTS[1] | {"idShort": "X"}, new]}
    after = shell_values(shell_of(changed), [], held(closed))
    parts = {json.loads(v.data)["id"]: v for v in after if v.type == "AAS_SHELL_SUBMODEL"}
    assert parts["urn:sm:1"].permissions == HIDDEN
    assert parts["urn:sm:2"].index == next(v.index for v in before if b"urn:sm:2" in v.data)
    assert parts["urn:sm:9"].permissions == PERMISSIONS_USUAL
    assert parts["urn:sm:9"].index == next(v.index for v in before if b"urn:sm:0" in v.data)


def test_tags_are_as_open_as_what_they_lead_to() -> None:
    before = shell_values(shell_of(TOLD), [], Held())
    closed = tuple(replace(v, permissions=HIDDEN) if v.type == "AAS_SHELL" else v for v in before)
    after = shell_values(shell_of(TOLD | {"assetType": "new"}), [], held(closed))
    assert {v.permissions for v in after if v.type == "TAG"} == {HIDDEN}


def test_links_alone_and_links_that_are_hidden() -> None:
    alone = Shell("urn:aas:2", links=({"name": "n", "value": "v"},))
    assert read_shell(shell_values(alone, [], Held())) == alone
    hidden = replace(shell_of(TOLD), hides_own=True)
    assert hidden.all_links == []
    assert read_shell(shell_values(hidden, [], Held())) == hidden


@given(JSON)
def test_anything_is_a_descriptor_or_refused(told: Any) -> None:
    for check in (checked_shell, checked_submodel, checked_links):
        with contextlib.suppress(ValueError):
            assert check(told) == told


@given(JSON, JSON)
def test_what_is_accepted_is_held_and_given_back(first: Any, second: Any) -> None:
    told = {**TOLD, "description": first, "extensions": second}
    try:
        shell = shell_of(checked_shell(told))
        values = shell_values(shell, [], Held())
    except ValueError:
        return
    found = read_shell(values)
    assert found is not None
    assert found.told == told


def test_a_reference_in_a_reference_ends_somewhere() -> None:
    reference: dict[str, Any] = {"type": "ModelReference", "keys": [{"type": "A", "value": "b"}]}
    for _ in range(40):
        reference = {**reference, "referredSemanticId": reference}
    with pytest.raises(ValueError, match="nested deeper"):
        checked_submodel({"id": "a", "endpoints": ENDPOINTS, "semanticId": reference})


# Addresses --------------------------------------------------------------------------------------


def test_ids_in_addresses() -> None:
    """The example of IDTA-01002-3-1, HTTP/REST: an id and its encoding, worked out by base64(1)."""
    assert encoded("https://example.org/aas/motor") == "aHR0cHM6Ly9leGFtcGxlLm9yZy9hYXMvbW90b3I"
    assert decoded("aHR0cHM6Ly9leGFtcGxlLm9yZy9hYXMvbW90b3I=", "id") == (
        "https://example.org/aas/motor"
    )
    assert encoded("电?>") == "55S1Pz4"


@given(st.text())
def test_addresses_are_read_as_they_are_written(text: str) -> None:
    assert decoded(encoded(text), "id") == text


@given(st.text(max_size=40))
def test_any_address_is_one_or_refused(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert decoded(encoded(decoded(text, "id")), "id") == decoded(text, "id")


def test_asset_ids_of_a_lookup() -> None:
    """The value that the specification prints for its example (3.0, with `key` for `name`)."""
    printed = (
        "W3sia2V5IjogImdsb2JhbEFzc2V0SWQiLCJ2YWx1ZSI6ICJodHRwOi8vZXhhbXBsZS5jb21wYW55L215QXNzZXQi"
        "fSx7ImtleSI6ICJteU93bkludGVybmFsQXNzZXRJZCIsInZhbHVlIjogIjEyMzQ1QUJDIn1d"
    )
    assert asset_links([printed]) == [
        {"key": "globalAssetId", "value": "http://example.company/myAsset"},
        {"key": "myOwnInternalAssetId", "value": "12345ABC"},
    ]
    one = base64.urlsafe_b64encode(b'{"name": "a", "value": "b"}').decode()
    assert asset_links([one, one]) == [{"name": "a", "value": "b"}] * 2
    assert link_tag("a=b", "c=d") == "aas.asset.a%3Db=c=d"


def test_pages() -> None:
    assert page([1], "88.1/A") == {"paging_metadata": {"cursor": "ODguMS9B"}, "result": [1]}
    assert page([], "") == {"paging_metadata": {}, "result": []}
