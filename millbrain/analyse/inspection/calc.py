"""From measured values and limits to a conclusion with its reasons. Pure: no clock, no file."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from millbrain.core.life.inspections import (
    Conclusion,
    Item,
    Judged,
    Limit,
    Need,
    Opinion,
    Status,
)

INSIDE: Final = "inside"
OUTSIDE: Final = "outside"
UNJUDGED: Final = "unjudged"  # measured, and there is no limit
ABSENT: Final = "absent"  # optional, not measured
MISSING: Final = "missing"  # required, not measured
INVALID: Final = "invalid"  # a condition of the test was not met
_ORDER: Final = (OUTSIDE, INVALID, MISSING, UNJUDGED, INSIDE, ABSENT)


def judge(
    items: Sequence[Item],
    limits: Sequence[Limit],
    values: Mapping[str, float],
    about: Mapping[str, Any],
    edition: str,
) -> Opinion:
    """Return the conclusion of one inspection.

    Parameters
    ----------
    items, limits
        What is measured and by which ranges it is judged. Of several limits that fit, a setting
        goes before a standard, one for the model before one for any, then the newest.
    values
        Item -> value in the unit of its name; absent or NaN = not measured.
    about
        `chemistry` and `model` (empty = unknown), `is_commercial`, `day` (ISO, of the test).
    edition
        Name of the rules, kept with the conclusion.

    Returns
    -------
    Opinion
        *maintain* where an item is outside its limits; else *none* where a required item was not
        measured, a condition of the test was not met, or a required test has not one item that
        could be judged; else *normal*. Required items that were measured but have no limit are
        named among the reasons, with how many were judged.

    References
    ----------
    GB/T 44500-2024: conclusions 正常 and 建议维护, judged by informative annex B unless the maker's
    technical document sets a limit.

    """
    judged = tuple(_judged(item, limits, values, about) for item in items)
    states = {j.state for j in judged}
    if OUTSIDE in states:
        conclusion = Conclusion.MAINTAIN
    elif states & {MISSING, INVALID} or _empty_tests(items, judged, about):
        conclusion = Conclusion.NONE
    else:
        conclusion = Conclusion.NORMAL
    reasons = [(j.reason, j.reason_zh) for j in sorted(judged, key=_weight) if j.reason]
    return Opinion(conclusion, judged, (*reasons, *_shares(items, judged, about)), edition)


def _empty_tests(
    items: Sequence[Item], judged: Sequence[Judged], about: Mapping[str, Any]
) -> frozenset[str]:
    """Return the tests with required items of which none was held against a limit."""
    pairs = [(i.test, j.state) for i, j in zip(items, judged, strict=True) if _counts(i, about)]
    return frozenset(t for t, _ in pairs) - {t for t, state in pairs if state in (INSIDE, OUTSIDE)}


def _shares(
    items: Sequence[Item], judged: Sequence[Judged], about: Mapping[str, Any]
) -> list[tuple[str, str]]:
    """Say how many of the required items were judged, where not all of them were."""
    states = [j.state for i, j in zip(items, judged, strict=True) if _counts(i, about)]
    done = sum(state in (INSIDE, OUTSIDE) for state in states)
    if done == len(states):
        return []
    return [(f"{done} of {len(states)} required items were judged",
             f"必检项目{len(states)}项，已判定{done}项")]  # fmt: skip


def _counts(item: Item, about: Mapping[str, Any]) -> bool:
    return is_required(item, about) and not item.is_condition


def _weight(judged: Judged) -> int:
    return _ORDER.index(judged.state)


def is_required(item: Item, about: Mapping[str, Any]) -> bool:
    """Whether the item must be measured of this vehicle."""
    is_commercial = item.need is Need.COMMERCIAL and bool(about.get("is_commercial"))
    return item.need is Need.ALWAYS or is_commercial


def _judged(
    item: Item, limits: Sequence[Limit], values: Mapping[str, float], about: Mapping[str, Any]
) -> Judged:
    name, field = item.field.name, item.field
    value = values.get(name)
    if value is None or math.isnan(value):
        if not is_required(item, about):
            return Judged(name, ABSENT, None, None, "", "")
        return Judged(
            name, MISSING, None, None, f"{field.title}: required, was not measured",
            f"{field.title_zh}：必检项目，未检测",
        )  # fmt: skip
    limit = limit_of(name, limits, about)
    if limit is None:
        return _unjudged(item, value, about)
    scaled = _scaled(limit, values)
    if scaled is None:
        return Judged(
            name, UNJUDGED, value, limit,
            f"{field.title}: not judged, the limit is per {limit.per}, which was not measured",
            f"{field.title_zh}：未判定，限值与{limit.per}有关，该值未检测",
        )  # fmt: skip
    if scaled.low <= value <= scaled.high:
        return Judged(name, INSIDE, value, scaled, "", "")
    return _beyond(item, value, scaled)


def _unjudged(item: Item, value: float, about: Mapping[str, Any]) -> Judged:
    """Judge what has no limit: worth a sentence only where the item is required."""
    said = is_required(item, about) and not item.is_condition
    return Judged(
        item.field.name, UNJUDGED, value, None,
        f"{item.field.title}: not judged, no limit is set" if said else "",
        f"{item.field.title_zh}：未判定，未设限值" if said else "",
    )  # fmt: skip


def _beyond(item: Item, value: float, limit: Limit) -> Judged:
    unit = f" {item.field.unit}" if item.field.unit else ""
    is_low = value < limit.low
    bound = limit.low if is_low else limit.high
    more = "at least" if is_low else "at most"
    more_zh = "应不小于" if is_low else "应不大于"
    tail = "; the test is not valid" if item.is_condition else ""
    tail_zh = "；检验条件不满足" if item.is_condition else ""
    return Judged(
        item.field.name, INVALID if item.is_condition else OUTSIDE, value, limit,
        f"{item.field.title}: was {value:g}{unit}, {more} {bound:g}{unit} is allowed"
        f" ({limit.source}){tail}",
        f"{item.field.title_zh}：实测{value:g}{unit}，{more_zh}{bound:g}{unit}"
        f"（{limit.source}）{tail_zh}",
    )  # fmt: skip


def limit_of(item: str, limits: Iterable[Limit], about: Mapping[str, Any]) -> Limit | None:
    """Return the limit that holds for an item of this vehicle on this day, None where none does."""
    fitting = [limit for limit in limits if limit.item == item and _fits(limit, about)]
    return max(fitting, key=_rank, default=None)


def _fits(limit: Limit, about: Mapping[str, Any]) -> bool:
    return (
        limit.chemistry in ("", about.get("chemistry"))
        and limit.model in ("", about.get("model"))
        and limit.since <= str(about.get("day", "9999"))
    )


def _rank(limit: Limit) -> tuple[bool, bool, bool, str]:
    return (limit.status is Status.SETTING, bool(limit.model), bool(limit.chemistry), limit.since)


def _scaled(limit: Limit, values: Mapping[str, float]) -> Limit | None:
    if not limit.per:
        return limit
    factor = values.get(limit.per)
    if factor is None or math.isnan(factor):
        return None
    return replace(limit, low=limit.low * factor, high=limit.high * factor, per="")
