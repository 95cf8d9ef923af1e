"""Allotments without a registry: what may become of a serial, reports, what is refused by name."""

import re
from typing import Any

import pytest

from millbrain.core.errors import LimitError
from millbrain.core.limits import ALLOTMENT_SERIALS_MAX, IDENTIFIER_VALUE_BYTES_MAX
from millbrain.identify.labels import serials
from millbrain.identify.labels.serials import Allotment

ASKED = {"pattern": "88.100.1/P{4}-x", "count": 10, "line": "L1"}


@pytest.fixture
def ten() -> Allotment:
    return serials.opened(ASKED, 101, 1_760_000_000_000)


def reported(allotment: Allotment, name: str, **told: Any) -> tuple[Allotment, list[str]]:
    wished = serials.wishes(allotment, told)
    done, refused = serials.judged(allotment, wished, name)
    report = serials.report_of(name, told, 0, done, refused)
    return serials.taken(allotment, done, report), [r["detail"] for r in refused]


def counts(allotment: Allotment) -> dict[str, int]:
    told: dict[str, int] = serials.summary(allotment, "88.100.1/ALLOT_1")["counts"]
    return told


def test_the_numbers_of_an_allotment(ten: Allotment) -> None:
    assert ten.identifier(101) == "88.100.1/P0101-x"
    assert ten.number("88.100.1/p0110-X") == 110
    assert counts(ten) == {"reserved": 10, "used": 0, "void": 0, "returned": 0}
    for wrong in ("88.100.1/P101-x", "88.100.1/P01011-x", "88.100.2/P0101-x", "88.100.1/P0101", ""):
        with pytest.raises(ValueError, match="is not of"):
            ten.number(wrong)


def test_a_day_of_a_line(ten: Allotment) -> None:
    after, refused = reported(
        ten, "day-1", used=[[101, 104], "88.100.1/P0106-x"],
        void=[{"serial": 105, "reason": "smeared"}, {"serial": 101, "reason": "part scrapped"}],
        unused=[[109, 110]],
    )  # fmt: skip
    assert refused == []
    assert counts(after) == {"reserved": 2, "used": 4, "void": 2, "returned": 2}
    told = serials.whole(after, "88.100.1/ALLOT_1")
    assert told["is_open"]
    assert [(r["from"], r["to"], r["state"]) for r in told["serials"]] == [
        (101, 101, "void"), (102, 104, "used"), (105, 105, "void"), (106, 106, "used"),
        (107, 108, "reserved"), (109, 110, "returned"),
    ]  # fmt: skip
    assert serials.read(serials.written(after)) == after
    closed, _ = reported(after, "day-2", used=[[107, 108]])
    assert not serials.summary(closed, "x")["is_open"]


def test_double_use_is_refused_by_name(ten: Allotment) -> None:
    after, _ = reported(ten, "one", used=[[101, 103]], unused=[110])
    after, refused = reported(after, "two", used=[[103, 104], 110, 999, 104])
    assert refused == [
        "88.100.1/P0103-x is used since report 'one'",
        "88.100.1/P0110-x is returned since report 'one'",
        "88.100.1/P0999-x is not of this allotment",
        "88.100.1/P0104-x is used since report 'two'",
    ]
    assert counts(after)["used"] == 4


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({}, "names serials under used, void, unused"),
        ({"used": "101"}, "used: a list"),
        ({"used": [True]}, r"used\[0\]"),
        ({"used": [1.5]}, r"used\[0\]"),
        ({"used": [[103, 101]]}, "first to last"),
        ({"used": [[0, 10**12]]}, "first to last"),
        ({"used": [{"serial": {}}]}, r"used\[0\]"),
        ({"void": [101]}, "reason"),
        ({"void": [{"serial": 101, "reason": "x" * 999}]}, "at most 200"),
        ({"used": ["88.100.1/Q0101-x"]}, "is not of"),
    ],
)
def test_a_report_that_is_none(ten: Allotment, told: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        serials.wishes(ten, told)


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"pattern": "88.100.1/P"}, "one {n}"),
        ({"pattern": "88.100.1/#-{2}"}, "one {n}"),
        ({"pattern": "88.100.1/{0}"}, "one {n}"),
        ({"pattern": "88.100.1/{19}"}, "one {n}"),
        ({"pattern": "P###"}, "prefix/suffix"),
        ({"pattern": 7}, "prefix/suffix"),
        ({"count": 0}, "1 to"),
        ({"count": ALLOTMENT_SERIALS_MAX + 1}, "1 to"),
        ({"count": True}, "1 to"),
        ({"line": ""}, "line"),
        ({"shared": {}}, "shared"),
    ],
)
def test_an_allotment_that_is_none(told: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        serials.opened(ASKED | told, 1, 0)


def test_a_pattern_comes_to_its_end() -> None:
    with pytest.raises(LimitError, match="no 10 numbers left"):
        serials.opened(ASKED, 9_995, 0)


def test_the_log_of_the_worst_report_fits_a_record() -> None:
    pattern = "88.100.1/P{18}"
    most = ASKED | {"pattern": pattern, "count": ALLOTMENT_SERIALS_MAX}
    big = serials.opened(most, 10**17, 0)
    numbers = range(big.first, big.last + 1)
    after, refused = reported(big, "n" * 64, used=list(numbers[::2]), unused=list(numbers[1::2]))
    assert refused == []
    assert len(serials.written(after)) < IDENTIFIER_VALUE_BYTES_MAX
