"""Aliases over the real store: claims, whose they are, what ends them."""

import pytest

from millbrain.core.keys import parse
from millbrain.core.records import PERMISSIONS_USUAL, PUBLIC_READ, Value, store_form
from millbrain.core.registry import ADD_HANDLE, Reason, RegistryError, Verb
from tests.record.identifiers.test_registry import MAKER, NOBODY, OWN, STRANGER, Node, node

__all__ = ["node"]

VIN = Value(10, "ALIAS", b"LDPGABAC2JN361504")
GTIN = Value(11, "ALIAS", b"(01)09506000134352(21)a/1")
LINK = Value(12, "ALIAS", b"https://ID.example.cn/p/7")


def named(node: Node, *texts: str) -> list[str]:
    return node.registry.named([parse(t) for t in texts])


def test_every_scheme_leads_to_the_record(node: Node) -> None:
    node.do(Verb.CREATE, "88.1.2/p7", MAKER, VIN, GTIN, LINK, OWN)
    assert named(
        node, "ldpgabac2jn361504", "https://x.example/01/9506000134352/21/a%2F1", "88.1.2/P7",
        "https://id.example.cn:443/p/7", "https://id.example.cn/P/7", "88.1.2/none",
    ) == ["88.1.2/P7"] * 4 + ["", ""]  # fmt: skip


def test_one_alias_has_one_record(node: Node) -> None:
    node.do(Verb.CREATE, "88.1.2/a", MAKER, VIN, OWN)
    with pytest.raises(RegistryError, match=r"88\.1\.2/A; nothing changed") as refused:
        node.do(Verb.CREATE, "88.1.2/b", MAKER, VIN, OWN)
    assert refused.value.reason is Reason.EXISTS
    assert node.values("88.1.2/b") == ()
    with pytest.raises(RegistryError, match="alias") as refused:
        node.do(Verb.CREATE, "88.1.2/b", MAKER, Value(10, "ALIAS", b"?"), OWN)
    assert refused.value.reason is Reason.INVALID
    node.do(Verb.DELETE, "88.1.2/a")
    assert named(node, "vin:LDPGABAC2JN361504") == [""]
    node.do(Verb.CREATE, "88.1.2/b", MAKER, VIN, OWN)
    assert named(node, "vin:LDPGABAC2JN361504") == ["88.1.2/B"]
    node.do(Verb.REMOVE, "88.1.2/b", indexes=(10,))
    assert named(node, "vin:LDPGABAC2JN361504") == [""]


def test_a_handle_of_its_own_goes_before_an_alias(node: Node) -> None:
    node.do(Verb.CREATE, "88.1.2/new", MAKER, Value(10, "ALIAS", b"88.1.2/old"), OWN)
    assert named(node, "88.1.2/OLD") == ["88.1.2/NEW"]
    node.do(Verb.CREATE, "88.1.2/old", MAKER, OWN)
    assert named(node, "88.1.2/OLD") == ["88.1.2/OLD"]
    with pytest.raises(RegistryError, match="nothing changed"):
        node.do(Verb.CREATE, "88.1.2/newer", MAKER, Value(10, "ALIAS", b"88.1.2/old"), OWN)


def test_a_hidden_alias_names_nothing(node: Node) -> None:
    hidden = Value(10, "ALIAS", VIN.data, permissions=PERMISSIONS_USUAL & ~PUBLIC_READ)
    node.do(Verb.CREATE, "88.1.2/a", MAKER, hidden, OWN)
    assert named(node, "vin:LDPGABAC2JN361504") == [""]


def test_loaded_records_have_aliases_too(node: Node) -> None:
    node.registry.load([(b"hdl:88.1.2/L", store_form([VIN, Value(1, "ALIAS", b"?")]))], NOBODY, "")
    assert named(node, "LDPGABAC2JN361504") == ["88.1.2/L"]


def test_a_right_over_a_prefix(node: Node) -> None:
    assert node.registry.permits(MAKER, ADD_HANDLE, "88.1.2")
    assert not node.registry.permits(STRANGER, ADD_HANDLE, "88.1.2")
    assert not node.registry.permits(NOBODY, ADD_HANDLE, "88.1.2")
