"""What cannot wait for three days: thermal events and jumps of SOC, report by report.

For a thermal event, and only for that, a single piece of evidence is enough. The car's own alarm
(bit 23 or level 4 of GB/T 32960.3-2025) is one; a fast rise of the hottest probe is the other,
since the 2016 edition has no such bit. A rise is 3 degC at least, against a report ten seconds to
five minutes older: probes tell whole degrees, and 1 degC in ten seconds is nothing. It counts when
the next report confirms it: a probe that errs for one report is common in a large fleet, and would
call the fire brigade.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from millbrain.analyse.battery import model
from millbrain.analyse.battery.calc import watching as w
from millbrain.analyse.battery.calc.case import APP
from millbrain.analyse.battery.calc.inputs import NAME_WORDS, PackReports
from millbrain.analyse.battery.calc.words import sentence
from millbrain.analyse.battery.model import Rules
from millbrain.core.findings import Evidence, Finding, Severity

THERMAL_BIT: Final = 1 << 23
THERMAL_LEVEL: Final = 4


@dataclass(frozen=True, slots=True)
class SocJump:
    """A jump of the state of charge between two reports of a vehicle.

    since, at: device time of the two [s since 1970 UTC]. before_pct, after_pct: SOC [%].
    """

    vin: str
    since: int
    at: int
    before_pct: int
    after_pct: int


class Heat:
    """The newest probe temperature and SOC of every vehicle, carried from batch to batch.

    24 bytes a vehicle and its number (24 bytes more), in tables that double. `jumps` holds the
    jumps of SOC of the batch that was watched last; `left_out` counts what one batch had too many
    of.
    """

    def __init__(self, vehicles: int = 1_024) -> None:
        self.jumps: list[SocJump] = []
        self.left_out = 0
        self._count = 0
        self._hold(1 << max(4, (2 * vehicles - 1).bit_length()))

    def _hold(self, places: int) -> None:
        self._names = np.zeros((places, NAME_WORDS), np.uint64)
        self._held = np.zeros(places, w.HELD)

    def __len__(self) -> int:
        """Count the vehicles."""
        return self._count

    def watch(self, reports: PackReports, rules: Rules) -> list[Finding]:
        """Return the thermal findings of a batch, one per vehicle and cause, in order of time.

        Row order within the batch does not matter; batches come in order of time. A report older
        than the held one tells no rise, its own alarm bits count all the same.
        """
        self.jumps = []
        return [*_alarmed(reports), *self._rises(reports, rules)]

    def _rises(self, reports: PackReports, rules: Rules) -> list[Finding]:
        rows = len(reports)
        if not rows:
            return []
        if 2 * (self._count + rows) > len(self._held):
            self._grow(2 * (self._count + rows))
        degrees = reports.temp_max_degc
        moment = reports.device_at * 65_536 + degrees
        order = np.arange(rows)
        if not (moment[1:] >= moment[:-1]).all():
            order = np.argsort(moment, kind="stable")
        found = np.zeros((w.FOUND_MAX, w.FOUND), np.int64)
        new, rises, jumps = w.watch(
            reports.names, order, reports.device_at, degrees, reports.soc_pct, self._names,
            self._held, rules.heat_rise_degc_per_min, rules.heat_min_degc, rules.soc_jump_min_pct,
            rules.soc_jump_s_max, found,
        )  # fmt: skip
        self._count += new
        half = w.FOUND_MAX // 2
        self.left_out += max(rises - half, 0) + max(jumps - half, 0)
        self.jumps = [
            SocJump(_name(reports.vin[row]), since, at, before, after)
            for row, since, at, before, after in found[half : half + min(jumps, half)].tolist()
        ]
        return _first_of_each(reports, found[: min(rises, half)].tolist(), rules)

    def _grow(self, places: int) -> None:
        names, held = self._names, self._held
        self._hold(1 << (places - 1).bit_length())
        w.move(names, held, self._names, self._held)


def _first_of_each(reports: PackReports, found: list[list[int]], rules: Rules) -> list[Finding]:
    result: dict[bytes, Finding] = {}
    for row, since, at, before, degc in found:
        vin = bytes(reports.vin[row])
        rise = (degc - before) * 60 / (at - since)
        result.setdefault(vin, _rising(vin, since, at, rise, degc, rules))
    return list(result.values())


def _name(vin: bytes) -> str:
    return bytes(vin).decode("utf-8", "replace")


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
        "why": f"the hottest probe rose by {rise:.0f} °C a minute to {degc} °C",
        "why_zh": f"最高探针温度以每分钟{rise:.0f} °C升至{degc} °C",
    }
    return _thermal(vin, evidence, 0.6, words)


def _thermal(vin: bytes, evidence: Evidence, confidence: float, words: dict[str, str]) -> Finding:
    english, chinese = sentence(model.THERMAL, **words)
    return Finding(
        thing=_name(vin), app=APP, kind=model.THERMAL, pack_no=0, cell_no=0,
        first_seen=evidence.since, last_seen=evidence.until, severity=Severity.DANGER,
        value=evidence.value, unit=evidence.unit, threshold=evidence.threshold,
        confidence=confidence, evidence=(evidence,), sentence=english, sentence_zh=chinese,
        call_out=True,
    )  # fmt: skip
