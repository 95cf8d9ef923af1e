"""The items and limits as `items.toml` declares them, checked when they are read."""

import math
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from millbrain.core.errors import SettingsError
from millbrain.core.forms import FormField
from millbrain.core.life.inspections import CHEMISTRIES, TESTS, Item, Limit, Need, Status


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Every item with the limits that come with it. edition: name and date of the data."""

    edition: str
    items: tuple[Item, ...]
    limits: tuple[Limit, ...]


def catalogue(text: str) -> Catalogue:
    """Read the text of an `items.toml`.

    Raises
    ------
    SettingsError
        It is not TOML, or an entry breaks a rule; the sentence names the item.
    """
    try:
        read = tomllib.loads(text)
        items = tuple(_item(entry) for entry in read["item"])
        limits = tuple(limit for entry in read["item"] for limit in _limits(entry))
        edition = str(read["edition"])
        _check(items, limits)
    except (tomllib.TOMLDecodeError, KeyError, TypeError, ValueError) as e:
        raise SettingsError(f"items of the inspection lane: {e}") from e
    return Catalogue(edition, items, limits)


def _item(entry: Mapping[str, Any]) -> Item:
    low, high = entry["range"]
    field = FormField(
        entry["name"], "number", entry["title"], entry["title_zh"], low=low, high=high,
        headings=tuple(entry.get("headings", ())),
    )  # fmt: skip
    is_condition = bool(entry.get("condition", False))
    return Item(field, entry["test"], Need(entry["need"]), is_condition, entry["in_standard"])


def _limits(entry: Mapping[str, Any]) -> Iterator[Limit]:
    for limit in entry.get("limit", ()):
        yield Limit(
            entry["name"], Status.STANDARD, limit["source"], limit["since"],
            limit.get("low", -math.inf), limit.get("high", math.inf),
            limit.get("chemistry", ""), per=limit.get("per", ""), note=limit.get("note", ""),
        )  # fmt: skip


def _check(items: tuple[Item, ...], limits: tuple[Limit, ...]) -> None:
    names = [item.field.name for item in items]
    wrong = [f"{name} stands twice" for name in set(names) if names.count(name) > 1]
    wrong += [f"{i.field.name}: there is no test {i.test!r}" for i in items if i.test not in TESTS]
    for limit in limits:
        date.fromisoformat(limit.since)
        if limit.per and limit.per not in names:
            wrong.append(f"{limit.item}: is limited per {limit.per}, which is no item")
        if limit.chemistry and limit.chemistry not in CHEMISTRIES:
            wrong.append(f"{limit.item}: there is no chemistry {limit.chemistry!r}")
        if not limit.low < limit.high or not limit.source:
            wrong.append(f"{limit.item}: a limit has a low end below its high end and a source")
    if wrong:
        raise SettingsError(f"items of the inspection lane: {'; '.join(wrong)}")
