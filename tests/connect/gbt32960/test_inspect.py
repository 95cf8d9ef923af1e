"""The frame inspector: every byte once, every problem named in both languages."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from millbrain.connect.gbt32960 import ROOM
from millbrain.connect.gbt32960.inspect import INPUT_BYTES_MAX, inspect

GOLDEN = {
    line.split("\t")[0]: line.split("\t")[2]
    for line in (Path(__file__).parent / "frames.tsv").read_text("utf-8").splitlines()[1:]
}
ROW_KEYS = {
    "offset", "size_bytes", "hex", "name", "name_zh", "value", "unit", "clause", "problem",
    "problem_zh", "depth",
}  # fmt: skip


def assert_covers(found: dict[str, Any], data: bytes) -> None:
    """Rows with a size follow one another without gap and repeat the input."""
    rows = [row for frame in found["frames"] for row in frame["rows"] if row["size_bytes"]]
    at = 0
    for row in rows:
        assert row["offset"] == at, row
        assert row["hex"] == data[at : at + row["size_bytes"]].hex()
        at += row["size_bytes"]
    assert at == len(data)


def row_named(found: dict[str, Any], name: str) -> dict[str, Any]:
    rows = [row for frame in found["frames"] for row in frame["rows"] if row["name"] == name]
    assert len(rows) == 1, name
    return rows[0]


@pytest.mark.parametrize("name", GOLDEN)
def test_golden_frame_is_covered_and_said_in_two_languages(name: str) -> None:
    found = inspect(GOLDEN[name])
    assert_covers(found, bytes.fromhex(GOLDEN[name]))
    for row in found["frames"][0]["rows"]:
        assert set(row) == ROW_KEYS
        assert row["name"]
        assert row["name_zh"]
        assert row["clause"]
        assert bool(row["problem"]) == bool(row["problem_zh"])


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(sorted(GOLDEN)), st.data())
def test_damaged_frame_is_covered_all_the_same(name: str, data: st.DataObject) -> None:
    raw = bytearray.fromhex(GOLDEN[name])
    for _ in range(data.draw(st.integers(0, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    raw = raw[: data.draw(st.integers(1, len(raw)))]
    assert_covers(inspect(raw.hex()), bytes(raw))


def test_values_have_name_unit_and_clause() -> None:
    found = inspect(GOLDEN["vehicle_2016"])
    frame = found["frames"][0]
    assert (frame["edition"], frame["command_name"], frame["command_zh"], frame["ok"]) == (
        2016, "realtime", "实时信息上报", True,
    )  # fmt: skip
    speed = row_named(found, "speed")
    assert (speed["value"], speed["unit"], speed["name_zh"]) == (65.3, "km/h", "车速")
    assert (speed["offset"], speed["clause"]) == (34, "32960.3-2016 table 9")
    assert row_named(found, "gear")["value"] == "D 自动, driving force 有驱动力"
    assert row_named(found, "charging state")["value"] == "3 not charging 未充电"


def test_wrong_check_byte_is_named_with_the_computed_one() -> None:
    text = GOLDEN["vehicle_2016"]
    right = int(text[-2:], 16)
    found = inspect(f"{text[:-2]}{right ^ 1:02x}")
    assert found["frames"][0]["ok"] is False
    problem = found["frames"][0]["problems"][0]
    assert (
        f"is {right ^ 1:02X}, computed {right:02X} over bytes 2..{len(text) // 2 - 2}"
        in (problem["text"])
    )
    assert "计算得" in problem["text_zh"]


def test_markers_are_named_and_are_no_mistake_of_the_frame() -> None:
    frame = inspect(GOLDEN["vehicle_2016_abnormal"])["frames"][0]
    assert frame["ok"] is True
    assert "speed: marked abnormal (FE)" in [problem["text"] for problem in frame["problems"]]


def test_value_out_of_range_is_named_with_what_is_allowed() -> None:
    text = GOLDEN["vehicle_2016"].replace("028d", "0899")
    problems = [p["text"] for p in inspect(text)["frames"][0]["problems"]]
    assert "speed: is 220.1, allowed 0.0..220.0" in problems


def test_unknown_block_and_cut_block_are_named_at_their_byte() -> None:
    unknown = inspect(GOLDEN["unknown_type_2016"])["frames"][0]
    assert unknown["problems"][0]["offset"] == 24 + 12
    assert "type 0A is not in the 2016 edition" in unknown["problems"][0]["text"]
    cut = inspect(GOLDEN["block_cut_2016"])["frames"][0]
    assert "4 bytes were due and 2 are left" in cut["problems"][0]["text"]


def test_frame_that_ends_early_is_named() -> None:
    text = GOLDEN["vehicle_2016"]
    found = inspect(text[: len(text) // 4 * 2])
    assert_covers(found, bytes.fromhex(text[: len(text) // 4 * 2]))
    assert "cut short" in found["frames"][0]["problems"][-1]["text"]


def test_pasted_text_may_be_untidy() -> None:
    one, two = GOLDEN["heartbeat_2016"], GOLDEN["engine_2025"]
    spaced = " ".join(f"0x{one[n : n + 2].upper()}," for n in range(0, len(one), 2))
    found = inspect(f"{spaced}\n00 11\n{two}\n")
    assert [frame["edition"] for frame in found["frames"]] == [2016, 0, 2025]
    assert_covers(found, bytes.fromhex(one + "0011" + two))
    assert found["problems"] == []


@pytest.mark.parametrize(
    ("text", "said"),
    [("", "no bytes"), ("2323f", "odd number"), ("zz 23", "no hex digit"),
     ("00" * (INPUT_BYTES_MAX + 1), "only the first")],
)  # fmt: skip
def test_input_that_is_not_right_is_said(text: str, said: str) -> None:
    assert any(said in problem["text"] for problem in inspect(text)["problems"])


def test_header_that_is_not_plausible_says_which_part() -> None:
    text = GOLDEN["heartbeat_2016"]
    found = inspect(text[:6] + "09" + text[8:])
    assert "flag 09 (allowed 01..07, FE)" in found["frames"][0]["problems"][0]["text"]


def test_commands_and_rare_units_are_explained() -> None:
    control = "232382fe" + "41" * 17 + "01000b" + "190b030e053b" + "0603686f74" + "00"
    found = inspect(control)
    assert row_named(found, "warning level")["value"] == 3
    assert row_named(found, "text")["value"] == "hot"
    assert row_named(inspect(GOLDEN["key_exchange_2025"]), "kind of key")["value"] == "3 AES"


def test_card_answers_with_the_inspector() -> None:
    (page,) = ROOM.pages
    assert page.path == "/inspector"
    assert page.answers["inspect"](GOLDEN["heartbeat_2016"])["frames"][0]["ok"] is True
