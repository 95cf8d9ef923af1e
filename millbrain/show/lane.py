"""From what a bench measured to an inspection that the ledger keeps: curve, opinion, digest."""

import hashlib
import json
import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, Final

from millbrain.core import limits
from millbrain.core.forms import FormField
from millbrain.core.life.inspections import (
    CURVE_CHANNELS,
    CURVE_TIME,
    HEAD,
    LaneRules,
    Limit,
    Opinion,
    Status,
)
from millbrain.core.times import BEIJING
from millbrain.record.ledger import NewInspection, SetLimit, Thing

_HEAD_NAMES: Final = frozenset(f.name for f in HEAD)
_DURATION: Final = "charge_duration_s"


@dataclass(frozen=True, slots=True)
class BenchCurve:
    """A bench's curve. t_s: seconds since the start, rising; channels: name -> values, None = none.

    All lists have one length.
    """

    t_s: Sequence[float]
    channels: Mapping[str, Sequence[float | None]]

    def packed(self) -> bytes:
        """Return the bytes that the ledger keeps: the canonical JSON, deflated."""
        return zlib.compress(canonical({"t_s": self.t_s, "channels": self.channels}), 6)


def form(rules: LaneRules) -> tuple[FormField, ...]:
    """Return every field of a bench's record."""
    return (*HEAD, *(item.field for item in rules.items))


def canonical(content: Any) -> bytes:
    """Return JSON that is the same for the same content: sorted keys, no blanks, UTF-8."""
    text = json.dumps(
        content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    return text.encode()


def unpacked(stored: bytes) -> BenchCurve | None:
    """Return a curve that the ledger kept, None where it kept none."""
    if not stored:
        return None
    read = json.loads(zlib.decompress(stored))
    return BenchCurve(read["t_s"], read["channels"])


def curve_of(given: Any) -> BenchCurve | None:
    """Return the curve of a record: {"t_s": [...], "voltage_v": [...], ...}; None where none came.

    Raises
    ------
    ValueError
        The sentence says what was found and what is allowed.

    """
    if given is None:
        return None
    if not isinstance(given, dict) or not isinstance(given.get("t_s"), list):
        raise ValueError("is an object of lists with `t_s`, the seconds since the start")
    times = [t for t in (_value(CURVE_TIME, t) for t in given["t_s"]) if t is not None]
    if len(times) != len(given["t_s"]) or any(b < a for a, b in pairwise(times)):
        raise ValueError("t_s has a gap or goes back; it rises with every point")
    if not 2 <= len(times) <= limits.CURVE_POINTS_MAX:
        raise ValueError(f"has {len(times)} points; 2 to {limits.CURVE_POINTS_MAX} are allowed")
    channels = {name: _channel(name, values, len(times))
                for name, values in given.items() if name != "t_s"}  # fmt: skip
    curve = BenchCurve(times, channels)
    if len(curve.packed()) > limits.CURVE_BYTES_MAX:
        raise ValueError(f"needs more than {limits.CURVE_BYTES_MAX} bytes; send fewer points")
    return curve


def _channel(name: str, values: Any, points: int) -> list[float | None]:
    if name not in CURVE_CHANNELS:
        allowed = ", ".join(CURVE_CHANNELS)
        raise ValueError(f"has a channel {name[:40]!r}; allowed are {allowed}")
    if not isinstance(values, list) or len(values) != points:
        raise ValueError(f"{name} is a list of {points} values, as long as t_s")
    return [_value(CURVE_CHANNELS[name][0], v) for v in values]


def _value(field: FormField, given: Any) -> float | None:
    if given is None or given == "":
        return None
    if isinstance(given, bool) or not isinstance(given, int | float):
        raise ValueError(f"{field.name} holds {str(given)[:40]!r}; numbers are expected")
    if not (math.isfinite(given) and field.low <= given <= field.high):
        raise ValueError(
            f"{field.name} holds {given:g}; {field.low:g} to {field.high:g} is allowed"
        )
    return given


def inspection(
    values: Mapping[str, Any],
    curve: BenchCurve | None,
    thing: Thing | None,
    rules: LaneRules,
    settings: Sequence[Limit],
    reason: str = "",
) -> NewInspection:
    """Return an inspection with its opinion.

    Parameters
    ----------
    values
        Values of the form by field name.
    curve
        The bench's curve, None = none.
    thing
        What the register holds of the vehicle, None = nothing: its model, and its chemistry where
        the record does not say.
    rules, settings
        By what it is judged.
    reason
        Of a correction.

    """
    head = {name: value for name, value in values.items() if name in _HEAD_NAMES}
    measured = {name: float(v) for name, v in values.items() if name not in _HEAD_NAMES}
    if thing is not None and not head.get("chemistry"):
        head |= _chemistry(thing)
    tested_at = datetime.fromisoformat(head["tested_at"])
    head.setdefault("ended_at", _ended(tested_at, measured, curve))
    opinion = rules.judge(measured, _about(head, thing, tested_at), settings)
    packed = curve.packed() if curve else b""
    opinion_json = _opinion(opinion)
    content = {
        "head": head, "measured": measured, "opinion": opinion_json,
        "curve": hashlib.sha256(packed).hexdigest() if packed else "",
    }  # fmt: skip
    return NewInspection(
        bench=head["bench"], record_no=head["record_no"], vin=head["vin"], tested_at=tested_at,
        head=head, measured=measured, conclusion=str(opinion.conclusion), opinion=opinion_json,
        content_sha256=hashlib.sha256(canonical(content)).hexdigest(), curve=packed,
        curve_points=len(curve.t_s) if curve else 0, reason=reason,
    )  # fmt: skip


def _chemistry(thing: Thing) -> dict[str, str]:
    """Return the chemistry that the register names (GB/T 32960.3-2025 A.2), as a choice of ours."""
    field = next(f for f in HEAD if f.name == "chemistry")
    for name in ("chemistry", "电池类型"):
        try:
            found = field.read(thing.attributes.get(name))
        except ValueError:
            continue
        if found:
            return {"chemistry": found}
    return {}


def _about(head: Mapping[str, Any], thing: Thing | None, tested_at: datetime) -> dict[str, Any]:
    return {
        "chemistry": head.get("chemistry", ""),
        "model": thing.model if thing else "",
        "is_commercial": bool(head.get("is_commercial")),
        "day": tested_at.astimezone(BEIJING).date().isoformat(),
    }


def _ended(tested_at: datetime, measured: Mapping[str, float], curve: BenchCurve | None) -> str:
    """Return the end of a test that names none: as long as its curve, or as its charge."""
    length_s = curve.t_s[-1] if curve else measured.get(_DURATION, 0.0)
    ended = tested_at + timedelta(seconds=math.ceil(length_s))
    return ended.isoformat().replace("+00:00", "Z")


def _opinion(opinion: Opinion) -> dict[str, Any]:
    return {
        "edition": opinion.edition,
        "items": [judged.as_json() for judged in opinion.items],
        "reasons": [list(pair) for pair in opinion.reasons],
    }


def settings_of(limits_set: Sequence[SetLimit]) -> tuple[Limit, ...]:
    """Return the limits that were set, as the rules take them."""
    return tuple(
        Limit(
            s.item, Status.SETTING, s.source, s.since,
            -math.inf if s.low is None else s.low, math.inf if s.high is None else s.high,
            s.chemistry, s.model,
        )
        for s in limits_set
    )  # fmt: skip
