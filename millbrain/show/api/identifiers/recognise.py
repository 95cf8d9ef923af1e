"""Which scheme a text is of, told while it is typed; and what is wrong with one that is of none."""

import re
from typing import Any, Final

from pydantic import BaseModel, Field

from millbrain.core.ids import VIN_LENGTH, vin_check_digit
from millbrain.core.keys import SCHEMES, parse

_LOOKS_LIKE_VIN: Final = re.compile(r"[A-HJ-NPR-Z0-9]{17}", re.ASCII)
_BATTERY_LENGTHS: Final = (24, 19)
_LOOKS_LIKE_BATTERY: Final = re.compile(r"[A-Z0-9]{3}[PMC][A-GZ][A-Z0-9]{10,25}", re.ASCII)
# Beginning of a refusal of the grammar -> what was expected, in Chinese.
_EXPECTED_ZH: Final = {
    "handle": "Handle标识应为“前缀/后缀”，前缀形如 88.100.1",
    "OID": "OID应为以点分隔的数字弧，如 1.2.156.1，不带前导零",
    "Ecode": "Ecode应以版本1–4开头，后接编码体系标识与主码",
    "VAA": "VAA标识应以VAA开头，后接1–47个字符（0-9 A-Z . / -）",
    "DID": "DID应为 did:方法:标识",
    "battery": "电池编码应为24位；梯次利用产品为19位",
    "VIN": "VIN应为17位",
    "URL": "网址应含主机名",
    "GS1": "GS1标识的应用标识符或校验位有误",
}
_NO_SCHEME_ZH: Final = "不符合任何已知标识体系；可写明体系，如 vin:… 或 ecode:…"
EXAMPLES: Final = {
    "hdl": "88.100.1/P7", "oid": "1.2.156.1.1", "ecode": "ecode:1123456789",
    "vaa": "VAA2017A0012345", "did": "did:bid:efnVUgqQFfYeu97ABf6sGm3WFtVXHZB2",
    "gs1": "(01)09506000134352(21)S7", "bat": "0ABPB01A123456G150000001",
    "vin": "LDPGABAC2JN361504", "aas": "aas:https://id.example.cn/aas/7",
    "url": "https://id.example.cn/p/7",
}  # fmt: skip


class Recognised(BaseModel):
    """What the grammar says of a text."""

    ok: bool
    scheme: str = Field(description="Key of the scheme, empty where none knows the text.")
    title: str = ""
    title_zh: str = ""
    source: str = Field(default="", description="Standard that the scheme follows.")
    key: str = Field(default="", description="One spelling for all ways to write it.")
    display: str = Field(default="", description="As people write it.")
    prefix: str = Field(default="", description="Prefix of a handle, empty for other schemes.")
    is_national: bool = Field(
        default=False, description="Of the Chinese national system (88. or 86.)."
    )
    attributes: list[tuple[str, str]] = Field(
        default=[], description="What a symbol said besides the identity."
    )
    reason: str = Field(default="", description="Why no scheme knows it, else empty.")
    reason_zh: str = ""


class SchemeAnswer(BaseModel):
    """A scheme that the grammar knows."""

    key: str
    title: str
    title_zh: str
    source: str
    example: str


def schemes() -> list[SchemeAnswer]:
    """Return every scheme with an example."""
    return [
        SchemeAnswer(
            key=s.key, title=s.title, title_zh=s.title_zh, source=s.source,
            example=EXAMPLES.get(s.key, ""),
        )
        for s in SCHEMES.values()
    ]  # fmt: skip


def recognised(text: str) -> Recognised:
    """Return what the grammar says of a text; nothing is looked up."""
    try:
        key = parse(text)
    except ValueError as error:
        reason, reason_zh = _near_miss(text.strip().upper()) or (str(error), _chinese(str(error)))
        return Recognised(ok=False, scheme="", reason=reason, reason_zh=reason_zh)
    scheme = SCHEMES[key.scheme]
    return Recognised(
        ok=True, scheme=key.scheme, title=scheme.title, title_zh=scheme.title_zh,
        source=scheme.source, key=key.text, display=key.display, prefix=key.prefix,
        is_national=key.is_national, attributes=list(key.attributes),
    )  # fmt: skip


def _near_miss(text: str) -> tuple[str, str] | None:
    """Say what is wrong with a text that looks like one of a scheme and is none."""
    if _LOOKS_LIKE_VIN.fullmatch(text):
        computed, found = vin_check_digit(text), text[8]
        if computed != found:
            return (
                f"{VIN_LENGTH} characters like a VIN, but its check digit (9th) is {found} and"
                f" should be {computed}; write vin:{text} if the maker uses none",
                f"长度与VIN相符，但第9位校验位为 {found}，应为 {computed}；"
                f"若该厂不用校验位，请写 vin:{text}",
            )
    if _LOOKS_LIKE_BATTERY.fullmatch(text) and len(text) not in _BATTERY_LENGTHS:
        return (
            f"it begins like a battery code, which has 24 characters (19 if reused), not"
            f" {len(text)}",
            f"开头与电池编码相符，但电池编码为24位（梯次利用19位），此处为{len(text)}位",
        )
    return None


def _chinese(reason: str) -> str:
    found = next((zh for start, zh in _EXPECTED_ZH.items() if reason.startswith(start)), "")
    return found or _NO_SCHEME_ZH


def refers(told: Any) -> str:
    """Return the identifier that a value of a record is, '' where it is none of ours to follow."""
    text = told["data"]["value"] if told["data"]["format"] == "string" else ""
    if not isinstance(text, str) or not 8 <= len(text) <= 200 or text.startswith("http"):
        return ""
    try:
        key = parse(text)
    except ValueError:
        return ""
    return key.text if key.is_national or key.scheme in ("vin", "bat", "did") else ""
