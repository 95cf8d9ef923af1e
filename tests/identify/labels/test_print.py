"""Labels as they are printed: what stands where, what is refused, what an independent reader reads.

Expected places and commands are worked out by hand, from stock, design and the ZPL II guide.
"""

import re
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import zxingcpp
from hypothesis import given, settings
from hypothesis import strategies as st

from millbrain.identify.labels import choices, sheets, zpl
from millbrain.identify.labels.fields import ZPL_DPIS, read_design, read_stock
from millbrain.identify.labels.layout import Written, placed, text_mm
from millbrain.identify.labels.reading import fault
from millbrain.identify.labels.sheets import Label, Print, UnreadableError
from millbrain.identify.labels.symbols import Symbol, symbol
from millbrain.identify.labels.told import order_json, read_order

GTIN = "(01)09506000134352"
PART = "88.100.1/P0000012"
DOT = 25.4 / 600


def picture(made: Symbol, scale: int = 4) -> Any:
    grey = np.where(made.modules == 1, 0, 255).astype(np.uint8)
    tall = grey.repeat(60 if made.symbology.is_linear else scale, axis=0)
    return np.pad(tall.repeat(scale, axis=1), scale * made.symbology.quiet, constant_values=255)


def labels(count: int = 3) -> list[Label]:
    return [sheets.label(f"88.100.1/P{n}", f"88.100.1/P{n}", {"MODEL": "NC250"})
            for n in range(count)]  # fmt: skip


def printed(kind: str, stock: str = "roll-40x30", count: int = 3, **more: Any) -> Print:
    told = {"format": kind, **more}
    wanted = sheets.order(told, choices.designs()["part"], choices.stocks()[stock], labels(count))
    assert read_order(order_json(wanted)) == wanted  # as it goes to the printing process
    return sheets.printed(wanted)


# Symbols ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "text", "read", "identifier"),
    [
        ("qr", "https://id.example.cn/88.100.1/P7", "https://id.example.cn/88.100.1/P7", "]Q1"),
        ("qr", "电芯-7", "电芯-7", "]Q1"),
        ("datamatrix", PART, PART, "]d1"),
        ("datamatrix", "电芯-7", "电芯-7", "]d1"),
        ("code128", PART, PART, "]C0"),
        # General Specifications 7.8.6: fixed lengths first, a separator behind an open value only
        ("gs1-128", f"{GTIN}(10)L1(21)S1", "010950600013435210L1\x1d21S1", "]C1"),
        ("gs1-datamatrix", f"{GTIN}(21)S1(17)271231", "01095060001343521727123121S1", "]d2"),
    ],
)
def test_what_a_reader_reads(kind: str, text: str, read: str, identifier: str) -> None:
    made = symbol(kind, text)
    assert made.text == read
    (found,) = zxingcpp.read_barcodes(picture(made), text_mode=zxingcpp.TextMode.Plain)
    assert (found.text, found.symbology_identifier) == (read, identifier)
    assert fault(picture(made), made) == ""


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["qr", "datamatrix", "code128"]),
    st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=60),
)
def test_any_text_reads_back(kind: str, text: str) -> None:
    made = symbol(kind, text)
    assert fault(picture(made), made) == ""


@pytest.mark.parametrize(
    ("kind", "text"),
    [("code128", "电"), ("code128", "x" * 81), ("qr", "x" * 3_000), ("datamatrix", "x" * 3_000),
     ("gs1-128", GTIN + "(10)" + "L" * 20 + "(21)" + "S" * 20), ("gs1-128", "no elements"),
     ("gs1-datamatrix", "(01)09506000134353")],
)  # fmt: skip
def test_what_no_symbol_can_hold(kind: str, text: str) -> None:
    with pytest.raises(ValueError, match=r"hold|GS1|GTIN|check digit"):
        symbol(kind, text)


# Reading back -----------------------------------------------------------------------------------


def test_another_text_a_damage_and_a_second_symbol_are_faults() -> None:
    meant, other = symbol("datamatrix", PART), symbol("datamatrix", "88.100.1/P0000013")
    assert "'88.100.1/P0000013' was read" in fault(picture(other), meant)
    spoilt = picture(meant)
    spoilt[:, : spoilt.shape[1] // 2] = 255
    assert fault(spoilt, meant).startswith("0 symbols")
    two = np.concatenate([picture(meant), picture(other)], axis=1)
    assert fault(two, meant).startswith("2 symbols")
    gs1 = symbol("gs1-datamatrix", f"{GTIN}(21)S1")
    plain = symbol("datamatrix", gs1.text)
    assert "GS1 was meant" in fault(picture(plain), gs1)


def test_an_unreadable_label_refuses_the_print_and_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def of_another(kind: str, text: str, correction: str = "m") -> Symbol:
        made = symbol(kind, text, correction)
        wrong = symbol(kind, "88.100.1/P9", correction)
        return replace(made, modules=wrong.modules) if text.endswith("P1") else made

    monkeypatch.setattr(sheets, "symbol", of_another)
    for kind in ("pdf", "svg", "zpl"):
        with pytest.raises(
            UnreadableError, match=r"^1 of [13] labels .*88\.100\.1/P1: '88"
        ) as told:
            printed(kind, page=2)
        assert "P0" not in str(told.value)


# Places -----------------------------------------------------------------------------------------


def test_labels_stand_where_the_stock_has_them() -> None:
    stock = choices.stocks()["a4-3x8-gap"]
    assert stock.count == 24
    assert stock.place(0) == (7.2, 12.9)
    assert stock.place(4) == pytest.approx((7.2 + 66.04, 12.9 + 33.9))
    page = ElementTree.fromstring(printed("svg", "a4-3x8-gap", 25, skip=23, page=1).body)
    assert len(page.findall(".//{*}g")) == 1  # 23 are used up already
    last = page.find(".//{*}path")
    assert last is not None
    x, y = map(float, re.findall(r"M([\d.]+) ([\d.]+)", last.get("d", ""))[0])
    # Column 3, row 8; margin 1.5 and a module of 11 dots (0.466 mm, at most 0.5) as quiet zone;
    # 16 modules stand in the middle of 30.9 mm.
    module = 11 * DOT
    assert x == pytest.approx(7.2 + 2 * 66.04 + 1.5 + module, abs=1e-3)
    assert y == pytest.approx(12.9 + 7 * 33.9 + 1.5 + (30.9 - 16 * module) / 2, abs=1e-3)


def test_every_stock_fits_its_page_and_prints() -> None:
    for key, stock in choices.stocks().items():
        assert printed("pdf", key, 2).labels == 2, key
        if stock.count == 1:
            assert printed("zpl", key, 2).pages == 2


def test_every_design_prints() -> None:
    facts = {"gs1": f"{GTIN}(21)S1", "MODEL": "NC250", "NAME": "电芯"}
    codes = {"identifier": PART, "link": f"https://id.example.cn/{PART}", "gs1": facts["gs1"],
             "gs1-link": "https://id.example.cn/01/09506000134352/21/S1"}  # fmt: skip
    for design in choices.designs().values():
        label = sheets.label(PART, codes[design.content], facts)
        stock = choices.stocks()["roll-100x50"]
        assert sheets.printed(sheets.order({}, design, stock, [label])).labels == 1


def test_a_module_is_whole_dots_and_as_wide_as_fits() -> None:
    """16 modules and 2 of quiet zone in 8 mm: 0.44 mm, so 3 dots at 203 dpi and 5 at 300."""
    stock = read_stock("s", {"label_mm": [8, 8], "margin_mm": 0})
    made = placed(symbol("datamatrix", PART), (), stock, 0.5, 1 / 8)
    assert made.module_mm == pytest.approx(3 / 8)
    assert placed(made.symbol, (), stock, 0.5, 1 / 12).module_mm == pytest.approx(5 / 12)
    small = read_stock("s", {"label_mm": [5, 5], "margin_mm": 0.5})
    with pytest.raises(ValueError, match=r"18 modules .* need 4\.5 mm at 0\.250 mm .* has 4\.0 mm"):
        placed(made.symbol, (), small, 0.5, 1 / 8)


def test_required_text_is_never_cut() -> None:
    stock = read_stock("s", {"label_mm": [30, 12], "margin_mm": 0})
    made = symbol("datamatrix", PART)
    long = Written("M" * 60, 2.4, False)
    (shown, *_) = placed(made, [long], stock, 0.5, DOT).texts
    assert shown.text.endswith("…")
    assert text_mm(shown.text, shown.size_mm) <= 30 - 18 * 11 * DOT - 1
    lines = placed(made, [replace(long, text="M" * 40, is_required=True)], stock, 0.5, DOT).texts
    assert "".join(t.text for t in lines) == "M" * 40
    assert all(t.size_mm == pytest.approx(1.6) for t in lines)
    with pytest.raises(ValueError, match="required"):
        placed(made, [replace(long, text="M" * 400, is_required=True)], stock, 0.5, DOT)
    many = [replace(long, text=f"{n}", is_required=n == 0) for n in range(9)]
    assert [t.text for t in placed(made, many, stock, 0.5, DOT).texts] == ["0", "1", "2", "3"]


# ZPL --------------------------------------------------------------------------------------------


def test_zpl_by_hand() -> None:
    """2 x 2 modules of 0.5 mm at 203 dpi (8 dots a mm): 4 dots each, one byte a row."""
    tiny = Symbol("datamatrix", "x", np.array([[1, 0], [1, 1]], np.uint8))
    stock = read_stock("s", {"label_mm": [50, 25], "margin_mm": 1})
    made = placed(tiny, [Written("A^B~é", 2.0, True)], stock, 0.5, 1 / 8)
    assert zpl.zpl(made, stock, 8, "0").decode().split("\n") == [
        "^XA", "^CI28", "^PW400", "^LL200", "^LH0,0",
        # 1 mm margin and a module of quiet zone: 12 dots; 8 dots in the middle of 200: 96.
        "^FO12,96^GFA,8,8,1,F0:::!:::^FS",
        # Behind symbol, two quiet zones and 1 mm: 1 + 2 + 1 = 4 mm.
        "^FO32,90^A0N,16,16^FH\\^FDA\\5EB\\7E\\C3\\A9^FS",
        "^PQ1", "^XZ", "",
    ]  # fmt: skip


@pytest.mark.parametrize(("dpi", "per_mm"), [(152, 6), (203, 8), (300, 12), (600, 24)])
def test_zpl_has_the_sizes_of_the_print_head(dpi: int, per_mm: int) -> None:
    assert ZPL_DPIS[dpi] == per_mm
    body = printed("zpl", "roll-50x25", 1, dpi=dpi).body.decode()
    assert f"^PW{50 * per_mm}\n^LL{25 * per_mm}\n" in body
    total, _, across = map(int, re.findall(r"\^GFA,(\d+),(\d+),(\d+),", body)[0])
    dots = int(0.5 * per_mm) * 16  # modules of "88.100.1/P0": 16, each 0.5 mm in whole dots
    assert (across, total) == ((dots + 7) // 8, dots * ((dots + 7) // 8))


def test_a_font_of_the_printer() -> None:
    font = {"symbol": "qr", "zpl_font": "E:SIMSUN.TTF", "lines": [{"text": "电芯"}]}
    design = read_design("given", font)
    stock = choices.stocks()["roll-50x25"]
    wanted = sheets.order({"format": "zpl"}, design, stock, labels(1))
    plain = replace(design, zpl_font="0")
    with pytest.raises(ValueError, match=r"label 88\.100\.1/P0: .*needs a font"):
        sheets.printed(sheets.order({"format": "zpl"}, plain, stock, labels(1)))
    named = sheets.order({"format": "zpl", "zpl_font": "E:SIMSUN.TTF"}, plain, stock, labels(1))
    assert sheets.printed(named) == sheets.printed(wanted)
    assert b"^A@N,18,18,E:SIMSUN.TTF^FH\\^FD\\E7\\94\\B5\\E8\\8A\\AF^FS" in (
        sheets.printed(wanted).body
    )


@given(st.text(max_size=60))
def test_no_text_can_be_a_command(text: str) -> None:
    field = zpl.escaped(text)
    assert field.isascii()
    assert not set("^~\n\r") & set(field)
    raw = re.sub(rb"\\([0-9A-F]{2})", lambda m: bytes.fromhex(m[1].decode()), field.encode())
    assert raw.decode("utf-8") == text


@given(st.lists(st.lists(st.integers(0, 1), min_size=1, max_size=90), min_size=1, max_size=4))
def test_graphics_are_unpacked_as_they_were_packed(rows: list[list[int]]) -> None:
    width = max(map(len, rows))
    modules = np.array([row + [0] * (width - len(row)) for row in rows], np.uint8)
    stock = read_stock("s", {"label_mm": [400, 400], "margin_mm": 0})
    made = placed(Symbol("datamatrix", "x", modules), (), stock, 0.5, 1 / 6)
    (dots,) = zpl.rasters(zpl.zpl(made, stock, 6, "0"), 0)
    assert (dots[: len(rows) * 3 : 3, : width * 3 : 3] == np.where(modules, 0, 255)).all()


# Data from outside ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (7, "a table"), ({}, "symbol"), ({"symbol": "aztec"}, "symbol"),
        ({"symbol": "qr", "colour": "red"}, "'colour' is not known"),
        ({"symbol": "qr", "content": "gs1"}, "content gs1 belongs"),
        ({"symbol": "gs1-128"}, "content gs1 belongs"),
        ({"symbol": "qr", "content": "text"}, "text belongs"),
        ({"symbol": "qr", "text": "x"}, "text belongs"),
        ({"symbol": "qr", "host": "javascript:x"}, "host"),
        ({"symbol": "qr", "module_mm": 0.1}, "module_mm"),
        ({"symbol": "qr", "module_mm": True}, "module_mm"),
        ({"symbol": "qr", "module_mm": float("nan")}, "module_mm"),
        ({"symbol": "qr", "correction": "x"}, "correction"),
        ({"symbol": "qr", "zpl_font": "0^XZ"}, "zpl_font"),
        ({"symbol": "qr", "lines": [{}]}, "text is missing"),
        ({"symbol": "qr", "lines": [{"text": "x", "required": 1}]}, "required"),
        ({"symbol": "qr", "lines": [{"text": "a\nb"}]}, "printable"),
        ({"symbol": "qr", "lines": [{"text": "x"}] * 13}, "at most 12"),
    ],
)  # fmt: skip
def test_a_design_that_is_none(told: object, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        read_design("given", told)


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({}, "label_mm"), ({"label_mm": [50]}, "label_mm"), ({"label_mm": [50, "x"]}, "label_mm"),
        ({"label_mm": [1, 1]}, "5 to 420"), ({"label_mm": [50, 25], "columns": 2}, "last label"),
        ({"label_mm": [50, 25], "page_mm": [210, 297], "columns": 2.5}, "whole"),
        ({"label_mm": [50, 25], "page_mm": [210, 297], "columns": 2, "pitch_mm": [40, 25]},
         "overlap"),
        ({"label_mm": [50, 25], "rows": 1_000_000}, "rows"),
    ],
)  # fmt: skip
def test_stock_that_is_none(told: object, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        read_stock("given", told)


@pytest.mark.parametrize(
    ("told", "words"),
    [({"format": "png"}, "format"), ({"dpi": 96}, "dpi"), ({"page": 0}, "page"),
     ({"skip": 24}, "skip"), ({"skip": -1}, "skip"), ({"skip": True}, "skip"),
     ({"format": "zpl"}, "one label after the other"), ({"zpl_font": "0^XZ"}, "zpl_font"),
     ({"zpl_font": 7}, "zpl_font")],
)  # fmt: skip
def test_an_order_that_is_none(told: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        sheets.order(told, choices.designs()["part"], choices.stocks()["a4-3x8"], labels())


def test_what_a_design_requires_must_be_there() -> None:
    lines = [{"text": "{LOT}", "required": True}]
    design = read_design("given", {"symbol": "qr", "lines": lines})
    wanted = sheets.order({}, design, choices.stocks()["a4-3x8"], labels(1))
    with pytest.raises(ValueError, match=r"88\.100\.1/P0: the design requires LOT"):
        sheets.printed(wanted)


def test_text_goes_below_where_there_is_no_room_beside() -> None:
    """A link on 25 x 25 mm: 37 modules in what two lines of text leave, whole dots of 600 dpi."""
    stock = choices.stocks()["roll-25x25"]
    made = symbol("qr", f"https://id.example.cn/{PART}")
    lines = [Written(PART, 2.6, True), Written("NC250", 2.4, False)]
    shown = placed(made, lines, stock, 0.6, DOT)
    below = shown.y_mm + 29 * shown.module_mm
    assert [t.text for t in shown.texts] == [PART, "NC250"]
    assert all(t.y_mm - t.size_mm > below for t in shown.texts)
    # 23 mm less the lines (2.6 + 2.4) x 1.25 and 1 mm: 15.75 mm; 15.75 / 37 = 0.4257 mm, 10 dots.
    assert shown.module_mm == pytest.approx(10 * DOT)


@pytest.mark.parametrize(
    ("kind", "text"),
    [("datamatrix", "123456"), ("code128", "ABC123456"), ("qr", "12345678"),
     ("gs1-128", f"{GTIN}(10)L1(21)S1")],
)  # fmt: skip
def test_two_encoders_agree_on_every_module(kind: str, text: str) -> None:
    """Texts for which the standards leave no choice of encodation; the other encoder is Zint."""
    formats = {"datamatrix": "DataMatrix", "qr": "QRCode"}
    wanted = zxingcpp.barcode_format_from_str(formats.get(kind, "Code128"))
    options = {"gs1": True} if kind == "gs1-128" else {"ec_level": "M"} if kind == "qr" else {}
    given_text = text.replace("(", "[").replace(")", "]") if options.get("gs1") else text
    made = zxingcpp.create_barcode(given_text, wanted, **options)
    other = np.asarray(zxingcpp.write_barcode_to_image(made, scale=1, add_quiet_zones=False)) < 128
    own = symbol(kind, text).modules == 1
    assert (own == other[: own.shape[0]]).all()
