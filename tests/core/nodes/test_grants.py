"""Grants: what is one, how it is written, and that nothing else is taken for one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millbrain.core.nodes.grants import Grant, Reader, Seen, can_see, read_grant, write_grant
from millbrain.core.records import Reference

BUYER = Reference("88.1.2/buyer", 300)


def test_a_grant_is_read_as_written() -> None:
    grant = Grant(BUYER, ("cost", 2001, "*"), 1_798_761_600_000, Reference("88.1.2/0.0", 301))
    assert read_grant(write_grant(grant)) == grant
    told = b'{"to":{"handle":"a/b","index":0},"fields":["x"],"until":"2027-01-01T08:00:00+08:00"}'
    assert read_grant(told) == Grant(Reference("a/b", 0), ("x",), 1_798_761_600_000)


def test_what_it_gives_and_how_long() -> None:
    grant = Grant(BUYER, ("cost", 5), 1_000)
    assert grant.gives(5, "")
    assert grant.gives(7, "cost")
    assert not grant.gives(7, "")
    assert not grant.gives(0, "5")
    assert Grant(BUYER, ("*",)).gives(9, "")
    assert [grant.holds(999), grant.holds(1_000), Grant(BUYER, (1,)).holds(1 << 60)] == [
        True, False, True]  # fmt: skip


def test_who_can_see() -> None:
    readers = (Reader("300:88.1.2/BUYER", "grant"), Reader("300:88.1.2/OLD", "grant", lapsed="x"),
               Reader("0:88.1.2/ANY", "owner"))  # fmt: skip
    seen = Seen(5, "cost", "", readers)
    found = {
        name: can_see(seen, Reference(f"88.1.2/{name}", 300)) for name in ("buyer", "old", "any")
    }
    assert found == {"buyer": True, "old": False, "any": True}
    assert not can_see(seen, Reference("88.1.2/buyer", 301))


@given(st.binary(max_size=100) | st.builds(
    lambda to, fields, until: (
        b'{"to":%b,"fields":%b,"until":%b}' % (to, fields, until)
    ),
    st.sampled_from([b"{}", b"1", b'{"handle":"","index":1}', b'{"handle":"a/b","index":true}',
                     b'{"handle":"a/b","index":-1}', b'{"handle":["a/b"],"index":1}']),
    st.sampled_from([b"[]", b'"*"', b"[0]", b"[true]", b"[1.5]", b"{}", b'[""]', b"[1]"]),
    st.sampled_from([b"null", b"1", b'"tomorrow"', b'"9999-99-99"', b"{}"]),
))  # fmt: skip
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="grant: "):
        read_grant(data)
