import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from millbrain.core.errors import LimitError
from millbrain.record.intake.identity import TextIndex

NAMES = st.binary(min_size=0, max_size=24).filter(lambda b: not b.endswith(b"\0"))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(NAMES, max_size=40), max_size=8))
def test_gives_the_slots_that_a_dict_would(parts: list[list[bytes]]) -> None:
    index, slow = TextIndex(24, 1 << 20), {}
    for part in parts:
        expected = [slow.setdefault(name, len(slow)) for name in part]
        assert index.slots(np.array(part, np.bytes_)).tolist() == expected
    assert index.texts().tolist() == list(slow)
    assert index.find(np.array([*slow], np.bytes_)).tolist() == list(range(len(slow)))


def test_grows_without_moving_slots() -> None:
    index = TextIndex(24, 1 << 20)
    names = np.char.add(b"LMB", np.arange(50_000).astype("S14"))
    first = index.slots(names[:1000])
    assert index.slots(names).tolist() == list(range(50_000))
    assert index.slots(names[:1000]).tolist() == first.tolist()


def test_texts_beyond_the_limit_keep_one_negative_name() -> None:
    index = TextIndex(24, 1500)
    names = np.arange(2000).astype("S24")
    slots = index.slots(names)
    assert slots[:1500].tolist() == list(range(1500))
    assert (slots[1500:] < 0).all()
    assert len(np.unique(slots)) == 2000
    assert index.slots(names).tolist() == slots.tolist()
    assert index.find(names).tolist() == slots.tolist()


def test_finds_nothing_in_an_empty_index() -> None:
    assert (TextIndex(24, 100).find(np.array([b"a"])) < 0).all()


def test_takes_padded_short_and_object_texts_alike() -> None:
    index = TextIndex(24, 100)
    objects = np.empty(1, object)
    objects[0] = b"LMB1"
    slots = [
        index.slots(np.array([b"LMB1"], kind)).tolist() for kind in ("S4", "S17", "S40", object)
    ]
    assert slots == [[0]] * 4
    assert index.slots(objects).tolist() == [0]


def test_refuses_a_longer_text() -> None:
    with pytest.raises(LimitError, match="25 bytes was received, 24 are allowed"):
        TextIndex(24, 100).slots(np.array([b"x" * 25]))
