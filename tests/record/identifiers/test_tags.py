"""Tags over the real store: who shares them, pages, what ends them; batches that are whole."""

import asyncio

from millbrain.core.records import PERMISSIONS_USUAL, PUBLIC_READ, Value, store_form
from millbrain.core.registry import Asker, Change, Reason, RegistryError, Verb
from tests.record.identifiers.test_registry import MAKER, OWN, Node, node

__all__ = ["node"]

RED, BIG = Value(20, "TAG", b"colour=red"), Value(21, "TAG", b"size=big")


def sharing(node: Node, *tags: str, after: str = "", most: int = 10) -> tuple[list[str], str]:
    return node.registry.sharing(tags, after, most)


def test_records_that_hold_all_tags_in_order_and_by_pages(node: Node) -> None:
    for name in "cabd":
        node.do(Verb.CREATE, f"88.1.2/{name}", MAKER, RED, OWN, *([BIG] if name != "c" else []))
    assert sharing(node, "colour=red") == ([f"88.1.2/{n}" for n in "ABCD"], "")
    assert sharing(node, "colour=red", "size=big") == ([f"88.1.2/{n}" for n in "ABD"], "")
    first, after = sharing(node, "colour=red", most=3)
    assert (first, after) == ([f"88.1.2/{n}" for n in "ABC"], "88.1.2/C")
    assert sharing(node, "colour=red", after=after) == (["88.1.2/D"], "")
    assert sharing(node, "colour=blue") == ([], "")


def test_a_tag_ends_with_its_value_or_its_record(node: Node) -> None:
    for name in "ab":
        node.do(Verb.CREATE, f"88.1.2/{name}", MAKER, RED, OWN)
    node.do(Verb.REMOVE, "88.1.2/a", indexes=(20,))
    assert sharing(node, "colour=red") == (["88.1.2/B"], "")
    node.do(Verb.ADD, "88.1.2/a", MAKER, RED)
    node.do(Verb.DELETE, "88.1.2/b")
    assert sharing(node, "colour=red") == (["88.1.2/A"], "")


def test_a_hidden_tag_leads_nowhere(node: Node) -> None:
    hidden = Value(20, "TAG", b"colour=red", permissions=PERMISSIONS_USUAL & ~PUBLIC_READ)
    node.do(Verb.CREATE, "88.1.2/a", MAKER, hidden, OWN)
    assert sharing(node, "colour=red") == ([], "")


def test_loaded_records_have_tags(node: Node) -> None:
    rows = [(f"hdl:88.9.9/{n}".encode(), store_form((RED,))) for n in range(3)]
    node.registry.load(rows, Asker(None, "cli"), "test")
    assert sharing(node, "colour=red") == ([f"88.9.9/{n}" for n in range(3)], "")


def test_a_whole_batch_is_made_or_not_at_all(node: Node) -> None:
    node.do(Verb.CREATE, "88.1.2/b", MAKER, OWN)
    before = len(node.registry.audit())
    changes = [Change(Verb.CREATE, f"88.1.2/{name}", MAKER, (RED, OWN)) for name in "abc"]
    told = asyncio.run(node.registry.make_many(changes, is_whole=True))
    assert [r.reason for r in told if isinstance(r, RegistryError)] == [
        Reason.INVALID, Reason.EXISTS, Reason.INVALID,
    ]  # fmt: skip
    assert sharing(node, "colour=red") == ([], "")
    assert len(node.registry.audit()) == before
    assert node.registry.check_audit() == ""
    changes.pop(1)
    assert asyncio.run(node.registry.make_many(changes, is_whole=True)) == [None, None]
    assert sharing(node, "colour=red")[0] == ["88.1.2/A", "88.1.2/C"]
    assert node.registry.check_audit() == ""
