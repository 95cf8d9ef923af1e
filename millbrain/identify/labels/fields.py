"""What a label is made of: symbols, stock and designs, as data. Pure.

Stock says what is in the printer (`stock.toml`), a design says what stands on a label
(`designs.toml`); both may also come with a request, as the same tables in JSON.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from millbrain.core.limits import LABEL_LINES_MAX, LABEL_TEXT_MAX

PRINTER_DPI: Final = 600  # of sheets: modules are whole dots of such a printer
ZPL_DPIS: Final = {152: 6, 203: 8, 300: 12, 600: 24}  # dots per inch -> dots per mm, as Zebra says
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9.-]{0,39}", re.ASCII)
_FONT: Final = re.compile(r"[A-Z0-9]|[A-Z]:[A-Z0-9_]{1,16}\.(?:TTF|FNT|TTE)", re.ASCII)
_PLACE: Final = re.compile(r"\{([A-Za-z0-9_.-]{1,64})\}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Symbology:
    """A kind of symbol.

    quiet: free modules that its standard asks for on each side. is_linear: bars, no matrix.
    is_gs1: begins with FNC1 and holds GS1 elements. least_mm: smallest module that we print.
    """

    title: str
    title_zh: str
    standard: str
    quiet: int
    least_mm: float
    is_linear: bool = False
    is_gs1: bool = False


SYMBOLOGIES: Final[Mapping[str, Symbology]] = {
    "qr": Symbology("QR Code", "QR码", "ISO/IEC 18004 6.3.8", 4, 0.25),
    "datamatrix": Symbology("Data Matrix", "数据矩阵码", "ISO/IEC 16022 5.7", 1, 0.25),
    "code128": Symbology("Code 128", "128码", "ISO/IEC 15417 4.4", 10, 0.19, True),
    "gs1-128": Symbology("GS1-128", "GS1-128码", "GS1 General Specifications 5.4", 10, 0.25,
                         True, True),
    "gs1-datamatrix": Symbology("GS1 DataMatrix", "GS1数据矩阵码",
                                "GS1 General Specifications 5.6", 1, 0.25, False, True),
}  # fmt: skip
# What a symbol says -> title, Chinese title.
CONTENTS: Final[Mapping[str, tuple[str, str]]] = {
    "identifier": ("the identifier itself", "标识本身"),
    "link": ("address of the record (IEC 61406)", "记录网址"),
    "gs1": ("GS1 element string", "GS1元素串"),
    "gs1-link": ("GS1 Digital Link", "GS1数字链接"),
    "text": ("a text of the design", "模板文本"),
}
CORRECTIONS: Final = ("l", "m", "q", "h")


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text. text: with {FIELD} in it. size_mm: height of its letters' body.

    is_required: a label without it is refused; others go where a field is missing or room ends.
    """

    text: str
    size_mm: float
    is_required: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The fields that the line needs."""
        return tuple(_PLACE.findall(self.text))


@dataclass(frozen=True, slots=True)
class Design:
    """What stands on a label.

    content: key of `CONTENTS`; text: of content text. module_mm: width of a module where there is
    room. host: beginning of links, like https://id.example.cn, '' = that of the resolver asked.
    correction: of QR. zpl_font: name of the printer's font for ZPL.
    """

    key: str
    title: str
    title_zh: str
    symbol: str
    content: str
    lines: tuple[Line, ...]
    module_mm: float
    text: str = ""
    host: str = ""
    correction: str = "m"
    zpl_font: str = "0"

    @property
    def names(self) -> frozenset[str]:
        """The fields that it names."""
        texts = (self.text, *(line.text for line in self.lines))
        return frozenset(name for text in texts for name in _PLACE.findall(text))


@dataclass(frozen=True, slots=True)
class Stock:
    """What is printed on: labels in columns and rows of a page; a roll has one label a page.

    left_mm, top_mm: where the first label begins. pitch_mm: from one label to the next.
    margin_mm: border of each label that stays free, since printers and dies are not exact.
    """

    key: str
    title: str
    title_zh: str
    page_mm: tuple[float, float]
    label_mm: tuple[float, float]
    columns: int = 1
    rows: int = 1
    left_mm: float = 0.0
    top_mm: float = 0.0
    pitch_mm: tuple[float, float] = (0.0, 0.0)
    margin_mm: float = 1.5

    @property
    def count(self) -> int:
        """How many labels one page has."""
        return self.columns * self.rows

    def place(self, number: int) -> tuple[float, float]:
        """Return the upper left corner [mm] of label `number` of a page, row by row."""
        row, column = divmod(number, self.columns)
        return self.left_mm + column * self.pitch_mm[0], self.top_mm + row * self.pitch_mm[1]


def filled(text: str, facts: Mapping[str, str]) -> str:
    """Return a text with its fields filled in.

    Raises
    ------
    KeyError
        A field is missing.

    >>> filled("Model {MODEL}", {"MODEL": "NC250"})
    'Model NC250'
    """
    return _PLACE.sub(lambda found: facts[found[1]], text)


# From data --------------------------------------------------------------------------------------


def read_design(key: str, told: object) -> Design:
    """Read a design.

    Raises
    ------
    ValueError
        Says where, what was found and what is allowed.
    """
    where = f"design {key!r}"
    reader = _Reader(where, told, Design.__slots__)
    symbol = reader.choice("symbol", tuple(SYMBOLOGIES))
    content = reader.choice("content", tuple(CONTENTS), "identifier")
    if SYMBOLOGIES[symbol].is_gs1 != (content == "gs1"):
        raise ValueError(f"{where}: content gs1 belongs to gs1-128 and gs1-datamatrix; "
                         f"found {symbol} with {content}")  # fmt: skip
    lines = reader.told.get("lines", [])
    if not isinstance(lines, list | tuple) or len(lines) > LABEL_LINES_MAX:
        raise ValueError(f"{where}: lines: a list of at most {LABEL_LINES_MAX} was expected")
    host = reader.text("host", "").rstrip("/")
    if host and not re.fullmatch(r"https?://[!-~]{1,200}", host):
        raise ValueError(f"{where}: host {host!r}; https://name was expected")
    text = reader.text("text", "")
    if (content == "text") != bool(text):
        raise ValueError(f"{where}: text belongs to content text, and only to it")
    least = SYMBOLOGIES[symbol].least_mm
    return Design(
        key, reader.text("title", key), reader.text("title_zh", key), symbol, content,
        tuple(_line(f"{where} line {n}", line) for n, line in enumerate(lines, 1)),
        reader.number("module_mm", least, 3.0, 0.4), text, host,
        reader.choice("correction", CORRECTIONS, "m"),
        checked_font(where, reader.text("zpl_font", "0")),
    )  # fmt: skip


def checked_font(where: str, font: object) -> str:
    """Return the name of a printer's font; ValueError where it is none."""
    if not isinstance(font, str) or not _FONT.fullmatch(font):
        raise ValueError(f"{where}: zpl_font {font!r}; 0 or E:NAME.TTF was expected")
    return font


def _line(where: str, told: object) -> Line:
    reader = _Reader(where, told, ("text", "size_mm", "required"))
    is_required = reader.told.get("required", False)
    if not isinstance(is_required, bool):
        raise ValueError(f"{where}: required: true or false was expected")
    text = reader.text("text", "")
    if not text:
        raise ValueError(f"{where}: text is missing")
    return Line(text, reader.number("size_mm", 1.2, 30.0, 2.2), is_required)


def read_stock(key: str, told: object) -> Stock:
    """Read a kind of stock; labels that leave the page are refused.

    Raises
    ------
    ValueError
        Says where, what was found and what is allowed.
    """
    where = f"stock {key!r}"
    reader = _Reader(where, told, Stock.__slots__)
    label = reader.pair("label_mm", 5.0, 420.0)
    page = reader.pair("page_mm", 5.0, 1_000.0, label)
    columns, rows = reader.whole("columns", 1, 60, 1), reader.whole("rows", 1, 120, 1)
    left, top = reader.number("left_mm", 0, 200, 0), reader.number("top_mm", 0, 200, 0)
    pitch = reader.pair("pitch_mm", 1.0, 420.0, label)
    margin = reader.number("margin_mm", 0, 20, 1.5)
    made = Stock(key, reader.text("title", key), reader.text("title_zh", key), page, label,
                 columns, rows, left, top, pitch, margin)  # fmt: skip
    right, bottom = (a + b for a, b in zip(made.place(made.count - 1), label, strict=True))
    if right > page[0] + 0.01 or bottom > page[1] + 0.01:
        raise ValueError(f"{where}: the last label ends at {right:g} x {bottom:g} mm, "
                         f"the page at {page[0]:g} x {page[1]:g} mm")  # fmt: skip
    if (columns > 1 and pitch[0] < label[0]) or (rows > 1 and pitch[1] < label[1]):
        raise ValueError(f"{where}: pitch_mm is less than label_mm; labels would overlap")
    return made


def read_all(told: Mapping[str, Any], read: "Callable[[str, object], Any]") -> dict[str, Any]:
    """Read a table of designs or of stock."""
    return {key: read(key, one) for key, one in told.items()}


class _Reader:
    """Values of a table by name, each checked."""

    def __init__(self, where: str, told: object, known: tuple[str, ...]) -> None:
        if not isinstance(told, Mapping):
            raise ValueError(f"{where}: a table was expected")
        unknown = sorted(set(map(str, told)) - set(known) - {"key"})
        if unknown:
            raise ValueError(f"{where}: {unknown[0]!r} is not known; known are {', '.join(known)}")
        self.where, self.told = where, told

    def text(self, name: str, default: str) -> str:
        found = self.told.get(name, default)
        if not isinstance(found, str) or len(found) > LABEL_TEXT_MAX or not _is_plain(found):
            raise ValueError(f"{self.where}: {name}: at most {LABEL_TEXT_MAX} printable characters")
        return found

    def choice(self, name: str, allowed: tuple[str, ...], default: str = "") -> str:
        found = self.told.get(name, default)
        if found not in allowed:
            raise ValueError(f"{self.where}: {name} {found!r}; one of {', '.join(allowed)}")
        return str(found)

    def number(self, name: str, low: float, high: float, default: float) -> float:
        return self._number(name, self.told.get(name, default), low, high)

    def whole(self, name: str, low: int, high: int, default: int) -> int:
        found = self.number(name, low, high, default)
        if found != int(found):
            raise ValueError(f"{self.where}: {name} {found!r}; a whole number was expected")
        return int(found)

    def pair(
        self, name: str, low: float, high: float, default: tuple[float, float] | None = None
    ) -> tuple[float, float]:
        found = self.told.get(name, default)
        if not isinstance(found, list | tuple) or len(found) != 2:
            raise ValueError(f"{self.where}: {name}: [width, height] was expected")
        width, height = (self._number(name, n, low, high) for n in found)
        return width, height

    def _number(self, name: str, found: object, low: float, high: float) -> float:
        if isinstance(found, int | float) and not isinstance(found, bool) and low <= found <= high:
            return float(found)
        raise ValueError(f"{self.where}: {name} {found!r}; {low:g} to {high:g} was expected")


def _is_plain(text: str) -> bool:
    return all(c.isprintable() for c in text)


def is_key(text: str) -> bool:
    """Whether a text may be the key of a design or of stock."""
    return bool(_NAME.fullmatch(text))
