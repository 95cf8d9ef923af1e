"""Templates over the real store: held to by every write, versions kept, loads as well."""

from typing import Any

import pytest

from millbrain.core.keys import handle_key
from millbrain.core.records import Value, store_form
from millbrain.core.registry import Reason, RegistryError, Verb
from millbrain.core.templates import to_values, version_value
from millbrain.record.identifiers.templates import TemplateError
from tests.record.identifiers.test_registry import MAKER, OWN, ROOT, Node, node, refused

__all__ = ["node"]

GEAR = "88.1.2/META_GEAR"
FIRST = {"title": "Gear", "title_zh": "齿轮", "fields": [
    {"name": "mass", "index": 2000, "kind": "number", "unit": "kg", "is_required": True,
     "low": 0, "high": 500},
    {"name": "cost", "index": 2001, "kind": "number", "is_hidden": True}]}  # fmt: skip
META = Value(1001, "META", GEAR.encode())
MASS = Value(2000, "mass", b"12.5")


def define(node: Node, told: dict[str, Any] = FIRST, version: int = 1) -> None:
    if version == 1:
        node.do(Verb.CREATE, GEAR, MAKER, version_value(1, told), OWN)
    else:
        node.do(Verb.ADD, GEAR, MAKER, version_value(version, told))


def test_a_record_that_names_a_template_follows_it(node: Node) -> None:
    define(node)
    values, problems = to_values(node.registry.templates("88.1.2")[0], {"mass": 3, "cost": 7})
    assert not problems
    node.do(Verb.CREATE, "88.1.2/p7", MAKER, *values, OWN)
    with pytest.raises(TemplateError, match=r"88\.1\.2/p8: mass is missing") as missing:
        node.do(Verb.CREATE, "88.1.2/p8", MAKER, META, OWN)
    assert [p.field for p in missing.value.problems] == ["mass"]
    wrong = Value(2000, "mass", b"501")
    refused(node, Reason.INVALID, Verb.MODIFY, "88.1.2/p7", MAKER, wrong)
    refused(node, Reason.INVALID, Verb.PUT, "88.1.2/p7", MAKER, wrong, overwrite=True)
    refused(node, Reason.INVALID, Verb.ADD, "88.1.2/p7", MAKER, Value(7, "URL", b"x"))
    refused(node, Reason.INVALID, Verb.REMOVE, "88.1.2/p7", MAKER, indexes=(2000,))
    refused(node, Reason.INVALID, Verb.CREATE, "88.1.2/p7", MAKER, META, OWN, overwrite=True)
    node.do(Verb.MODIFY, "88.1.2/p7", MAKER, Value(2000, "mass", b"4"))
    found = {v.index: v.data for v in node.values("88.1.2/p7")}
    assert found == {1001: GEAR.encode(), 2000: b"4", 2001: b"7", 100: OWN.data}


def test_a_template_that_is_not_there_is_named(node: Node) -> None:
    with pytest.raises(RegistryError, match="META_GEAR' is not recorded"):
        node.do(Verb.CREATE, "88.1.2/p7", MAKER, META, OWN)
    refused(node, Reason.INVALID, Verb.CREATE, "88.1.2/p7", MAKER, META,
            Value(1002, "META", b"88.1.2/META_B"), OWN)  # fmt: skip


def test_a_prefix_says_which_templates_its_records_follow(node: Node) -> None:
    define(node)
    node.do(Verb.ADD, "0.NA/88.1.2", ROOT, META)
    refused(node, Reason.INVALID, Verb.CREATE, "88.1.2/p7", MAKER, Value(1, "URL", b"x"), OWN)
    node.do(Verb.CREATE, "88.1.2/p7", MAKER, MASS, OWN)
    node.do(Verb.CREATE, "88.1.2/admin", MAKER, Value(300, "HS_SECKEY", b"x"), OWN)
    assert node.registry.template_for("88.1.2/p7", node.values("88.1.2/p7")) is not None
    node.do(Verb.CREATE, "88.1.2/META_B", MAKER, version_value(1, FIRST), OWN)
    other = Value(1001, "META", b"88.1.2/meta_b")
    refused(node, Reason.INVALID, Verb.CREATE, "88.1.2/p8", MAKER, other, MASS, OWN)
    node.do(Verb.ADD, "0.NA/88.1.2", ROOT, Value(1002, "META", b"88.1.2/META_B"))
    node.do(Verb.CREATE, "88.1.2/p8", MAKER, other, MASS, OWN)
    refused(node, Reason.INVALID, Verb.CREATE, "88.1.2/p9", MAKER, MASS, OWN)
    refused(node, Reason.INVALID, Verb.ADD, "0.NA/88.1.2", ROOT, Value(9, "META", b"88.1.2/META_C"))


def test_versions_are_kept_and_only_widen(node: Node) -> None:
    define(node)
    narrower = {"fields": [{**FIRST["fields"][0], "high": 400}]}  # type: ignore[dict-item]
    with pytest.raises(RegistryError, match="versions only add and widen"):
        define(node, narrower, 2)
    for verb, values, more in (
        (Verb.DELETE, (), {}),
        (Verb.REMOVE, (), {"indexes": (2001,)}),
        (Verb.MODIFY, (version_value(1, {**FIRST, "title": "Ring"}),), {}),
        (Verb.PUT, (version_value(1, narrower),), {"overwrite": True}),
        (Verb.CREATE, (Value(1, "URL", b"x"), OWN), {"overwrite": True}),
    ):
        refused(node, Reason.DENIED, verb, GEAR, ROOT, *values, **more)
    wider = {"fields": [{**FIRST["fields"][0], "high": 900}, {"name": "ring", "index": 2010}]}  # type: ignore[dict-item]
    define(node, wider, 2)
    found = node.registry.template(GEAR)
    assert found is not None
    assert (found.version, found.by_name["mass"].high) == (2, 900)
    refused(node, Reason.INVALID, Verb.CREATE, "88.1.2/gear", MAKER, version_value(1, FIRST), OWN)
    hidden = Value(2001, "META_TEMPLATE", version_value(1, FIRST).data, permissions=0x0C)
    refused(node, Reason.INVALID, Verb.CREATE, "88.1.2/META_C", MAKER, hidden, OWN)


def test_a_withdrawn_template_takes_no_further_record(node: Node) -> None:
    define(node)
    node.do(Verb.CREATE, "88.1.2/p7", MAKER, META, MASS, OWN)
    define(node, {"is_withdrawn": True}, 2)
    node.do(Verb.MODIFY, "88.1.2/p7", MAKER, Value(2000, "mass", b"1"))
    refused(node, Reason.INVALID, Verb.CREATE, "88.1.2/p8", MAKER, META, MASS, OWN)


def test_a_load_is_held_to_templates(node: Node) -> None:
    template = (handle_key(GEAR), store_form([version_value(1, FIRST)]))
    good = (b"hdl:88.1.2/L1", store_form([META, MASS]))
    bad = (b"hdl:88.1.2/L2", store_form([META]))
    with pytest.raises(RegistryError, match=r"88\.1\.2/L2: mass is missing"):
        node.registry.load([template, good, bad], ROOT, "file")
    assert node.values("88.1.2/L1") == ()
    assert node.registry.load([template, good], ROOT, "file") == 2
    assert len(node.values("88.1.2/L1")) == 2
    lost = (handle_key(GEAR), store_form([Value(1, "URL", b"x")]))
    with pytest.raises(RegistryError, match="is a version of a template"):
        node.registry.load([lost, (b"hdl:88.1.2/L3", store_form([META, MASS]))], ROOT, "file")
