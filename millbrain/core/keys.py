"""One grammar for every identifier that a user may type, scan or send.

`parse` takes the text in any of its usual clothes (a resolver's URL, a URN, brackets, a reader's
raw output) and returns one `Key`. Two texts that name the same thing give equal keys; the text of a
key parses to the same key. Nothing is looked up here.

====== ======================================= ==================================================
scheme what                                    rule
====== ======================================= ==================================================
hdl    Handle, 88. and 86. identifiers, DOI    RFC 3651 3: prefix/suffix; ASCII case is folded,
                                               as the reference server does (setting of its own)
oid    object identifier                       ITU-T X.660, RFC 3061
ecode  Ecode                                   GB/T 31866: version, system, main code
vaa    ISO/IEC 15459 code of the agency VAA    ISO/IEC 15459-4: at most 50 characters
did    decentralised identifier, did:bid       W3C DID Core 3.1
gs1    GS1 keys                                `core.gs1`
bat    battery pack, module, cell              GB/T 34014-2017
vin    vehicle                                 GB 16735-2019, ISO 3779
aas    shell or submodel, any text             IDTA-01001-3-1
url    identification link                     IEC 61406-1
====== ======================================= ==================================================
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote, urlsplit

from millbrain.core import gs1
from millbrain.core.ids import VIN_LENGTH, is_vin, vin_check_digit
from millbrain.core.limits import IDENTIFIER_BYTES_MAX


@dataclass(frozen=True, slots=True)
class Scheme:
    """A scheme of identifiers: its titles and the standard that it follows."""

    key: str
    title: str
    title_zh: str
    source: str


# But FNC1, which readers of GS1 codes send.
_CONTROL: Final = re.compile("[\x00-\x1c\x1e\x1f\x7f-\x9f\ud800-\udfff]")
SCHEMES: Final[Mapping[str, Scheme]] = {s.key: s for s in (
    Scheme("hdl", "Handle identifier", "Handle标识", "RFC 3650, RFC 3651"),
    Scheme("oid", "Object identifier", "对象标识符", "ITU-T X.660, RFC 3061"),
    Scheme("ecode", "Ecode", "物品编码Ecode", "GB/T 31866-2015"),
    Scheme("vaa", "VAA code", "VAA标识", "ISO/IEC 15459-4"),
    Scheme("did", "Decentralised identifier", "分布式数字身份", "W3C DID Core 1.0"),
    Scheme("gs1", "GS1 key", "GS1标识", "GS1 General Specifications"),
    Scheme("bat", "Battery code", "动力蓄电池编码", "GB/T 34014-2017"),
    Scheme("vin", "Vehicle identification number", "车辆识别代号", "GB 16735-2019"),
    Scheme("aas", "Asset Administration Shell identifier", "资产管理壳标识", "IDTA-01001-3-1"),
    Scheme("url", "Identification link", "标识链接", "IEC 61406-1"),
)}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Key:
    """What an identifier names, free of its clothes.

    scheme: key of `SCHEMES`. value: canonical text within the scheme. display: what people write.
    attributes: what a symbol said besides the identity, as (name, value).
    """

    scheme: str
    value: str
    display: str = field(compare=False)
    attributes: tuple[tuple[str, str], ...] = field(default=(), compare=False)

    @property
    def text(self) -> str:
        """Scheme and value in one text, which `parse` reads again."""
        return f"{self.scheme}:{self.value}"

    @property
    def stored(self) -> bytes:
        """The key in stores: sorts by scheme, then prefix, then suffix."""
        return self.text.encode("utf-8")

    @property
    def prefix(self) -> str:
        """The part that somebody was given (before the slash of a handle); '' where there is none.

        >>> parse("88.100.1/P7").prefix
        '88.100.1'
        """
        return self.value.partition("/")[0] if self.scheme == "hdl" else ""

    @property
    def is_national(self) -> bool:
        """Whether it is an identifier of the Chinese national system (88. or 86.)."""
        return self.prefix.partition(".")[0] in ("88", "86")


def parse(text: str) -> Key:
    """Return the key that `text` names.

    Raises
    ------
    ValueError
        No scheme knows the text; the message says what was found and what was tried.

    >>> parse("https://hdl.handle.net/88.100.1/p7").text
    'hdl:88.100.1/P7'
    """
    text = text.strip()
    if not text or len(text.encode("utf-8", "replace")) > IDENTIFIER_BYTES_MAX:
        raise ValueError(f"an identifier has 1..{IDENTIFIER_BYTES_MAX} bytes")
    if _CONTROL.search(text):
        raise ValueError(f"identifier {text!r}: control characters are not allowed")
    lower = text.lower()
    for start, read in _WRAPPED.items():
        if lower.startswith(start):
            return read(text[len(start) :])
    if text.startswith(("(", "]")) or gs1.SEPARATOR in text:
        return _gs1(gs1.from_elements(text))
    return _bare(text)


def _bare(text: str) -> Key:
    """Read text that names no scheme: by its looks, the most particular first."""
    upper = text.upper()
    if "/" in text:
        return _handle(text)
    if upper.startswith("VAA"):
        return _vaa(text)
    if _BATTERY.fullmatch(upper):
        return _battery(text)
    if is_vin(upper):
        return _vin(text)
    if text.isdigit() and text.isascii() and len(text) in (8, 12, 13, 14):
        return _gs1(gs1.item((("01", text),)))
    if text.count(".") >= 2 and _OID.fullmatch(text):
        return _oid(text)
    raise ValueError(
        f"identifier {text!r} fits no scheme by its looks; known are "
        f"{', '.join(SCHEMES)}; write for example vin:... or ecode:..."
    )


# Schemes ----------------------------------------------------------------------------------------
_PREFIX: Final = re.compile(r"[^/.\s]+(?:\.[^/.\s]+)*")
_OID: Final = re.compile(r"(?:[01]\.(?:[0-9]|[1-3][0-9])|2\.(?:0|[1-9]\d*))(?:\.(?:0|[1-9]\d*))*",
                         re.ASCII)  # fmt: skip
_DID: Final = re.compile(
    r"(did:([a-z0-9]+):(?:(?:[\w.-]|%[0-9A-Fa-f]{2})*:)*(?:[\w.-]|%[0-9A-Fa-f]{2})+)(?:[/?#].*)?",
    re.ASCII,
)
_BID: Final = re.compile(r"did:bid:(?:[a-z0-9]{4}:)?[A-Za-z0-9]{22,42}", re.ASCII)
# Maker, product, chemistry, specification, trace, date, serial. The second form is of a reused
# product: no trace code, R and the product behind it. Catena-X traction_battery_code 2.0.0 has the
# same two expressions (its text counts 18 characters for the second, the expression has 19).
_BATTERY: Final = re.compile(
    r"[A-Z0-9]{3}[PMC][A-GZ][A-Z0-9]{2}(?:[A-Z0-9]{7}[1-9A-HJ-NPR-Y][1-9A-C][0-9A-HJ-NPR-Y]\d{7}"
    r"|[1-9A-HJ-NPR-Y][1-9A-C][0-9A-HJ-NPR-Y]\d{7}R[PMC])",
    re.ASCII,
)
_VAA: Final = re.compile(r"VAA[0-9A-Z./-]{1,47}", re.ASCII)
# Version -> (system identifier, main code); GB/T 31866-2015 table 1, text form.
_ECODES: Final = {
    "1": re.compile(r"1\d{4}\d{1,20}", re.ASCII), "2": re.compile(r"2\d{4}\d{1,28}", re.ASCII),
    "3": re.compile(r"3[0-9A-Za-z]{5}[0-9A-Za-z.-]{1,39}", re.ASCII),
    "4": re.compile(r"4[0-9A-Za-z]{5}\S+", re.ASCII),
}  # fmt: skip
_ASCII_UPPER: Final = {ord(c): ord(c.upper()) for c in "abcdefghijklmnopqrstuvwxyz"}


def fold(handle: str) -> str:
    """Return a handle with ASCII letters in upper case, other letters as they are.

    >>> fold("88.100.1/é-p7")
    '88.100.1/é-P7'
    """
    return handle.upper() if handle.isascii() else handle.translate(_ASCII_UPPER)


def handle_key(handle: str) -> bytes:
    """Return the key of a handle in stores, for text that is known to be one.

    >>> handle_key("88.100.1/p7")
    b'hdl:88.100.1/P7'
    """
    return b"hdl:" + fold(handle).encode("utf-8", "surrogateescape")


def _handle(text: str) -> Key:
    prefix, slash, suffix = text.partition("/")
    if not slash or not suffix or not _PREFIX.fullmatch(prefix):
        raise ValueError(f"handle {text!r}: prefix/suffix was expected, the prefix like 88.100.1")
    return Key("hdl", fold(text), text)


def _escaped_handle(text: str) -> Key:
    return _handle(unquote(text))


def _oid(text: str) -> Key:
    if not _OID.fullmatch(text):
        raise ValueError(f"OID {text!r}: arcs like 1.2.156.1 without leading zeros were expected")
    return Key("oid", text, text)


def _ecode(text: str) -> Key:
    rule = _ECODES.get(text[:1])
    if rule is None or not rule.fullmatch(text):
        raise ValueError(f"Ecode {text!r}: version 1-4, system and main code were expected")
    return Key("ecode", text, text)


def _vaa(text: str) -> Key:
    upper = text.upper()
    if not _VAA.fullmatch(upper):
        raise ValueError(f"VAA code {text!r}: VAA and 1..47 of 0-9 A-Z . / - were expected")
    return Key("vaa", upper, upper)


def _did(text: str) -> Key:
    match = _DID.fullmatch(f"did:{text}")
    if not match or (match[2] == "bid" and not _BID.fullmatch(match[1])):
        raise ValueError(f"DID did:{text}: did:method:identifier was expected")
    return Key("did", match[1].removeprefix("did:"), match[1])


def _battery(text: str) -> Key:
    upper = text.upper()
    if not _BATTERY.fullmatch(upper):
        raise ValueError(f"battery code {text!r}: 24 characters, or 19 of a reused product")
    return Key("bat", upper, upper)


def _vin(text: str) -> Key:
    upper = text.upper()
    if len(upper) == VIN_LENGTH:
        vin_check_digit(upper)  # refuses wrong characters; makers abroad use no check digit
        return Key("vin", upper, upper)
    raise ValueError(f"VIN {text!r}: {VIN_LENGTH} characters were expected")


def _aas(text: str) -> Key:
    """Any text may be the id of a shell or a submodel; it is named with its scheme only."""
    if not text:
        raise ValueError("an id of a shell or a submodel was expected behind aas:")
    return Key("aas", text, text)


def _gs1(found: gs1.Item) -> Key:
    return Key("gs1", found.path, found.brackets, found.attributes)


def _link(text: str, scheme: str) -> Key:
    """Read a web address: of a resolver that is known, a GS1 Digital Link, or of its own right."""
    parts = urlsplit(f"{scheme}://{text}")
    host = (parts.hostname or "").lower()
    if not host:
        raise ValueError(f"URL {scheme}://{text}: a host was expected")
    if host in _PROXIES and len(parts.path) > 1:
        return _escaped_handle(parts.path[1:])
    try:
        return _gs1(gs1.from_path(parts.path, parts.query))
    except ValueError:
        port = f":{parts.port}" if parts.port not in (None, _PORTS[scheme]) else ""
        query = f"?{parts.query}" if parts.query else ""
        value = f"{scheme}://{host}{port}{parts.path or '/'}{query}"
        return Key("url", value, value)


_PORTS: Final = {"http": 80, "https": 443}
_PROXIES: Final = frozenset(("hdl.handle.net", "doi.org", "dx.doi.org", "www.doi.org"))
# What a text may begin with -> how the rest is read; the longer one first.
_WRAPPED: Final[Mapping[str, Callable[[str], Key]]] = {
    "info:hdl/": _escaped_handle,
    "info:doi/": _escaped_handle,
    "hdl:": _handle,
    "handle:": _handle,
    "doi:": _handle,
    "urn:oid:": _oid,
    "oid:": _oid,
    "ecode:": _ecode,
    "vaa:": _vaa,
    "did:": _did,
    "bat:": _battery,
    "vin:": _vin,
    "aas:": _aas,
    "gs1:": lambda text: _gs1(gs1.from_path(text)),
    "urn:epc:": lambda text: _gs1(gs1.from_urn(f"urn:epc:{text}")),
    "url:http://": lambda text: _link(text, "http"),
    "url:https://": lambda text: _link(text, "https"),
    "http://": lambda text: _link(text, "http"),
    "https://": lambda text: _link(text, "https"),
}
