"""Plain JSON topics by mapping: which parts of a topic and a document make a reading.

The option ``json`` of a connection is a list of rules, written as JSON:

    [{"topic": "plant/{line}/{machine}/telemetry", "thing": "{line}-{machine}", "each": "samples",
      "device_at": "ts", "values": {"spindle_rpm": "spindle.speed", "state": "state"}},
     {"topic": "meters/{meter}", "thing": "{meter}", "signal": "name", "value": "v"}]

A path names members by dots and items by numbers: ``axes.0.position``. Without `values`, `signal`
and `value` every number, truth and text of the document becomes a reading, its path the signal.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from millbrain.core import limits
from millbrain.core.errors import FrameError, SettingsError

_NAME: Final = re.compile(r"\{([a-z_]+)\}")
_KEYS: Final = {"topic", "thing", "each", "device_at", "values", "signal", "value", "quality"}
_DEPTH_MAX: Final = 8
_SECONDS_BELOW: Final = 100_000_000_000  # an instant below is in seconds: as [ms] it were 1973
_MICROSECONDS_ABOVE: Final = 100_000_000_000_000


@dataclass(frozen=True, slots=True)
class Sample:
    """One value of a document. device_at_ms: 0 where the document tells none."""

    address: str
    thing: str
    signal: str
    device_at_ms: int
    value: float | str | None


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of a mapping; see the head of this file."""

    topic: str
    thing: str
    pattern: re.Pattern[str]
    each: str = ""
    device_at: str = ""
    values: Mapping[str, str] = field(default_factory=dict)
    signal: str = ""
    value: str = ""

    @property
    def subscribed(self) -> str:
        """The topic filter that a broker is given."""
        return _NAME.sub("+", self.topic)


def read_rules(text: str) -> tuple[Rule, ...]:
    """Return the rules of a mapping.

    Raises
    ------
    SettingsError
        The text is no list of rules; the sentence says where.
    """
    if not text.strip():
        return ()
    try:
        listed = orjson.loads(text)
    except orjson.JSONDecodeError as e:
        raise SettingsError(f"option json is no JSON: {e}") from e
    if not isinstance(listed, list):
        raise SettingsError("option json is no list; [{...}, ...] is allowed")
    return tuple(_rule(number, rule) for number, rule in enumerate(listed, 1))


def _rule(number: int, rule: Any) -> Rule:
    where = f"option json, rule {number}"
    if not isinstance(rule, dict) or not isinstance(rule.get("topic"), str):
        raise SettingsError(f"{where}: an object with a topic is allowed")
    unknown = rule.keys() - _KEYS
    if unknown:
        allowed = ", ".join(sorted(_KEYS))
        raise SettingsError(f"{where}: {sorted(unknown)[0]!r} is unknown; {allowed} are allowed")
    topic = rule["topic"]
    names = set(_NAME.findall(topic))
    wanted = set(_NAME.findall(rule.get("thing", "")))
    if not rule.get("thing") or wanted - names:
        raise SettingsError(
            f"{where}: thing is {rule.get('thing', '')!r}; a text is allowed that names parts of "
            f"the topic only: {', '.join(sorted(names)) or 'it has none'}"
        )
    parts = (
        f"(?P<{found.group(1)}>[^/]+)" if (found := _NAME.fullmatch(part)) else re.escape(part)
        for part in topic.split("/")
    )
    plain = {k: rule.get(k, "") for k in ("each", "device_at", "signal", "value")}
    pattern = re.compile("/".join(parts))
    return Rule(topic, rule["thing"], pattern, values=rule.get("values", {}), **plain)


def samples(rules: tuple[Rule, ...], topic: str, payload: bytes) -> list[Sample]:
    """Return the values of a message by the first rule that its topic fits.

    Raises
    ------
    FrameError
        No rule fits, the payload is no JSON, or it tells what a reading cannot be.
    """
    for rule in rules:
        match = rule.pattern.fullmatch(topic)
        if match:
            document = _document(payload)
            thing = rule.thing.format_map(match.groupdict())
            out = [s for item in _items(rule, document) for s in _of(rule, topic, thing, item)]
            if len(out) > limits.COMMIT_ROWS_MAX:
                raise FrameError("too_long", f"{len(out)} values in one document")
            return out
    raise FrameError("unmapped", f"topic {topic!r} fits no rule of the option json")


def _document(payload: bytes) -> Any:
    try:
        return orjson.loads(payload)
    except orjson.JSONDecodeError as e:
        raise FrameError("not_json", f"the payload is no JSON: {e}") from e


def _items(rule: Rule, document: Any) -> list[Any]:
    found = at_path(document, rule.each) if rule.each else document
    return found if isinstance(found, list) else [found]


def _of(rule: Rule, topic: str, thing: str, item: Any) -> Iterator[Sample]:
    at_ms = instant_ms(at_path(item, rule.device_at)) if rule.device_at else 0
    for signal, path, value in _pairs(rule, item):
        if value is None or isinstance(value, str | int | float):
            number = float(value) if isinstance(value, int) else value
            yield Sample(f"{topic}#{path}", thing, signal, at_ms, number)


def _pairs(rule: Rule, item: Any) -> Iterator[tuple[str, str, Any]]:
    """Signal, path and value."""
    if rule.values:
        for signal, path in rule.values.items():
            value = at_path(item, path)
            if value is not _ABSENT:
                yield signal, path, value
    elif rule.signal and rule.value:
        name = at_path(item, rule.signal)
        if isinstance(name, str) and name:
            yield name, name, at_path(item, rule.value)
    else:
        yield from ((p, p, v) for p, v in _leaves(item, "", 0) if p != rule.device_at)


def _leaves(item: Any, path: str, depth: int) -> Iterator[tuple[str, Any]]:
    if depth > _DEPTH_MAX:
        return
    if isinstance(item, dict):
        for key, value in item.items():
            yield from _leaves(value, f"{path}.{key}" if path else key, depth + 1)
    elif isinstance(item, list):
        for number, value in enumerate(item):
            yield from _leaves(value, f"{path}.{number}" if path else str(number), depth + 1)
    else:
        yield path or "value", item


_ABSENT: Final = object()


def at_path(document: Any, path: str) -> Any:
    """Return what stands at a path of a document, a mark of its own where nothing does."""
    for step in path.split("."):
        if isinstance(document, dict) and step in document:
            document = document[step]
        elif isinstance(document, list) and step.isdigit() and int(step) < len(document):
            document = document[int(step)]
        else:
            return _ABSENT
    return document


def instant_ms(value: Any) -> int:
    """Return an instant [ms since 1970 UTC]: a number of s, ms or us, or an ISO 8601 text.

    >>> instant_ms(1_700_000_000), instant_ms("2023-11-14T22:13:20Z")
    (1700000000000, 1700000000000)

    Raises
    ------
    FrameError
        It is no instant.
    """
    if isinstance(value, int | float) and not isinstance(value, bool) and value > 0:
        if value < _SECONDS_BELOW:
            return round(value * 1000)
        return round(value) if value < _MICROSECONDS_ABOVE else round(value / 1000)
    if isinstance(value, str):
        try:
            at = datetime.fromisoformat(value)
        except ValueError:
            at = None
        if at is not None:
            aware = at if at.tzinfo else at.replace(tzinfo=UTC)
            return round(aware.timestamp() * 1000)
    raise FrameError("clock", f"device_at is {value!r}; a number or an ISO 8601 text is allowed")
