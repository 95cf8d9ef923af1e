"""The hand of the process room: looks for new readings, judges, reports; the engine starts it.

Nothing here is remembered but for speed: what is open stands in `finding`, how each characteristic
stands in `spc_characteristic`, and the points are read again from the warehouse at every look. So
late and repeated readings change nothing but what they are about.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from millbrain.analyse.process import reading
from millbrain.analyse.process.model import APP
from millbrain.analyse.process.tables import SPC_CHARACTERISTIC
from millbrain.core import finding_rows
from millbrain.core.columns import Columns
from millbrain.core.findings import Finding, Verdict
from millbrain.core.plant.charted import Charted
from millbrain.core.rooms import Ground
from millbrain.core.tables import arrow_batch
from millbrain.hands.steps import Steps

_SEEN: Final = (
    "SELECT toString(thing) AS thing, toString(signal) AS signal FROM reading"
    " WHERE thing IN ({things:Array(String)}) AND signal IN ({signals:Array(String)})"
    " AND batch > {after:UInt64} AND batch <= {upto:UInt64} GROUP BY thing, signal"
)
_DECLARED: Final = (
    "SELECT toString(thing) AS thing, toString(signal) AS signal FROM spc_characteristic FINAL"
)


class Process:
    """The running app; see `core.rooms.Watching`."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._rules = {k: float(v) for k, v in _chosen(ground.parameters).items()}
        self._position = -1  # -1: look at everything
        self._declared: tuple[Charted, ...] = ()
        self._open: dict[str, Finding] | None = None
        self._as_of_ms = 0
        self.judged = 0
        self.steps = Steps(APP, self.look, recover=self._forget)
        self.steps.start()

    def take(self, batch: int, tables: Mapping[str, Columns]) -> None:
        """Do nothing: readings are looked up once they are on disk."""

    def verdict(self, finding_key: str, since: int) -> Verdict | None:
        """Return None: a chart tells of the process, not of a repair."""
        return None

    def status(self) -> Mapping[str, Any]:
        """Describe how far it is, how much it holds, and its troubles."""
        return {
            "position": self._position, "characteristics": len(self._declared),
            "open": len(self._open or ()), "judged": self.judged,
            **self.steps.status(),
        }  # fmt: skip

    def stop(self) -> None:
        """End the thread."""
        self.steps.stop()

    def _forget(self) -> None:
        self._position = -1

    def look(self) -> float:
        """Judge what has new readings or is newly declared; return the pause after it [s]."""
        upto = self._ground.settled()
        declared = tuple(self._ground.characteristics())
        if self._open is None:
            known = finding_rows.still_open(self._ground.facts, APP)
            self._open = {f.key: f for f in known}
        if declared != self._declared:
            self._position = -1
        gone = self._gone(declared) if self._position < 0 else []
        due = self._due(declared, upto)
        if due or gone:
            self._judge(due, gone, declared)
        self._declared, self._position = declared, upto
        return self._rules["look_s"]

    def _due(self, declared: Sequence[Charted], upto: int) -> Sequence[Charted]:
        if self._position < 0 or not declared:
            return declared
        if upto <= self._position:
            return ()
        params = {
            "things": sorted({c.thing for c in declared}),
            "signals": sorted({s for c in declared for s in (c.signal, c.size_signal)}),
            "after": self._position,
            "upto": upto,
        }
        rows = self._ground.facts.query(_SEEN, params).to_pylist()
        seen = {(r["thing"], r["signal"]) for r in rows}
        return [c for c in declared
                if {(c.thing, c.signal), (c.thing, c.size_signal)} & seen]  # fmt: skip

    def _gone(self, declared: Sequence[Charted]) -> list[Charted]:
        """Return characteristics that stand in the table and are declared no more."""
        kept = {(c.thing, c.signal) for c in declared}
        rows = self._ground.facts.query(_DECLARED).to_pylist()
        names = [(r["thing"], r["signal"]) for r in rows]
        return [Charted(t, s, "-", "-") for t, s in names if (t, s) not in kept]

    def _judge(
        self,
        due: Sequence[Charted],
        gone: Sequence[Charted],
        declared: Sequence[Charted],
    ) -> None:
        # The heart is imported on first use, so that the card stays light.
        from millbrain.analyse.process.calc.judge import judge
        from millbrain.analyse.process.calc.telling import findings

        points = int(self._rules["window_points_count"])
        watch = int(self._rules["watch_points_count"])
        least = int(self._rules["capability_values_count"])
        told: list[Finding] = []
        states: list[Any] = [(c, None, (), True) for c in gone]
        for c in due:
            baseline, window = reading.of(self._ground.facts, c, points)
            judged = judge(c, baseline, window)
            found = findings(c, judged, watch, least)
            told += self._changed(c, found)
            states.append((c, judged, tuple(found), False))
            self.judged += 1
        told += [replace(f, is_open=False) for f in self._orphans(declared)]
        self._ground.report(told)
        for finding in told:
            self._remember(finding)
        # A clock that was set back must not make a new version look old.
        self._as_of_ms = max(int(time.time() * 1000), self._as_of_ms + 1)
        batch = arrow_batch(SPC_CHARACTERISTIC, reading.rows(states, self._as_of_ms))
        self._ground.facts.insert(SPC_CHARACTERISTIC, batch)

    def _changed(self, c: Charted, found: Mapping[str, Finding]) -> list[Finding]:
        """Return findings that are new or differ, and those that are over, closed."""
        held = {f.kind: f for f in (self._open or {}).values()
                if f.thing == c.thing and f.pack_no == c.number}  # fmt: skip
        first = {k: f if k not in held else _since(f, held[k]) for k, f in found.items()}
        over = [replace(f, is_open=False) for k, f in held.items() if k not in found]
        return [f for k, f in first.items() if f != held.get(k)] + over

    def _orphans(self, declared: Sequence[Charted]) -> list[Finding]:
        """Return open findings of characteristics that are declared no more."""
        kept = {(c.thing, c.number) for c in declared}
        return [f for f in (self._open or {}).values() if (f.thing, f.pack_no) not in kept]

    def _remember(self, finding: Finding) -> None:
        assert self._open is not None
        if finding.is_open:
            self._open[finding.key] = finding
        else:
            self._open.pop(finding.key, None)


def _since(finding: Finding, held: Finding) -> Finding:
    return replace(finding, first_seen=min(finding.first_seen, held.first_seen))


def _chosen(given: Mapping[str, float]) -> Mapping[str, float]:
    from millbrain.analyse.process import ROOM

    return ROOM.chosen(given)


def start(ground: Ground) -> Process:
    """Start the app on its ground."""
    return Process(ground)
