"""What cannot wait for three days: thermal events, report by report.

For a thermal event, and only for that, a single piece of evidence is enough. The car's own alarm
(bit 23 or level 4 of GB/T 32960.3-2025) is one; a fast rise of the hottest probe is the other,
since the 2016 edition has no such bit.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from millbrain.analyse.battery import model
from millbrain.analyse.battery.calc.inputs import PackReports
from millbrain.analyse.battery.calc.judge import APP
from millbrain.analyse.battery.calc.kernels import TEMP_NONE
from millbrain.analyse.battery.calc.words import sentence
from millbrain.analyse.battery.model import Rules
from millbrain.core.findings import Evidence, Finding, Severity

THERMAL_BIT = 1 << 23
THERMAL_LEVEL = 4
_RISE_S_MIN, _RISE_S_MAX = 10, 300  # nearer, a probe's step of 1 degC tells nothing; farther, too


class Heat:
    """The newest probe temperature of every vehicle, carried from batch to batch."""

    def __init__(self) -> None:
        self._held: dict[bytes, tuple[int, int]] = {}

    def watch(self, reports: PackReports, rules: Rules) -> list[Finding]:
        """Return the thermal findings of a batch, one per vehicle and cause, in order of time.

        Row order within the batch does not matter; batches come in order of time. A report older
        than the held one tells no rise, its own alarm bits count all the same.
        """
        return [*_alarmed(reports), *self._rises(reports, rules)]

    def _rises(self, reports: PackReports, rules: Rules) -> list[Finding]:
        found: dict[bytes, Finding] = {}
        known = np.flatnonzero(reports.temp_max_degc != TEMP_NONE)
        order = known[np.lexsort((reports.temp_max_degc[known], reports.device_at[known]))]
        names: list[bytes] = reports.vin[order].tolist()
        times: list[int] = reports.device_at[order].tolist()
        degrees: list[int] = reports.temp_max_degc[order].tolist()
        for vin, at, degc in zip(names, times, degrees, strict=True):
            then, before = self._held.get(vin, (at, degc))
            seconds = at - then
            if _RISE_S_MIN <= seconds <= _RISE_S_MAX and degc >= rules.heat_min_degc:
                rise = (degc - before) * 60 / seconds
                if rise >= rules.heat_rise_degc_per_min:
                    found.setdefault(vin, _rising(vin, then, at, rise, degc, rules))
            if seconds >= _RISE_S_MIN or vin not in self._held:
                self._held[vin] = (at, degc)
        return list(found.values())


def _alarmed(reports: PackReports) -> Iterable[Finding]:
    """Yield one finding per vehicle whose own alarm says thermal event."""
    said = (reports.flags & THERMAL_BIT != 0) | (reports.level == THERMAL_LEVEL)
    rows: NDArray[np.intp] = np.flatnonzero(said)
    for vin in np.unique(reports.vin[rows]):
        at = reports.device_at[rows[reports.vin[rows] == vin]]
        evidence = Evidence("own alarm", "vehicle", 1, 1, "", int(at.min()), int(at.max()))
        words = {"why": "the car's own alarm says so", "why_zh": "车辆上报热事件报警"}
        yield _thermal(bytes(vin), evidence, 0.9, words)


def _rising(vin: bytes, since: int, until: int, rise: float, degc: int, rules: Rules) -> Finding:
    limit = rules.heat_rise_degc_per_min
    evidence = Evidence("rise", "temperature", rise, limit, "degC/min", since, until)
    words = {
        "why": f"the hottest probe rose by {rise:.0f} degC a minute to {degc} degC",
        "why_zh": f"最高探针温度以每分钟{rise:.0f} °C升至{degc} °C",
    }
    return _thermal(vin, evidence, 0.6, words)


def _thermal(vin: bytes, evidence: Evidence, confidence: float, words: dict[str, str]) -> Finding:
    english, chinese = sentence(model.THERMAL, **words)
    return Finding(
        thing=vin.decode("utf-8", "replace"), app=APP, kind=model.THERMAL, pack_no=0, cell_no=0,
        first_seen=evidence.since, last_seen=evidence.until, severity=Severity.DANGER,
        value=evidence.value, unit=evidence.unit, threshold=evidence.threshold,
        confidence=confidence, evidence=(evidence,), sentence=english, sentence_zh=chinese,
        call_out=True,
    )  # fmt: skip
