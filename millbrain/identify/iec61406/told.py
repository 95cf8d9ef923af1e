"""A record as JSON, as JSON-LD, and as what its page shows. Pure.

What goes in are the values that the asker may read; nothing else of a record is known here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit

from millbrain.core.faces.record_json import value_json
from millbrain.core.keys import SCHEMES, Key, parse
from millbrain.core.records import Value
from millbrain.core.registry import ALIAS_TYPE

_SHOWN_BYTES_MAX: Final = 4_000  # of one value on the page; the rest is in the JSON


@dataclass(frozen=True, slots=True)
class Row:
    """A value as the page shows it. href: where it leads, '' = nowhere. at: last change."""

    type: str
    text: str
    href: str
    at: str
    is_technical: bool


@dataclass(frozen=True, slots=True)
class Told:
    """A record as it is told. asked: the key that it was asked by. address: of its own page."""

    handle: str
    asked: Key
    address: str
    values: tuple[Value, ...]

    @property
    def key(self) -> Key:
        """The key of the record itself."""
        return parse(f"hdl:{self.handle}")

    @property
    def aliases(self) -> tuple[Key, ...]:
        """The other identifiers of the record, in order; a text that is none is left out."""
        found = []
        for value in self.values:
            if value.type == ALIAS_TYPE:
                try:
                    found.append(parse(value.data.decode("utf-8", "replace")))
                except ValueError:
                    continue
        return tuple(found)


def as_json(told: Told) -> dict[str, Any]:
    """Return a record for programs."""
    return {
        "identifier": told.asked.text, "scheme": told.asked.scheme, "handle": told.handle,
        "aliases": [{"scheme": k.scheme, "identifier": k.text, "display": k.display}
                    for k in told.aliases],
        "values": [value_json(v) for v in told.values],
        "history": f"{told.address}?view=history",
    }  # fmt: skip


def as_json_ld(told: Told) -> dict[str, Any]:
    """Return a record in the words of schema.org."""
    keys = (told.key, *told.aliases)
    properties = [
        {"@type": "PropertyValue", "propertyID": f"hdl:{told.handle}#{v.index}", "name": v.type,
         "value": value_json(v)["data"]["value"]}
        for v in told.values if v.type != ALIAS_TYPE and not _is_technical(v)
    ]  # fmt: skip
    return {
        "@context": {"@vocab": "https://schema.org/"},
        "@type": "Thing", "@id": told.address, "url": told.address,
        "identifier": [
            {"@type": "PropertyValue", "propertyID": k.scheme, "value": k.value} for k in keys
        ],
        "additionalProperty": properties,
    }  # fmt: skip


def rows(told: Told) -> list[Row]:
    """Return the values as the page shows them, those of the system last."""
    found = [_row(v) for v in told.values if v.type != ALIAS_TYPE]
    return sorted(found, key=lambda row: row.is_technical)


def titles(key: Key) -> tuple[str, str]:
    """Return the name of a key's scheme in English and Chinese."""
    scheme = SCHEMES[key.scheme]
    return scheme.title, scheme.title_zh


def instant(at_s: float) -> str:
    """Return an instant for people: UTC to the second, '' for none."""
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%d %H:%M:%S UTC") if at_s else ""


def _row(value: Value) -> Row:
    told = value_json(value)["data"]
    text = told["value"] if isinstance(told["value"], str) else _flat(told["value"])
    href = text if told["format"] == "string" and _is_address(text) else ""
    shown = text if len(text) <= _SHOWN_BYTES_MAX else text[:_SHOWN_BYTES_MAX] + " …"
    return Row(value.type, shown, href, instant(value.timestamp_s), _is_technical(value))


def _flat(told: Any) -> str:
    entries: Sequence[Any] = told if isinstance(told, list) else [told]
    return "; ".join(", ".join(f"{n} {v}" for n, v in entry.items()) for entry in entries)


def _is_technical(value: Value) -> bool:
    return value.type.upper().startswith("HS_")


def _is_address(text: str) -> bool:
    """Whether a text may become a link: an http or https address in one line."""
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and text.isprintable()
    except ValueError:
        return False
