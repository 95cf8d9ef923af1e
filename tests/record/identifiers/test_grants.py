"""Grants over the real store: who reads what, until when, and that nothing is widened."""

import json
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from millbrain.core.keys import handle_key
from millbrain.core.nodes.grants import Grant, can_see, write_grant
from millbrain.core.records import Reference, Value, encode_references, store_form
from millbrain.core.registry import Asker, Reason, RegistryError, Verb
from millbrain.core.templates import version_value
from millbrain.record.identifiers.grants import readable
from millbrain.record.identifiers.rights import Rights
from tests.record.identifiers.test_registry import (
    MAKER,
    NOBODY,
    OWN,
    ROOT,
    SECRET,
    STRANGER,
    URL,
    Node,
    admin,
    node,
    refused,
)

__all__ = ["node"]

BUYER = Asker(Reference("88.200.5/buyer", 300), "test")
KEY = Value(300, "HS_SECKEY", b"k", permissions=0x0C)
LATER_MS, PAST_MS = 4_000_000_000_000, 1_000


def grant(index: int, *fields: str | int, to: Asker = BUYER, until_ms: int | None = None,
          by: Asker | None = None) -> Value:  # fmt: skip
    assert to.identity
    given = Grant(to.identity, fields, until_ms, by.identity if by else None)
    return Value(index, "GRANT", write_grant(given))


def seen(node: Node, asker: Asker, handle: str = "88.1.2/p7") -> set[int]:
    (stored,) = node.registry.get_many([handle_key(handle)])
    assert stored
    return {v.index for v in node.registry.readable(stored, handle, asker)}


def test_a_grant_shows_its_field_to_one_identity(node: Node) -> None:
    other = Value(3, "DRAWING", b"x", permissions=0x0C)
    node.do(Verb.CREATE, "88.1.2/p7", MAKER, URL, SECRET, other, KEY, OWN)
    assert seen(node, BUYER) == {1, 100}
    node.do(Verb.ADD, "88.1.2/p7", MAKER, grant(500, 2))
    assert seen(node, BUYER) == {1, 2, 100}
    assert seen(node, STRANGER) == seen(node, NOBODY) == {1, 100}
    assert seen(node, Asker(Reference("88.200.5/BUYER", 301))) == {1, 100}
    node.do(Verb.MODIFY, "88.1.2/p7", MAKER, grant(500, "*", 300, 500))
    assert seen(node, BUYER) == {1, 2, 3, 100}  # neither the key nor the grant itself
    node.do(Verb.REMOVE, "88.1.2/p7", MAKER, indexes=(500,))
    assert seen(node, BUYER) == {1, 100}


def test_it_is_hidden_and_its_giver_is_entered(node: Node) -> None:
    node.do(Verb.CREATE, "88.1.2/p7", MAKER, URL, SECRET, grant(500, 2), OWN)
    (held,) = (v for v in node.values("88.1.2/p7") if v.index == 500)
    assert held.permissions == 0x0C
    assert json.loads(held.data)["by"] == {"handle": "88.1.2/0.0", "index": 301}
    refused(node, Reason.DENIED, Verb.ADD, "88.1.2/p7", MAKER, grant(501, 2, by=ROOT))
    refused(node, Reason.INVALID, Verb.ADD, "88.1.2/p7", MAKER, Value(501, "GRANT", b"{}"))


def test_a_group_and_an_end(node: Node) -> None:
    assert BUYER.identity
    members = Value(1, "HS_VLIST", encode_references([BUYER.identity]))
    outer = Value(1, "HS_VLIST", encode_references([Reference("88.1.2/inner", 1)]))
    node.do(Verb.CREATE, "88.1.2/inner", MAKER, members, OWN)
    node.do(Verb.CREATE, "88.1.2/outer", MAKER, outer, OWN)
    group = Asker(Reference("88.1.2/outer", 1))
    node.do(Verb.CREATE, "88.1.2/p7", MAKER, SECRET, OWN, grant(500, 2, to=group, until_ms=PAST_MS))
    assert seen(node, BUYER) == {100}
    soon_ms = int(time.time() * 1000) + 2_000
    node.do(Verb.MODIFY, "88.1.2/p7", MAKER, grant(500, 2, to=group, until_ms=soon_ms))
    assert seen(node, BUYER) == {2, 100}
    while time.time() * 1000 < soon_ms:
        time.sleep(0.05)
    assert seen(node, BUYER) == {100}
    node.do(Verb.MODIFY, "88.1.2/p7", MAKER, grant(500, 2, to=group))
    assert seen(node, BUYER) == {2, 100}
    node.do(Verb.REMOVE, "88.1.2/inner", MAKER, indexes=(1,))
    assert seen(node, BUYER) == {100}


def test_one_grant_of_a_prefix_by_the_name_of_a_field(node: Node) -> None:
    fields = [{"name": "cost", "index": 2000, "is_hidden": True}]
    node.do(Verb.CREATE, "88.1.2/META_P", MAKER, version_value(1, {"fields": fields}), OWN)
    meta, cost = Value(1001, "META", b"88.1.2/META_P"), Value(2000, "cost", b"7", permissions=0x0C)
    node.do(Verb.CREATE, "88.1.2/p7", MAKER, meta, cost, OWN)
    node.do(Verb.CREATE, "88.1.2/p8", MAKER, SECRET, OWN)
    node.do(Verb.ADD, "0.NA/88.1.2", MAKER, grant(500, "cost"))
    assert seen(node, BUYER) == {100, 1001, 2000}
    assert seen(node, BUYER, "88.1.2/p8") == {100}
    # Whoever gave it cannot read this record himself, so it gives nothing here.
    theirs = admin(0xFFF, Reference("88.9.9/0.0", 301))
    node.do(Verb.CREATE, "88.1.2/p9", MAKER, meta, cost, theirs)
    assert seen(node, BUYER, "88.1.2/p9") == {100, 1001}


def test_nobody_gives_what_he_may_not_read(node: Node) -> None:
    editor = admin(0x3F0, Reference("88.9.9/0.0", 301), 101)  # everything but reading
    node.do(Verb.CREATE, "88.1.2/p7", MAKER, SECRET, OWN, editor)
    refused(node, Reason.DENIED, Verb.ADD, "88.1.2/p7", STRANGER, grant(500, 2, to=STRANGER))
    reader = admin(0x450, Reference("88.200.5/buyer", 300), 102)  # reads and edits values
    node.do(Verb.ADD, "88.1.2/p7", MAKER, reader)
    given = grant(500, 2, to=STRANGER)
    refused(node, Reason.DENIED, Verb.ADD, "88.1.2/p7", BUYER, given)
    retyped = Value(2, "GRANT", given.data)
    refused(node, Reason.DENIED, Verb.MODIFY, "88.1.2/p7", BUYER, retyped)
    node.do(Verb.ADD, "88.1.2/p7", MAKER, grant(500, 2, to=STRANGER))
    refused(node, Reason.DENIED, Verb.REMOVE, "88.1.2/p7", BUYER, indexes=(500,))
    assert seen(node, STRANGER) == {2, 100, 101, 102}
    node.do(Verb.MODIFY, "88.1.2/p7", ROOT, admin(0xBFF, Reference("88.1.2/0.0", 301)))
    assert seen(node, STRANGER) == {100, 101, 102}  # its giver may read it no more


def test_the_owner_is_told_who_can_see_what_and_why(node: Node) -> None:
    assert BUYER.identity
    members = Value(1, "HS_VLIST", encode_references([BUYER.identity]))
    node.do(Verb.CREATE, "88.1.2/g", MAKER, members, OWN)
    node.do(Verb.CREATE, "88.1.2/p7", MAKER, URL, SECRET, OWN,
            grant(500, 2, to=Asker(Reference("88.1.2/g", 1)), until_ms=LATER_MS),
            grant(501, 2, to=STRANGER, until_ms=PAST_MS))  # fmt: skip
    told = {s.index: s for s in node.registry.access("88.1.2/p7", MAKER)}
    assert [r.as_json() for r in told[1].readers] == [{"who": "*", "why": "public"}]
    place = {"record": "88.1.2/P7", "why": "grant", "by": "301:88.1.2/0.0"}
    assert [r.as_json() for r in told[2].readers] == [
        {"who": "301:88.1.2/0.0", "why": "owner", "record": "88.1.2/P7", "index": 100},
        {"who": "300:0.NA/88.1", "why": "node"},
        {**place, "who": "1:88.1.2/G", "index": 500, "until": "2096-10-02T07:06:40Z"},
        {**place, "who": "300:88.200.5/BUYER", "index": 500, "until": "2096-10-02T07:06:40Z",
         "through": ["1:88.1.2/G"]},
        {**place, "who": "301:88.9.9/0.0", "index": 501, "until": "1970-01-01T00:00:01Z",
         "lapsed": "its time is over"},
    ]  # fmt: skip
    assert [r.why for r in told[500].readers] == ["owner", "node"]
    for asker, reason in ((NOBODY, Reason.NO_IDENTITY), (BUYER, Reason.DENIED)):
        with pytest.raises(RegistryError) as caught:
            node.registry.access("88.1.2/p7", asker)
        assert caught.value.reason is reason


def test_the_trail_tells_of_grants(node: Node) -> None:
    node.do(Verb.CREATE, "88.1.2/p7", MAKER, SECRET, OWN, grant(500, 2, until_ms=LATER_MS))
    node.do(Verb.REMOVE, "88.1.2/p7", MAKER, indexes=(500,))
    told = [json.loads(raw) for raw in node.registry.audit()][-2:]
    line = {"index": 500, "to": {"handle": "88.200.5/buyer", "index": 300}, "fields": [2],
            "until": "2096-10-02T07:06:40Z",
            "by": {"handle": "88.1.2/0.0", "index": 301}}  # fmt: skip
    assert (told[0]["granted"], told[1]["revoked"]) == ([line], [line])
    assert "revoked" not in told[0]


WHO = [Reference(f"88.1.2/w{n}", 300) for n in range(3)]
GRANTS = st.lists(st.builds(
    lambda to, fields, until_ms, by: Grant(to, fields, until_ms, by),
    st.sampled_from(WHO),
    st.lists(st.sampled_from([1, 2, 3, 300, 500, "*"]), min_size=1).map(tuple),
    st.sampled_from([None, PAST_MS, LATER_MS]), st.sampled_from([*WHO, None]),
), max_size=4)  # fmt: skip


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(grants=GRANTS, one_more=GRANTS, owner=st.sampled_from(WHO), bits=st.integers(0, 0xFFF))
def test_a_grant_never_widens_another(
    tmp_path: Path, grants: list[Grant], one_more: list[Grant], owner: Reference, bits: int
) -> None:
    fields = [Value(n, f"T{n}", b"x", permissions=p) for n, p in ((1, 0x0E), (2, 0x0C), (3, 0x04))]
    held = [*fields, KEY, admin(bits, owner)]

    def readers(given: list[Grant]) -> dict[Reference, set[int]]:
        values = [*held, *(Value(500 + n, "GRANT", write_grant(g), permissions=0x0C)
                           for n, g in enumerate(given))]  # fmt: skip
        records = {handle_key("88.1.2/p7"): store_form(values)}
        rights = Rights(records.get, ())
        return {w: {v.index for v in readable(rights, "88.1.2/p7", values, Asker(w))} for w in WHO}

    before, after = readers(grants), readers(grants + one_more)
    for who in WHO:
        is_owner = who == owner and bits & 0x400
        assert before[who] <= after[who]
        more = after[who] - before[who]
        new = {500 + len(grants) + n for n in range(len(one_more))} if is_owner else set()
        mine = [g for g in one_more if g.to == who and g.until_ms != PAST_MS and g.by == owner]
        assert more - new <= ({2} if bits & 0x400 and any(g.gives(2, "") for g in mine) else set())
        if not is_owner:
            assert after[who] <= {1, 2, 100}


def test_the_explanation_and_the_answer_agree(node: Node) -> None:
    node.do(Verb.CREATE, "88.1.2/p7", MAKER, URL, SECRET, KEY, OWN, grant(500, "*"),
            grant(501, 2, to=STRANGER, until_ms=PAST_MS))  # fmt: skip
    told = node.registry.access("88.1.2/p7", MAKER)
    for asker in (MAKER, BUYER, STRANGER, ROOT):
        assert asker.identity
        assert {s.index for s in told if can_see(s, asker.identity)} == seen(node, asker)
