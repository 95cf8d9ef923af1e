"""From the entries of a pack's files to the plain values of `core.plant.model`, checked by type.

A file is TOML that was read to dicts elsewhere. What is wrong is said with the file, the entry,
what was found and what is allowed; everything wrong is said at once, not only the first.
"""

import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import UTC, date, datetime, time
from enum import StrEnum
from typing import Any, TypeVar, cast

Told = Mapping[str, Any]
T = TypeVar("T")


class Troubles:
    """What is wrong with the files of a pack, as sentences."""

    def __init__(self) -> None:
        self.sentences: list[str] = []

    def add(self, where: str, sentence: str) -> None:
        """Keep a sentence; where: file and entry."""
        self.sentences.append(f"{where}: {sentence}")


def read_all(kind: type[T], told: Sequence[Told], where: str, troubles: Troubles) -> Iterator[T]:
    """Yield the entries of a list as values; what cannot be read is told and left out."""
    for number, entry in enumerate(told, 1):
        found = read_one(kind, entry, f"{where}, {name_of(entry, number)}", troubles)
        if found is not None:
            yield found


def name_of(entry: Told, number: int) -> str:
    """Return how an entry is called in a sentence: its own name, else its number."""
    for key in ("id", "key", "code", "lot", "name", "product", "step"):
        if key in entry:
            return f"entry {entry[key]!r}"
    return f"entry {number}"


def read_one(kind: type[T], told: Told, where: str, troubles: Troubles) -> T | None:
    """Return an entry as a value of `kind`, None where it cannot be read."""
    before = len(troubles.sentences)
    declared = {f.name: f for f in fields(cast("Any", kind))}
    hints = typing.get_type_hints(kind)
    for name in told.keys() - declared.keys():
        troubles.add(where, f"{name!r} is not known; allowed are {', '.join(declared)}")
    for field in declared.values():
        if field.name not in told and _is_required(field):
            troubles.add(where, f"{field.name!r} is missing")
    values: dict[str, Any] = {}
    for name in told.keys() & declared.keys():
        try:
            values[name] = value_of(hints[name], told[name], f"{where}, {name}", troubles)
        except ValueError as error:
            troubles.add(where, f"{name} is {told[name]!r}, allowed is {error}")
    return None if len(troubles.sentences) > before else kind(**values)


def value_of(kind: Any, told: Any, where: str, troubles: Troubles) -> Any:
    """Return a value of a declared type.

    Raises
    ------
    ValueError
        Saying what is allowed.
    """
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        return value_of(next(k for k in inner if k is not type(None)), told, where, troubles)
    if origin is tuple:
        return _tuple_of(inner, told, where, troubles)
    if origin is not None:  # a mapping of names to values
        if not isinstance(told, Mapping):
            raise ValueError("a table of names and values")
        return {str(k): value_of(inner[1], v, where, troubles) for k, v in told.items()}
    if is_dataclass(kind):
        return _nested(cast("type[Any]", kind), told, where, troubles)
    return _plain(kind, told)


def _is_required(field: Field[Any]) -> bool:
    return field.default is MISSING and field.default_factory is MISSING


def _tuple_of(inner: Sequence[Any], told: Any, where: str, troubles: Troubles) -> tuple[Any, ...]:
    if isinstance(told, str) or not isinstance(told, Sequence):
        raise ValueError("a list")
    if inner[-1] is not Ellipsis:
        if len(told) != len(inner):
            raise ValueError(f"a list of {len(inner)} values")
        return tuple(value_of(k, t, where, troubles) for k, t in zip(inner, told, strict=True))
    if is_dataclass(inner[0]):
        return tuple(read_all(cast("type[Any]", inner[0]), told, where, troubles))
    return tuple(value_of(inner[0], t, where, troubles) for t in told)


def _nested(kind: type[Any], told: Any, where: str, troubles: Troubles) -> Any:
    if not isinstance(told, Mapping):
        raise ValueError("a table")
    return read_one(kind, told, where, troubles)


def _plain(kind: Any, told: Any) -> Any:
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        if told not in [k.value for k in kind]:
            raise ValueError(f"one of {', '.join(kind)}")
        return kind(told)
    if kind is time:
        return _time(told)
    if kind is date:
        return _date(told)
    if kind is datetime:
        return _instant(told)
    return _scalar(kind, told)


def _scalar(kind: Any, told: Any) -> Any:
    if kind is bool and isinstance(told, bool):
        return told
    if kind is int and isinstance(told, int) and not isinstance(told, bool):
        return told
    if kind is float and isinstance(told, int | float) and not isinstance(told, bool):
        return float(told)
    if kind is str and isinstance(told, str):
        return told
    raise ValueError({bool: "true or false", int: "a whole number", float: "a number",
                      str: "a text"}[kind])  # fmt: skip


def _time(told: Any) -> time:
    if isinstance(told, time):
        return told
    try:
        return time.fromisoformat(told)
    except (TypeError, ValueError):
        raise ValueError("a time of day as 22:00") from None


def _date(told: Any) -> date:
    if isinstance(told, date) and not isinstance(told, datetime):
        return told
    try:
        return date.fromisoformat(told)
    except (TypeError, ValueError):
        raise ValueError("a day as 2026-01-31") from None


def _instant(told: Any) -> datetime:
    try:
        at = told if isinstance(told, datetime) else datetime.fromisoformat(told)
    except (TypeError, ValueError):
        raise ValueError("an instant as 2026-01-31T08:00:00+08:00") from None
    if at.tzinfo is None:
        raise ValueError("an instant with its time zone, as 2026-01-31T08:00:00+08:00")
    return at.astimezone(UTC)
