"""GS1 identification keys in all their clothes: element strings, Digital Link URIs, EPC URNs.

Read by `core.keys`. An identity is a primary key with its qualifiers, in the fixed order of the
Digital Link standard; everything else in the symbol (dates, weights, ...) is an attribute.

References
----------
GS1 General Specifications 3.2 (application identifiers), 7.8.5 (predefined lengths), 7.9 (check
digits); GS1 Digital Link URI Syntax 1.6, 4.9 (primary keys and qualifiers); EPC Tag Data
Standard 6.3 (URNs).
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, quote, unquote

SEPARATOR: Final = "\x1d"  # FNC1 as readers send it
_SYMBOLOGIES: Final = ("]d2", "]C1", "]e0", "]Q3", "]J1")  # symbology identifiers of GS1 symbols
_X82: Final = r"[!-\"%-?A-Z_a-z]"  # General Specifications figure 7.11-1
_Y39: Final = r"[#\-/0-9A-Z]"  # figure 7.11-2
_KEYS_PER_SYMBOL_MAX: Final = 64


@dataclass(frozen=True, slots=True)
class Identifier:
    """An application identifier: what its value looks like and what it says.

    checked: how many leading digits end in a check digit, 0 where none do.
    """

    pattern: str
    title: str
    title_zh: str
    checked: int = 0


def _digits(count: int) -> str:
    return rf"\d{{{count}}}"


def _text(most: int) -> str:
    return f"{_X82}{{1,{most}}}"


_SINGLE: Final = {
    "00": Identifier(_digits(18), "SSCC", "系列货运包装箱代码", 18),
    "01": Identifier(_digits(14), "GTIN", "全球贸易项目代码", 14),
    "02": Identifier(_digits(14), "GTIN of contents", "内装贸易项目代码", 14),
    "10": Identifier(_text(20), "batch or lot", "批号"),
    "11": Identifier(_digits(6), "production date", "生产日期"),
    "12": Identifier(_digits(6), "due date", "付款截止日期"),
    "13": Identifier(_digits(6), "packaging date", "包装日期"),
    "15": Identifier(_digits(6), "best before", "保质期"),
    "16": Identifier(_digits(6), "sell by", "销售截止日期"),
    "17": Identifier(_digits(6), "expiry date", "有效期"),
    "20": Identifier(_digits(2), "internal variant", "内部产品变体"),
    "21": Identifier(_text(20), "serial number", "系列号"),
    "22": Identifier(_text(20), "consumer product variant", "消费产品变体"),
    "235": Identifier(_text(28), "third-party serial number", "第三方系列号"),
    "240": Identifier(_text(30), "additional product id", "附加产品标识"),
    "241": Identifier(_text(30), "customer part number", "客户方代码"),
    "243": Identifier(_text(20), "packaging component", "包装组件代码"),
    "250": Identifier(_text(30), "secondary serial number", "二级系列号"),
    "251": Identifier(_text(30), "reference to source", "源实体参考代码"),
    "253": Identifier(rf"\d{{13}}{_X82}{{0,17}}", "GDTI", "全球文件类型代码", 13),
    "254": Identifier(_text(20), "GLN extension", "位置码扩展"),
    "255": Identifier(r"\d{13,25}", "GCN", "全球优惠券代码", 13),
    "30": Identifier(r"\d{1,8}", "variable count", "变量贸易项目数量"),
    "37": Identifier(r"\d{1,8}", "count of contents", "内装数量"),
    "400": Identifier(_text(30), "order number", "订单号"),
    "401": Identifier(_text(30), "GINC", "全球货物托运代码"),
    "402": Identifier(_digits(17), "GSIN", "全球装运代码", 17),
    "403": Identifier(_text(30), "route", "路径代码"),
    "420": Identifier(_text(20), "postal code", "邮政编码"),
    "421": Identifier(rf"\d{{3}}{_X82}{{1,9}}", "postal code with country", "含国家的邮政编码"),
    "422": Identifier(_digits(3), "country of origin", "原产国"),
    "7003": Identifier(_digits(10), "expiry time", "有效期至时分"),
    "7040": Identifier(r"\d" + _X82 + "{3}", "UIC with extension", "扩展唯一标识码"),
    "8002": Identifier(_text(20), "mobile phone", "蜂窝移动电话代码"),
    "8003": Identifier(rf"0\d{{13}}{_X82}{{0,16}}", "GRAI", "全球可回收资产代码", 14),
    "8004": Identifier(_text(30), "GIAI", "全球单个资产代码"),
    "8006": Identifier(_digits(18), "ITIP", "贸易项目组件代码", 14),
    "8007": Identifier(_text(34), "IBAN", "国际银行账号"),
    "8008": Identifier(r"\d{8}(?:\d\d){0,2}", "production time", "生产时间"),
    "8010": Identifier(_Y39 + "{1,30}", "CPID", "组件部件代码"),
    "8011": Identifier(r"(?:0|[1-9]\d{0,11})", "CPID serial", "组件部件系列号"),
    "8013": Identifier(_text(25), "GMN", "全球型号代码"),
    "8017": Identifier(_digits(18), "GSRN, provider", "全球服务关系代码(提供方)", 18),
    "8018": Identifier(_digits(18), "GSRN, recipient", "全球服务关系代码(接受方)", 18),
    "8019": Identifier(r"\d{1,10}", "service relation instance", "服务关系实例代码"),
    "8020": Identifier(_text(25), "payment slip", "付款单代码"),
    "8200": Identifier(_text(70), "extended packaging URL", "包装扩展网址"),
    "90": Identifier(_text(30), "agreed between partners", "贸易伙伴约定信息"),
}
_MEASURE: Final = Identifier(_digits(6), "measure", "计量值")
_LOCATION: Final = Identifier(_digits(13), "GLN", "全球位置码", 13)
_INTERNAL: Final = Identifier(_text(90), "company internal", "公司内部信息")
IDENTIFIERS: Final[Mapping[str, Identifier]] = {
    **_SINGLE,
    **{str(number): _MEASURE for number in range(3100, 3700)},
    **{str(number): _LOCATION for number in range(410, 418)},
    **{str(number): _INTERNAL for number in range(91, 100)},
}
# Primary key -> its qualifiers in the order of the standard.
PRIMARY: Final[Mapping[str, tuple[str, ...]]] = {
    "01": ("22", "10", "21", "235"), "8006": ("22", "10", "21"), "414": ("254", "7040"),
    "417": ("7040",), "8010": ("8011",), "8017": ("8019",), "8018": ("8019",),
    "00": (), "253": (), "255": (), "401": (), "402": (), "8003": (), "8004": (), "8013": (),
}  # fmt: skip
_PREDEFINED: Final[Mapping[str, int]] = {  # first two digits -> whole length, no separator needed
    "00": 20, "01": 16, "02": 16, "03": 16, "04": 18, "20": 4, "41": 16,
    **{str(n): 8 for n in range(11, 20)}, **{str(n): 10 for n in range(31, 37)},
}  # fmt: skip
Elements = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Item:
    """A primary key with its qualifiers, and the attributes that came along."""

    key: Elements
    attributes: Elements = ()

    @property
    def path(self) -> str:
        """The canonical form, a Digital Link path without its first slash."""
        return "/".join(f"{ai}/{quote(value, safe='')}" for ai, value in self.key)

    @property
    def brackets(self) -> str:
        """What is printed under a symbol: (01)09506000134352(21)12345."""
        return "".join(f"({ai}){value}" for ai, value in self.key)


def check_digit(digits: str) -> str:
    """Return the check digit behind `digits` (General Specifications 7.9.1).

    >>> check_digit("0950600013435")
    '2'
    """
    total = sum(int(d) * (3 - 2 * (n % 2)) for n, d in enumerate(reversed(digits)))
    return str(-total % 10)


def is_predefined(ai: str) -> bool:
    """Whether a value of `ai` ends by its length alone, so that no separator stands behind it.

    >>> is_predefined("01"), is_predefined("10")
    (True, False)
    """
    return ai[:2] in _PREDEFINED


def from_elements(text: str) -> Item:
    """Read an element string: with brackets, or as a reader sends it.

    Raises
    ------
    ValueError
        It is none, or holds no primary key.
    """
    if text.startswith("("):
        return item(_bracketed(text))
    for symbology in _SYMBOLOGIES:
        text = text.removeprefix(symbology)
    return item(_concatenated(text))


def from_path(path: str, query: str = "") -> Item:
    """Read the path of a Digital Link URI, with any segments of the host's own before it.

    Raises
    ------
    ValueError
        It is none.
    """
    segments = [unquote(s) for s in path.strip("/").split("/")]
    for at in range(len(segments) - 1):
        if segments[at] in PRIMARY and (len(segments) - at) % 2 == 0:
            pairs = [(segments[n], segments[n + 1]) for n in range(at, len(segments), 2)]
            extra = [(ai, value) for ai, value in parse_qsl(query) if ai in IDENTIFIERS]
            return item((*pairs, *extra))
    raise ValueError(f"GS1 Digital Link: no primary key in {path!r}")


def from_urn(urn: str) -> Item:
    """Read an EPC URN of a trade item, lot, logistic unit, location or asset.

    Raises
    ------
    ValueError
        It is none of these.
    """
    kind, _, rest = urn.lower().removeprefix("urn:epc:").partition(":")
    scheme, _, _ = rest.partition(":")
    parts = unquote(urn.split(":", 4)[-1]).split(".", 2)
    build = _URNS.get(f"{kind}:{scheme}")
    if build is None or len(parts) < 2 or not (parts[0] + parts[1][:1]).isdigit():
        raise ValueError(f"EPC URN: {urn!r} is of no kind that is known: {', '.join(_URNS)}")
    return item(build(parts[0], parts[1], parts[2] if len(parts) > 2 else ""))


def item(elements: Elements) -> Item:
    """Check elements and part key from attributes; a short GTIN is filled to 14 digits.

    Raises
    ------
    ValueError
        A value is wrong, an identifier stands twice with two values, or no primary key is there.
    """
    found: dict[str, str] = {}
    for ai, given in elements:
        value = given.zfill(14) if ai == "01" and len(given) in (8, 12, 13) else given
        _check(ai, value)
        if found.setdefault(ai, value) != value:
            raise ValueError(f"GS1 ({ai}) stands twice: {found[ai]!r} and {value!r}")
    primary = next((ai for ai in PRIMARY if ai in found), "")
    if not primary:
        raise ValueError("GS1: no primary key among " + ", ".join(f"({ai})" for ai in found))
    names = (primary, *(q for q in PRIMARY[primary] if q in found))
    rest = tuple((ai, value) for ai, value in found.items() if ai not in names)
    return Item(tuple((ai, found[ai]) for ai in names), rest)


def _check(ai: str, value: str) -> None:
    identifier = IDENTIFIERS.get(ai)
    if identifier is None:
        raise ValueError(f"GS1 application identifier ({ai}) is not known")
    if not re.fullmatch(identifier.pattern, value, re.ASCII):
        raise ValueError(f"GS1 ({ai}) {identifier.title} is not {value!r}: {identifier.pattern}")
    digits = value[: identifier.checked]
    if digits and check_digit(digits[:-1]) != digits[-1]:
        raise ValueError(
            f"GS1 ({ai}) {identifier.title} {value!r}: check digit is {digits[-1]}, "
            f"{check_digit(digits[:-1])} was computed"
        )


def _bracketed(text: str) -> Elements:
    parts = re.split(r"\((\d{2,4})\)", text)
    if parts[0] or len(parts) < 3 or len(parts) > 2 * _KEYS_PER_SYMBOL_MAX:
        raise ValueError(f"GS1 element string: {text!r} does not begin with (AI)value")
    return tuple(zip(parts[1::2], parts[2::2], strict=True))


def _concatenated(text: str) -> Elements:
    found: list[tuple[str, str]] = []
    at = 0
    while at < len(text):
        ai = next((text[at : at + n] for n in (2, 3, 4) if text[at : at + n] in IDENTIFIERS), "")
        if not ai:
            raise ValueError(f"GS1 element string: no application identifier at {text[at:]!r}")
        size = _PREDEFINED.get(ai[:2], 0)
        stop = text.find(SEPARATOR, at)
        end = at + size if size else (stop if stop >= 0 else len(text))
        found.append((ai, text[at + len(ai) : end]))
        at = end + (text[end : end + 1] == SEPARATOR)
    return tuple(found)


def _checked(digits: str) -> str:
    return digits + check_digit(digits) if digits.isdigit() else digits


def _gtin(company: str, reference: str) -> str:
    return _checked(reference[:1] + company + reference[1:])


def _location(company: str, reference: str, extension: str) -> Elements:
    key = ("414", _checked(company + reference))
    return (key,) if extension in ("", "0") else (key, ("254", extension))


_URNS: Final[Mapping[str, Callable[[str, str, str], Elements]]] = {
    "id:sgtin": lambda c, r, s: (("01", _gtin(c, r)), ("21", s)),
    "class:lgtin": lambda c, r, s: (("01", _gtin(c, r)), ("10", s)),
    "id:sscc": lambda c, r, _: (("00", _gtin(c, r)),),
    "id:sgln": _location,
    "id:pgln": lambda c, r, _: (("417", _checked(c + r)),),
    "id:gdti": lambda c, r, s: (("253", _checked(c + r) + s),),
    "id:gsrn": lambda c, r, _: (("8018", _checked(c + r)),),
    "id:gsrnp": lambda c, r, _: (("8017", _checked(c + r)),),
    "id:cpi": lambda c, r, s: (("8010", c + r), ("8011", s)),
    "id:grai": lambda c, r, s: (("8003", "0" + _checked(c + r) + s),),
    "id:giai": lambda c, r, s: (("8004", c + r + (f".{s}" if s else "")),),
}
