"""One form for the names of the Core Business Vocabulary and of GS1 keys. Pure.

The vocabulary is written as a bare word in JSON, as a URN in older documents, and as a web address;
the web address is the canonical one (CBV 2.0, 7).
"""

from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

from millbrain.core import gs1
from millbrain.core.events import finest
from millbrain.core.keys import parse

CBV: Final = "https://ref.gs1.org/cbv/"
GS1_VOCABULARY: Final = "https://ref.gs1.org/voc/"
# Field -> part of the address; the same names stand in the URNs in lower case.
_KINDS: Final[Mapping[str, str]] = {
    "bizStep": "BizStep", "disposition": "Disp", "set": "Disp", "unset": "Disp", "reason": "ER",
}  # fmt: skip
_LISTED: Final[Mapping[str, str]] = {
    "bizTransactionList": "BTT", "sourceList": "SDT", "destinationList": "SDT",
}  # fmt: skip
_URN: Final = "urn:epcglobal:cbv:"
_URN_KINDS: Final[Mapping[str, str]] = {
    "bizstep": "BizStep", "disp": "Disp", "btt": "BTT", "sdt": "SDT", "er": "ER",
}  # fmt: skip
_INCHIKEY: Final = "urn:epcglobal:cbv:inchikey:"


def word(text: str, field: str, around: str = "") -> str:
    """Return a name of the vocabulary as its address.

    field, around: where it stands: name of the member, and of the list that holds it.

    >>> word("shipping", "bizStep")
    'https://ref.gs1.org/cbv/BizStep-shipping'
    >>> word("po", "type", "bizTransactionList")
    'https://ref.gs1.org/cbv/BTT-po'
    """
    if text.startswith(_INCHIKEY):
        return f"https://identifiers.org/inchikey:{text[len(_INCHIKEY) :]}"
    if text.startswith(_URN):
        kind, _, name = text[len(_URN) :].partition(":")
        return f"{CBV}{_URN_KINDS[kind]}-{name}" if kind in _URN_KINDS else text
    if text.startswith("gs1:"):
        return GS1_VOCABULARY + text[4:]
    if text.startswith("https://gs1.org/voc/"):
        return GS1_VOCABULARY + text[len("https://gs1.org/voc/") :]
    if ":" in text or "/" in text:
        return text
    if field == "type" and around == "sensorReport":
        return GS1_VOCABULARY + text
    kind = _LISTED.get(around, "") if field == "type" else _KINDS.get(field, "")
    return f"{CBV}{kind}-{text}" if kind else text


def thing(text: str) -> str:
    """Return a GS1 key as a Digital Link of id.gs1.org cut to its finest level (CBV 2.0, 8.9).

    Anything else is returned as it is.

    >>> thing("urn:epc:id:sgln:4012345.00011.0")
    'https://id.gs1.org/414/4012345000115'
    """
    if not text.startswith(("urn:epc:", "http://", "https://")):
        return text
    try:
        key = parse(text)
        if key.scheme != "gs1":
            return text
        elements = finest(gs1.from_path(key.value).key)
    except ValueError:
        return text
    path = "/".join(f"{ai}/{quote(value, safe='=;')}" for ai, value in elements)
    return f"https://id.gs1.org/{path}"
