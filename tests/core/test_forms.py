"""Forms: what a text becomes, what is refused, which headings and units are understood."""

import pytest

from millbrain.core.forms import FormField, heading_factor, heading_key, read_form
from millbrain.core.life.events import LIFE_KINDS
from millbrain.core.life.inspections import CURVE_CHANNELS, HEAD
from millbrain.core.life.static import STATIC_FIELDS

TEMP = FormField("temp_degc", "number", "Temperature", "温度", low=-60, high=250)
DAY = FormField("at", "at", "At", "时间", is_required=True)
PART = FormField("part", "choice", "Part", "部位", choices={"cell": ("cell", "单体")})


@pytest.mark.parametrize(
    ("field", "given", "value"),
    [
        (TEMP, " 61.5 ", 61.5),
        (TEMP, 61, 61.0),
        (TEMP, "", None),
        (TEMP, None, None),
        (DAY, "2026-03-01 09:30:00", "2026-03-01T01:30:00Z"),  # Beijing time, UTC+8
        (DAY, "2026/03/01 09:30", "2026-03-01T01:30:00Z"),
        (DAY, "2026-03-01T09:30:00Z", "2026-03-01T09:30:00Z"),
        (DAY, "2026-03-01", "2026-02-28T16:00:00Z"),
        (PART, "单体", "cell"),
        (PART, "CELL", "cell"),
        (FormField("ok", "truth", "Ok", "合格"), "合格", True),
        (FormField("ok", "truth", "Ok", "合格"), False, False),
        (FormField("n", "whole", "N", "数"), 7.0, 7),
        (FormField("vin", "id", "VIN", "车架号"), "LDPGABAC2JN361504", "LDPGABAC2JN361504"),
    ],
)
def test_a_text_becomes_a_value(field: FormField, given: object, value: object) -> None:
    assert field.read(given) == value


@pytest.mark.parametrize(
    ("field", "given", "said"),
    [
        (TEMP, "hot", "was 'hot'; a number is expected"),
        (TEMP, "900", "was 900; -60 to 250 is allowed"),
        (TEMP, "nan", "was nan; -60 to 250 is allowed"),
        (DAY, "", "is empty; a value is needed"),
        (DAY, "yesterday", "an instant such as"),
        (DAY, "1970-01-01", "an instant from 1990 to 2105 is expected"),
        (DAY, "9999-12-31 23:59:59", "an instant from 1990"),
        (PART, "wheel", "allowed are cell (单体)"),
        (FormField("n", "whole", "N", "数"), "1.5", "a whole number"),
        (FormField("vin", "id", "VIN", "车架号"), "A B", "without blanks"),
        (FormField("note", "text", "Note", "备注", longest=3), "four", "has 4 characters"),
        (FormField("note", "text", "Note", "备注"), "bell\x07", "cannot be printed"),
    ],
)
def test_what_is_refused_says_what_is_allowed(field: FormField, given: object, said: str) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011  (its text is compared below)
        field.read(given)
    assert said in str(refused.value)


def test_every_problem_of_an_entry_is_told_and_nothing_is_lost_silently() -> None:
    values, problems = read_form((TEMP, DAY), {"temp_degc": "x", "colour": "red"})
    assert values == {}
    assert {p.field for p in problems} == {"temp_degc", "at", "colour"}


@pytest.mark.parametrize(
    ("name", "heading", "factor"),
    [
        ("insulation_kohm", "绝缘电阻(MΩ)", 1000.0),
        ("insulation_kohm", "绝缘电阻[Ω]", 0.001),
        ("insulation_kohm", "绝缘电阻（kΩ）", 1.0),
        ("bonding_mohm", "电位均衡(Ω)", 1000.0),
        ("bonding_mohm", "电位均衡(mΩ)", 1.0),  # milli, not mega
        ("temp_degc", "温度[℃]", 1.0),
        ("cell_mv", "cell (V)", 1000.0),
        ("duration_s", "time (min)", 60.0),
        ("duration_s", "time", 1.0),
    ],
)
def test_units_of_headings_are_converted(name: str, heading: str, factor: float) -> None:
    assert heading_factor(FormField(name, "number", "T", "题"), heading) == pytest.approx(factor)


def test_a_unit_that_cannot_be_converted_is_refused() -> None:
    with pytest.raises(ValueError, match="is in °F; °C is expected"):
        heading_factor(TEMP, "temperature [°F]")
    with pytest.raises(ValueError, match="is in MΩ; mΩ is expected"):
        heading_factor(FormField("bonding_mohm", "number", "B", "均衡"), "均衡(MΩ)")


def test_headings_lose_case_and_unit() -> None:
    assert heading_key(" Voltage [V] ") == "voltage"
    assert heading_key("充电时间（min）") == "充电时间"


def test_no_heading_means_two_fields_of_one_form() -> None:
    forms = [*(kind.form for kind in LIFE_KINDS.values()), HEAD, STATIC_FIELDS,
             tuple(field for field, _ in CURVE_CHANNELS.values())]  # fmt: skip
    for form in forms:
        spelled = [text for field in form for text in field.spellings()]
        doubled = {text for text in spelled if spelled.count(text) > 1}
        assert not doubled, f"{form[0].name}, ...: {doubled}"
