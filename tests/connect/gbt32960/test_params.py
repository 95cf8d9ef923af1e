"""Query, set, control, activation and key exchange, against units written by hand."""

from typing import Any

import pytest

from millbrain.connect.gbt32960 import params
from millbrain.core.errors import FrameError

SIX = bytes.fromhex("190b030e053b")
TIME = "2025-11-03T14:05:59+08:00"


def values_of(found: dict[str, Any]) -> dict[int, Any]:
    return {row["id"]: row.get("value") for row in found["params"]}


def test_query_is_a_counted_list_of_ids() -> None:
    assert params.encode_query([1, 2, 10], six=SIX).hex() == "190b030e053b0301020a"


def test_query_for_a_domain_asks_for_its_length_first() -> None:
    assert params.encode_query([5, 14], six=SIX).hex() == "190b030e053b0404050d0e"


@pytest.mark.parametrize(
    ("edition", "unit"),
    [(2016, "190b030e053b0301271002001e0a003c"), (2025, "190b030e053b03012710021e0a003c")],
)
def test_answer_to_a_query_by_edition(edition: int, unit: str) -> None:
    found = params.decode_params(bytes.fromhex(unit), edition)
    assert (found["time"], found["count"]) == (TIME, 3)
    assert values_of(found) == {1: 10_000, 2: 30, 10: 60}
    assert params.encode_set({1: 10_000, 2: 30, 10: 60}, edition, six=SIX).hex() == unit


def test_set_of_a_domain_sends_its_length() -> None:
    unit = params.encode_set({5: "a.example", 6: 32960}, 2016, six=SIX)
    assert unit.hex() == "190b030e053b03" + "0409" + "05" + b"a.example".hex() + "0680c0"
    assert values_of(params.decode_params(unit, 2016)) == {4: 9, 5: "a.example", 6: 32960}


@pytest.mark.parametrize(
    ("edition", "values", "said"),
    [
        (2016, {2: 601}, "allowed 1..600"),
        (2025, {2: 31}, "allowed 1..30"),
        (2016, {7: "1.0"}, "read-only"),
        (2016, {0x11: 1}, "unknown"),
        (2016, {}, "allowed 1..252"),
        (2016, {5: "x" * 251}, "allowed 250"),
    ],
)
def test_set_that_a_terminal_would_reject_is_not_sent(
    edition: int, values: dict[int, Any], said: str
) -> None:
    with pytest.raises(FrameError, match=said):
        params.encode_set(values, edition, six=SIX)


def test_private_item_ends_the_list_and_stays_raw() -> None:
    found = params.decode_params(bytes.fromhex("190b030e053b02" + "0a003c" + "80aabb"), 2016)
    assert values_of(found) == {10: 60}
    assert found["rest"] == "80aabb"


def test_control_by_hand() -> None:
    unit = params.encode_control(6, {"level": 3, "text": "hot"}, six=SIX)
    assert unit.hex() == "190b030e053b0603686f74"
    assert params.decode_control(unit, 2016) == {
        "time": TIME, "id": 6, "name": "warn", "name_zh": "车载终端报警/预警", "level": 3,
        "text": "hot",
    }  # fmt: skip
    assert params.encode_control(3, six=SIX).hex() == "190b030e053b03"
    chinese = params.encode_control(6, {"level": None, "text": "高温"}, six=SIX)
    assert chinese.hex() == "190b030e053b06ffb8dfcec2"
    assert params.decode_control(chinese, 2016)["text"] == "高温"


@pytest.mark.parametrize(
    ("id", "given"), [(9, {}), (2, {"level": 1}), (6, {"level": 4}), (6, {"colour": "red"})]
)
def test_control_that_is_not_declared_is_refused(id: int, given: dict[str, Any]) -> None:
    with pytest.raises(FrameError):
        params.encode_control(id, given, six=SIX)


def test_key_exchange_and_activation() -> None:
    raw = bytes.fromhex("050004deadbeef" + "190b030e053b" + "190c030e053b")
    found = params.explain(2025, 0x0B, 0xFE, raw)
    assert found == {"key_type": 5, "key_len": 4, "key": "deadbeef", "valid_from": TIME,
                     "valid_to": "2025-12-03T14:05:59+08:00"}  # fmt: skip
    assert params.encode_rare(0x0B, found) == raw
    assert params.explain(2025, 0x0A, 1, b"\x02\x01") == {"state": 2, "info": 1}
    activation = (
        SIX + b"CHIP0001".ljust(16) + bytes.fromhex("0002aabb") + b"LMBTEST00R0000001"
        + bytes.fromhex("ff010001cc0001dd")
    )  # fmt: skip
    told = params.explain(2025, 0x09, 0xFE, activation)
    assert (told["chip_id"], told["public_key"], told["r"], told["s"]) == (
        "CHIP0001", "aabb", "cc", "dd",
    )  # fmt: skip
    assert params.encode_rare(0x09, told) == activation


def test_any_prefix_is_read_as_far_as_it_goes() -> None:
    unit = params.encode_set({1: 10, 5: "a.example", 9: 10}, 2025, six=SIX)
    for size in range(len(unit)):
        for command in (0x09, 0x0A, 0x0B, 0x80, 0x81, 0x82):
            for flag in (0x01, 0xFE):
                assert isinstance(params.explain(2025, command, flag, unit[:size]), dict)
