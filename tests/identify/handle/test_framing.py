"""Messages in a TCP stream and in several datagrams."""

import itertools

import pytest

from millbrain.core.errors import FrameError
from millbrain.core.limits import (
    HANDLE_MESSAGE_BYTES_MAX,
    HANDLE_PIECES_BYTES_MAX,
    HANDLE_PIECES_S_MAX,
)
from millbrain.identify.handle.framing import Pieces, cut, read_envelope, split

ENVELOPE = bytes.fromhex("020b020b 00000007 0000000a 00000000")


def message(size: int, request: int = 10) -> bytes:
    head = ENVELOPE[:8] + request.to_bytes(4, "big") + bytes(4) + size.to_bytes(4, "big")
    return head + bytes(n % 251 for n in range(size))


# Datagrams --------------------------------------------------------------------------------------


def test_a_message_that_fits_is_one_datagram() -> None:
    assert cut(message(492)) == [message(492)]
    assert Pieces().add("a", message(492), 0) == message(492)


def test_a_longer_message_is_cut_by_the_rule() -> None:
    packets = cut(message(1000))
    assert [len(p) for p in packets] == [512, 512, 36]
    heads = [p[:20].hex(" ", 4) for p in packets]
    assert heads == [
        "020b220b 00000007 0000000a 00000000 000003e8",
        "020b220b 00000007 0000000a 00000001 000003e8",
        "020b220b 00000007 0000000a 00000002 000003e8",
    ]
    assert b"".join(p[20:] for p in packets) == message(1000)[20:]


def test_datagrams_join_in_any_order() -> None:
    packets = cut(message(1300))
    for order in itertools.permutations(packets):
        pieces = Pieces()
        found = [pieces.add("a", p, 0) for p in order]
        assert found == [None, None, message(1300)]


def test_a_repeated_datagram_changes_nothing() -> None:
    first, second = cut(message(900))
    pieces = Pieces()
    assert pieces.add("a", first, 0) is None
    assert pieces.add("a", first, 0) is None
    assert pieces.add("a", second, 0) == message(900)


def test_datagrams_of_different_peers_and_requests_stay_apart() -> None:
    pieces = Pieces()
    one, other = cut(message(900)), cut(message(900, request=11))
    assert pieces.add("a", one[0], 0) is None
    assert pieces.add("b", one[1], 0) is None
    assert pieces.add("a", other[1], 0) is None
    assert pieces.add("a", one[1], 0) == message(900)


@pytest.mark.parametrize(
    ("sequence", "size"), [(2, 36), (1, 407), (1, 409), (0, 491), (0xFFFFFFFF, 1), (0, 0)]
)
def test_a_piece_that_is_not_where_it_should_be_is_refused(sequence: int, size: int) -> None:
    packet = bytearray(cut(message(900))[0][:20]) + bytes(size)
    packet[12:16] = sequence.to_bytes(4, "big")
    with pytest.raises(FrameError) as caught:
        Pieces().add("a", bytes(packet), 0)
    assert caught.value.reason == "structure"


def test_unfinished_messages_are_forgotten_in_time() -> None:
    first, second = cut(message(900))
    pieces = Pieces()
    assert pieces.add("a", first, 100.0) is None
    assert pieces.add("b", first, 100.0 + HANDLE_PIECES_S_MAX + 1) is None
    assert pieces.lost == 1
    assert pieces.add("a", second, 100.0 + HANDLE_PIECES_S_MAX + 1) is None


def test_unfinished_messages_hold_bounded_memory() -> None:
    pieces = Pieces()
    first = cut(message(900))[0]
    room = HANDLE_PIECES_BYTES_MAX // (492 + 128 + 1_024)  # a piece and what keeping it costs
    for peer in range(room + 5):
        assert pieces.add(peer, first, 0) is None
    assert pieces.lost == 5
    # Pieces of next to no bytes cost more to keep than they bring.
    small = cut(message(493))[1]
    assert len(small) == 21
    pieces = Pieces()
    for peer in range(HANDLE_PIECES_BYTES_MAX // (1 + 128 + 1_024) + 5):
        assert pieces.add(peer, small, 0) is None
    assert pieces.lost == 5


# Stream -----------------------------------------------------------------------------------------


def test_pipelined_messages_are_found_however_the_stream_was_cut() -> None:
    stream = message(30) + message(0) + message(700)
    for at in range(len(stream)):
        spans, used = split(stream[:at])
        more, rest = split(stream[used:])
        whole = [*spans, *((s + used, e + used) for s, e in more)]
        assert whole == [(0, 50), (50, 70), (70, 790)]
        assert used + rest == len(stream)


def test_a_message_longer_than_allowed_ends_the_stream() -> None:
    with pytest.raises(FrameError) as caught:
        split(message(30) + ENVELOPE + (HANDLE_MESSAGE_BYTES_MAX + 1).to_bytes(4, "big"))
    assert caught.value.reason == "oversized"


def test_an_envelope_needs_twenty_bytes() -> None:
    with pytest.raises(FrameError, match="19 bytes"):
        read_envelope(message(0)[:19])
