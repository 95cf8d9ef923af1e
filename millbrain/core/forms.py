"""Forms as data: the fields of what people bring, and how their texts become values.

A bench's record, a repair, a claim: each is a list of `FormField`. Imports, the API, pages and
documents read the same list, so a field is declared once. Nothing here reads a file or a clock.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from millbrain.core.times import BEIJING
from millbrain.core.units import unit_of

_TRUTH: Final = {"0": False, "no": False, "false": False, "否": False, "不合格": False,
                 "1": True, "yes": True, "true": True, "是": True, "合格": True}  # fmt: skip
_FACTORS: Final = {
    ("Mohm", "kohm"): 1e3, ("ohm", "kohm"): 1e-3, ("ohm", "mohm"): 1e3, ("kohm", "mohm"): 1e6,
    ("v", "mV"): 1e3, ("mV", "v"): 1e-3, ("min", "s"): 60.0, ("h", "s"): 3600.0,
    ("ms", "s"): 1e-3,
}  # fmt: skip
_ID: Final = re.compile(r"[!-~]{1,64}")
KINDS: Final = ("text", "id", "number", "whole", "truth", "at", "choice")


@dataclass(frozen=True, slots=True)
class FormField:
    """One field: name (unit last), kind, titles, and what is allowed.

    headings: further spellings of its column in a file; the name and both titles are known anyway.
    low, high: range of a number, both included. longest: characters of a text. choices: word ->
    (English, Chinese); a file may carry any of the three.
    """

    name: str
    kind: str
    title: str
    title_zh: str
    is_required: bool = False
    headings: tuple[str, ...] = ()
    low: float = -math.inf
    high: float = math.inf
    longest: int = 200
    choices: Mapping[str, tuple[str, str]] | None = None

    @property
    def unit(self) -> str:
        """Symbol of the unit that the name ends in, empty where it has none."""
        unit = unit_of(self.name) if self.kind in ("number", "whole") else None
        return unit.symbol if unit else ""

    def as_json(self) -> dict[str, Any]:
        """Return the declaration as pages and programs read it."""
        ranges = {"low": self.low, "high": self.high}
        return {
            "name": self.name, "kind": self.kind, "title": self.title, "title_zh": self.title_zh,
            "unit": self.unit, "is_required": self.is_required, "longest": self.longest,
            "choices": {word: list(titles) for word, titles in (self.choices or {}).items()},
            **{name: bound if math.isfinite(bound) else None for name, bound in ranges.items()},
        }  # fmt: skip

    def spellings(self) -> frozenset[str]:
        """Return every heading that means this field, in lower case."""
        bare = [self.name, self.title, self.title_zh, *self.headings]
        return frozenset(heading_key(text) for text in bare)

    def read(self, given: object) -> Any:
        """Return the value of what was given: a text of a file, or a JSON value.

        Returns None where nothing was given.

        Raises
        ------
        ValueError
            The sentence says what was found and what is allowed.
        """
        text = _plain_text(given)
        if text == "":
            if self.is_required:
                raise ValueError("is empty; a value is needed")
            return None
        return _READERS[self.kind](self, text)


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """What is wrong with one field of one entry."""

    field: str
    problem: str


def heading_key(text: str) -> str:
    """Return a heading as it is compared: lower case, without the unit in brackets.

    >>> heading_key("Voltage [V] ")
    'voltage'
    """
    return re.sub(r"\s*[\[(（].*$", "", text.strip()).strip().lower()


def heading_factor(field: FormField, heading: str) -> float:
    """Return by what the numbers under a heading are multiplied to be in the field's unit.

    A heading without a unit is taken to be in the field's own.

    Raises
    ------
    ValueError
        It names a unit that does not turn into the field's: reading on would be a guess.

    """
    found = re.search(r"[\[(（]([^\])）]*)[\])）]\s*$", heading.strip())
    given = _plain_unit(found[1]) if found else ""
    wanted = _plain_unit(field.unit)
    if not given or given == wanted:
        return 1.0
    if (given, wanted) in _FACTORS:
        return _FACTORS[given, wanted]
    raise ValueError(f"is in {found[1] if found else ''}; {field.unit or 'no unit'} is expected")


def _plain_unit(symbol: str) -> str:
    """Return a unit as it is compared: the spellings of degree and ohm are many."""
    text = symbol.strip().replace("℃", "°c").replace("Ω", "ohm").replace("Ω", "ohm")
    text = text.replace("欧姆", "ohm").replace("秒", "s").replace("分钟", "min")
    return text if text[:1] in ("m", "M") else text.lower()  # milli and mega differ by case


def read_form(
    fields: Sequence[FormField], given: Mapping[str, object]
) -> tuple[dict[str, Any], list[FieldProblem]]:
    """Return the values of an entry by field name, and what is wrong with it.

    given: field name -> text or JSON value; names that no field has are problems too, so that a
    misspelt one is not lost silently. Fields without a value are left out.
    """
    values: dict[str, Any] = {}
    problems = [FieldProblem(name, "is not a field of this form")
                for name in given.keys() - {f.name for f in fields}]  # fmt: skip
    for field in fields:
        try:
            value = field.read(given.get(field.name))
        except ValueError as e:
            problems.append(FieldProblem(field.name, str(e)))
            continue
        if value is not None:
            values[field.name] = value
    return values, problems


def _plain_text(given: object) -> str:
    if given is None:
        return ""
    if isinstance(given, bool):
        return "yes" if given else "no"
    if isinstance(given, float) and given.is_integer():
        return str(int(given))
    return str(given).strip()


def _text(field: FormField, text: str) -> str:
    if len(text) > field.longest:
        raise ValueError(f"has {len(text)} characters; at most {field.longest} are allowed")
    if not text.replace("\n", "").isprintable():
        raise ValueError("holds characters that cannot be printed")
    return text


def _id(field: FormField, text: str) -> str:
    if not _ID.fullmatch(text) or len(text) > field.longest:
        longest = min(64, field.longest)
        raise ValueError(
            f"was {text[:80]!r}; 1 to {longest} ASCII characters without blanks are allowed"
        )
    return text


def _number(field: FormField, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f"was {text[:80]!r}; a number is expected") from None
    if not field.low <= value <= field.high:  # NaN is refused here too
        raise ValueError(f"was {text[:80]}; {field.low:g} to {field.high:g} is allowed")
    return value


def _whole(field: FormField, text: str) -> int:
    value = _number(field, text)
    if not math.isfinite(value) or value != int(value):
        raise ValueError(f"was {text[:80]}; a whole number is expected")
    return int(value)


def _truth(field: FormField, text: str) -> bool:
    if text.lower() not in _TRUTH:
        raise ValueError(f"was {text[:80]!r}; yes, no, 1 or 0 are allowed")
    return _TRUTH[text.lower()]


def _at(field: FormField, text: str) -> str:
    """Read an instant; without a zone it is Beijing time. Kept as ISO 8601 UTC, whole seconds."""
    try:
        at = datetime.fromisoformat(text.replace("/", "-").replace("Z", "+00:00"))
        at = (at if at.tzinfo else at.replace(tzinfo=BEIJING)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(
            f"was {text[:80]!r}; an instant such as 2026-03-01 09:30:00 (Beijing time) or"
            " 2026-03-01T01:30:00Z is expected"
        ) from None
    if not _EARLIEST <= at <= _LATEST:
        raise ValueError(f"was {text[:80]}; an instant from 1990 to 2105 is expected")
    return at.replace(microsecond=0).isoformat().replace("+00:00", "Z")


def _choice(field: FormField, text: str) -> str:
    choices = field.choices or {}
    for word, titles in choices.items():
        if text.lower() in (word.lower(), *(t.lower() for t in titles)):
            return word
    allowed = ", ".join(f"{word} ({titles[1]})" for word, titles in choices.items())
    raise ValueError(f"was {text[:80]!r}; allowed are {allowed}")


_EARLIEST: Final = datetime(1990, 1, 1, tzinfo=UTC)
_LATEST: Final = datetime.fromtimestamp((1 << 32) - 1, tz=UTC) - timedelta(days=366)
_READERS: Final[Mapping[str, Any]] = {
    "text": _text, "id": _id, "number": _number, "whole": _whole, "truth": _truth, "at": _at,
    "choice": _choice,
}  # fmt: skip
