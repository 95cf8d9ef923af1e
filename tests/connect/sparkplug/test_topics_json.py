"""Plain JSON topics by mapping, against documents as gateways send them."""

import json

import pytest

from millbrain.connect.sparkplug.topics_json import Sample, instant_ms, read_rules, samples
from millbrain.core.errors import FrameError, SettingsError

NOW = 1_700_000_000_000
RULES = read_rules(json.dumps([
    {"topic": "plant/{line}/{machine}/telemetry", "thing": "{line}-{machine}", "each": "samples",
     "device_at": "ts", "values": {"spindle_rpm": "spindle.speed", "state": "state",
                                   "axis_0_mm": "axes.0.mm"}},
    {"topic": "meters/{meter}", "thing": "{meter}", "signal": "name", "value": "v"},
    {"topic": "any/{thing}", "thing": "{thing}", "device_at": "at"},
]))  # fmt: skip


def test_values_are_found_by_their_paths() -> None:
    found = samples(RULES, "plant/L3/M07/telemetry", json.dumps({"samples": [
        {"ts": NOW, "spindle": {"speed": 1200}, "state": "run", "axes": [{"mm": 1.5}]},
        {"ts": NOW // 1000 + 1, "spindle": {"speed": None}},
    ]}).encode())  # fmt: skip
    where = "plant/L3/M07/telemetry"
    assert found == [
        Sample(f"{where}#spindle.speed", "L3-M07", "spindle_rpm", NOW, 1200.0),
        Sample(f"{where}#state", "L3-M07", "state", NOW, "run"),
        Sample(f"{where}#axes.0.mm", "L3-M07", "axis_0_mm", NOW, 1.5),
        Sample(f"{where}#spindle.speed", "L3-M07", "spindle_rpm", NOW + 1000, None),
    ]


def test_name_and_value_side_by_side() -> None:
    (one,) = samples(RULES, "meters/E4", b'{"name": "kwh", "v": 8.25}')
    assert (one.thing, one.signal, one.value, one.device_at_ms) == ("E4", "kwh", 8.25, 0)


def test_without_paths_every_leaf_is_a_signal() -> None:
    found = samples(RULES, "any/P1", b'{"at": "2023-11-14T22:13:20Z", "a": {"b": [true, 2]}}')
    assert [(s.signal, s.value, s.device_at_ms) for s in found] == [
        ("a.b.0", 1.0, NOW), ("a.b.1", 2.0, NOW)
    ]  # fmt: skip


@pytest.mark.parametrize(("topic", "payload", "reason"), [
    ("meters/E4", b"\xff\x00", "not_json"), ("other", b"{}", "unmapped"),
    ("any/P1", b'{"at": "soon", "a": 1}', "clock"),
])  # fmt: skip
def test_what_cannot_be_read_is_refused_with_its_reason(
    topic: str, payload: bytes, reason: str
) -> None:
    with pytest.raises(FrameError) as e:
        samples(RULES, topic, payload)
    assert e.value.reason == reason


@pytest.mark.parametrize("text", [
    "{", "{}", '[{"thing": "x"}]', '[{"topic": "a/{b}", "thing": "{c}"}]',
    '[{"topic": "a", "thing": "b", "colour": 1}]', '[{"topic": "a"}]',
])  # fmt: skip
def test_wrong_rules_are_refused(text: str) -> None:
    with pytest.raises(SettingsError):
        read_rules(text)


def test_instants_in_seconds_milliseconds_and_microseconds() -> None:
    given = (NOW // 1000, NOW, NOW * 1000, "2023-11-14T22:13:20+00:00", "2023-11-15T06:13:20+08:00")
    assert [instant_ms(g) for g in given] == [NOW] * 5
