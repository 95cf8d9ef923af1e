"""From browsed nodes to proposed tags."""

import pytest

from millbrain.core.errors import SettingsError
from millbrain.core.plant.tags import Found, TagKind
from millbrain.core.tagging.proposals import (
    Walked,
    proposed,
    signal_of,
    snake_case,
    thing_of,
    unit_suffix,
)
from millbrain.core.tagging.rules import tag_wrongs

PATH = ("Plant", "L03", "M07", "Spindle speed")


def test_a_node_becomes_a_tag() -> None:
    found = Found("ns=2;i=7", "SpindleSpeed", unit="rpm", writable=True)
    tag = proposed("line-3", Walked(found, PATH), "MW-{2}-{-2}")
    assert (tag.thing, tag.signal, tag.unit) == ("MW-L03-M07", "spindle_speed_rpm", "rpm")
    assert (tag.connection, tag.address, tag.writable) == ("line-3", "ns=2;i=7", True)
    assert tag.kind is TagKind.NUMBER
    assert tag_wrongs(tag) == []


@pytest.mark.parametrize("pattern", ["{0}", "{5}", "{-5}", "", " "])
def test_a_pattern_that_names_nothing_is_refused(pattern: str) -> None:
    with pytest.raises(SettingsError, match="pattern"):
        thing_of(PATH, pattern)


def test_a_flat_counterpart_is_one_thing() -> None:
    found = Found("holding:7", "holding 7")
    tag = proposed("press-3", Walked(found, ("Holding registers", "0 to 99", "holding 7")), "{0}")
    assert (tag.thing, tag.signal) == ("press-3", "holding_7")


def test_blanks_become_hyphens() -> None:
    assert thing_of(("Line 3", "Oil press", "x")) == "Oil-press"


@pytest.mark.parametrize(
    ("name", "unit", "signal"),
    [
        ("SpindleSpeed", "r/min", "spindle_speed_rpm"),
        ("spindle_speed_rpm", "rpm", "spindle_speed_rpm"),
        ("OPCUAServerTemp", "°C", "opcua_server_temp_degc"),
        ("温度", "°C", "n_7_degc"),  # no letter is left: the address names it
        ("Count", "", "count"),
        ("x" * 80, "kWh", "x" * 60 + "_kwh"),
    ],
)
def test_signals_are_snake_case_with_the_unit_last(name: str, unit: str, signal: str) -> None:
    assert signal_of(Found("n-7", name, unit=unit)) == signal


def test_units_as_servers_write_them() -> None:
    assert [unit_suffix(u) for u in ("°C", "℃", "kWh", "1/min", "%", "furlong", "")] == [
        "degc", "degc", "kwh", "rpm", "pct", "", "",
    ]  # fmt: skip
    assert snake_case("HTTPServer2Port") == "http_server2_port"
