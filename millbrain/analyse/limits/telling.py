"""What a crossing says: findings for the alarms, in words. Pure."""

from collections.abc import Mapping
from dataclasses import replace

from millbrain.analyse.limits.model import APP, HIGH, LOW
from millbrain.core.findings import Evidence, Finding, Severity
from millbrain.core.plant.signal_limits import SignalLimits
from millbrain.core.units import unit_of

_SIDES = {
    HIGH: ("above", "超过", ("high limit", "上限")),
    LOW: ("below", "低于", ("low limit", "下限")),
}


def kind_of(level: int) -> str:
    """Return the kind of finding of a level that is not 0."""
    return HIGH if level > 0 else LOW


def open_finding(
    limits: SignalLimits, level: int, threshold: float, since_s: int, at_s: int, value: float
) -> Finding:
    """Return the finding of a signal that is beyond a limit.

    level: -2 to 2, not 0. threshold: the limit. since_s: when it left the inside, at_s: the reading
    that says so [s since 1970 UTC].
    """
    kind = kind_of(level)
    unit = unit_of(limits.signal)
    symbol = unit.symbol if unit else ""
    tail = f" {symbol}" if symbol else ""
    word, word_zh, (name, name_zh) = _SIDES[kind]
    outer, outer_zh = ("outer ", "极") if abs(level) > 1 else ("", "")
    said, bound = f"{value:.6g}{tail}", f"{threshold:.6g}{tail}"
    since_s = min(since_s, at_s)
    proof = Evidence(limits.signal, kind, value, threshold, symbol, since_s, at_s)
    return Finding(
        thing=limits.thing, app=APP, kind=kind, pack_no=limits.number, cell_no=0,
        first_seen=since_s, last_seen=at_s,
        severity=Severity.STOP if abs(level) > 1 else Severity.WATCH,
        value=value, unit=symbol, threshold=threshold, confidence=1.0, evidence=(proof,),
        sentence=f"{limits.signal} is {said}, {word} its {outer}{name} {bound}",
        sentence_zh=f"{limits.signal}为{said}，{word_zh}{outer_zh}{name_zh}{bound}",
    )  # fmt: skip


def closed(finding: Finding, at_s: int) -> Finding:
    """Return the finding as over."""
    return replace(finding, is_open=False, last_seen=max(finding.last_seen, at_s))


def level_of(finding: Finding) -> int:
    """Return the level that an open finding tells of."""
    side = 1 if finding.kind == HIGH else -1
    return side * (2 if finding.severity >= Severity.STOP else 1)


def rounds(told: Mapping[str, list[Finding]]) -> list[list[Finding]]:
    """Divide versions of findings so that no part holds two of one key, in their order."""
    longest = max((len(versions) for versions in told.values()), default=0)
    return [[v[n] for v in told.values() if len(v) > n] for n in range(longest)]
