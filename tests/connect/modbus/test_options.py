"""What a connection of the room may be given."""

from typing import Any

import pytest

from millbrain.connect.modbus import ROOM
from millbrain.connect.modbus.options import check, read_options
from millbrain.core.errors import SettingsError
from millbrain.core.plant.tags import Connection, Tag, TagKind


def connection(endpoint: str = "10.0.0.7:502", **options: Any) -> Connection:
    return Connection("m", "modbus", endpoint=endpoint, options=options)


def test_texts_of_the_command_line_are_read() -> None:
    found = read_options(
        connection("[::1]:5020", unit_id="7", single_writes="false", framing="rtu")
    )
    assert (found.host, found.port, found.unit_id) == ("::1", 5020, 7)
    assert (found.single_writes, found.framing, found.block) == (False, "rtu", 125)


def test_every_option_of_the_card_is_read() -> None:
    given = {"framing": "rtu", "unit_id": 2, "first": 1, "timeout_ms": 60, "gap": 3, "block": 9,
             "pause_ms": 4, "single_writes": False}  # fmt: skip
    assert set(given) == set(ROOM.options)
    found = read_options(connection(**given))
    assert {n: getattr(found, n) for n in given} == given


@pytest.mark.parametrize(
    ("made", "field"),
    [
        (connection("10.0.0.7"), "endpoint"),
        (connection(":502"), "endpoint"),
        (connection("10.0.0.7:0"), "endpoint"),
        (connection(framing="ascii"), "options.framing"),
        (connection(unit_id=256), "options.unit_id"),
        (connection(gap="many"), "options.gap"),
        (connection(single_writes="maybe"), "options.single_writes"),
    ],
)
def test_a_wrong_option_is_named(made: Connection, field: str) -> None:
    assert [w.field for w in check(made, ())] == [field]
    with pytest.raises(SettingsError, match="is allowed"):
        read_options(made)


@pytest.mark.parametrize(
    ("tag", "field"),
    [
        (Tag("m", "holding:1:text:4", "M7", "s"), "kind"),
        (Tag("m", "holding:1", "M7", "s", TagKind.TEXT), "kind"),
        (Tag("m", "input:1", "M7", "s", writable=True), "writable"),
        (Tag("m", "holding:1.2", "M7", "s", scale=2.0), "scale"),
        (Tag("m", "40001", "M7", "s"), "address"),
        (Tag("m", "holding:1:text:40", "M7", "s", TagKind.TEXT), "address"),
    ],
)
def test_a_wrong_tag_is_named(tag: Tag, field: str) -> None:
    found = check(connection(block=30), [tag])
    assert [(w.field, w.address) for w in found] == [(field, tag.address)]
