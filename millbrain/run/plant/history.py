"""What the simulated machines did in the days before they were first started: pushed once.

Indicators, charts and shift reports need days of readings, so fresh machines would show nothing. On
the first start the floor begins some days ago; what happened until now goes to the engine over its
HTTP room, under a connection of its own, while the machines already run live and count on. A file
in the data folder says when that was and whether all of it is on disk; a start that was cut off
simulates and pushes the same readings again, of which the engine keeps one each.
"""

import json
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import urllib3
from numpy.typing import NDArray

from millbrain.core.errors import LinkError
from millbrain.core.plant.secrets import Secrets
from millbrain.core.plant.tags import Connection
from millbrain.record.ledger import Ledger
from millbrain.run.plant.analogue import Analogue
from millbrain.run.plant.floor import Floor
from millbrain.run.plant.machine import values

KEY: Final = "plant-history"
STEP_S: Final = 300.0  # between process values of the past
AGAIN_S: Final = 3600.0  # how often what has not changed is told again
_DAY_S: Final = 86_400.0
_ROWS: Final = 20_000
_TRIES: Final = 60
_MEDIA: Final = "application/vnd.apache.arrow.stream"
_TITLE: Final = "History of the simulated machines, pushed once 仿真设备历史（仅推送一次）"


@dataclass(slots=True)
class Past:
    """Readings of the past as columns; `texts` holds every text once, number -1 = no text."""

    things: list[str]
    signals: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    blocks: list[tuple[NDArray[Any], ...]] = field(default_factory=list)
    _codes: dict[str, int] = field(default_factory=dict)
    _words: dict[str, int] = field(default_factory=dict)

    def add(self, machine: Sequence[int], signal: Sequence[str], at_ms: Sequence[int],
            value: Sequence[float | str]) -> None:  # fmt: skip
        """Keep readings, in any order."""
        text = [self._number(v, self._words, self.texts) if isinstance(v, str) else -1
                for v in value]  # fmt: skip
        self.blocks.append((
            np.array(machine, np.int32),
            np.array([self._number(s, self._codes, self.signals) for s in signal], np.int32),
            np.array(at_ms, np.int64),
            np.array([0.0 if isinstance(v, str) else v for v in value], np.float64),
            np.array(text, np.int32),
        ))  # fmt: skip

    @staticmethod
    def _number(name: str, known: dict[str, int], listed: list[str]) -> int:
        if name not in known:
            known[name] = len(listed)
            listed.append(name)
        return known[name]

    @property
    def count(self) -> int:
        """How many readings there are."""
        return sum(len(b[0]) for b in self.blocks)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the readings in order of time."""
        if not self.blocks:
            return
        columns = [np.concatenate(parts) for parts in zip(*self.blocks, strict=True)]
        machine, signal, at_ms, value, text = columns
        order = np.argsort(at_ms, kind="stable")
        for start in range(0, len(order), _ROWS):
            rows = order[start : start + _ROWS]
            is_text = text[rows] >= 0
            words = pa.array(np.maximum(text[rows], 0), mask=~is_text)
            yield pa.RecordBatch.from_arrays(
                [
                    pa.DictionaryArray.from_arrays(pa.array(machine[rows]), pa.array(self.things)),
                    pa.DictionaryArray.from_arrays(pa.array(signal[rows]), pa.array(self.signals)),
                    pa.array(at_ms[rows]),
                    pa.array(value[rows], mask=is_text),
                    pa.DictionaryArray.from_arrays(words, pa.array(self.texts or [""])),
                ],
                names=["thing", "signal", "device_at", "value", "text"],
            )


def live_through(floor: Floor, analogue: Analogue, until_s: float) -> Past:
    """Let a floor live until an instant [s since 1970] and return what it would have told.

    Set-points are left out: they are told by the machine itself when it is connected.
    """
    past = Past([m.unit.id for m in floor.machines])
    again_s = floor.now_s
    while floor.now_s < until_s:
        if floor.now_s >= again_s:
            again_s += AGAIN_S
            _tell_all(past, floor)
        floor.advance(min(floor.now_s + STEP_S, until_s))
        changes = floor.take_changes()
        told = [c for c in changes if c.signal not in floor.machines[c.machine].set_points]
        past.add([c.machine for c in told], [c.signal for c in told],
                 [round(c.at_s * 1000) for c in told], [c.value for c in told])  # fmt: skip
        at_ms = round(floor.now_s * 1000)
        for name, (numbers, found) in analogue.values(floor.now_s).items():
            count = len(numbers)
            past.add(numbers, [name] * count, [at_ms] * count, found.tolist())
        floor.settle()
        count = len(floor.machines)
        energy = [round(m.energy_kwh, 3) for m in floor.machines]
        past.add(range(count), ["energy_kwh"] * count, [at_ms] * count, energy)
    return past


def _tell_all(past: Past, floor: Floor) -> None:
    """Keep the standard signals as they stand, as a server tells them to whoever connects."""
    at_ms = round(floor.now_s * 1000)
    for machine in floor.machines:
        machine.settle(floor.now_s)
        told = {n: v for n, v in values(machine).items() if n != "energy_kwh"}
        count = len(told)
        past.add([machine.index] * count, list(told), [at_ms] * count, list(told.values()))


class PlantHistory:
    """The history of one data folder's plant. since_s: when it was first started."""

    def __init__(self, marker: Path, pack: str, days: float, now_s: float) -> None:
        self._marker, self._pack, self.days = marker, pack, days
        kept = self._read().get(pack)
        self.is_complete = bool(kept and kept["is_complete"]) or days <= 0
        self.since_s = float(kept["since_s"]) if kept else now_s
        if kept is None and days > 0:
            self._write()

    @property
    def begin_s(self) -> float:
        """When the history begins [s since 1970]."""
        return self.since_s - self.days * _DAY_S

    def push(self, past: Past, url: str, token: str, tell: Callable[[str], None]) -> None:
        """Push all of it and wait for the answers; `tell` hears how it went."""
        what = f"history of {len(past.things)} simulated machines over {self.days:g} days"
        try:
            stored = push(past, url, token)
        except (LinkError, urllib3.exceptions.HTTPError) as error:
            tell(f"{what}: {error}; it is pushed at the next start")
            return
        self.is_complete = True
        self._write()
        tell(f"{what}: {stored} readings stored")

    def _read(self) -> dict[str, Any]:
        try:
            found: dict[str, Any] = json.loads(self._marker.read_text("utf-8"))
        except (FileNotFoundError, json.JSONDecodeError):
            return {}
        return found

    def _write(self) -> None:
        kept = {"since_s": self.since_s, "is_complete": self.is_complete}
        fresh = self._marker.with_suffix(".next")
        fresh.write_text(json.dumps(self._read() | {self._pack: kept}), "utf-8")
        fresh.replace(self._marker)


def push(past: Past, url: str, token: str) -> int:
    """Push readings to the HTTP room; return how many were new.

    Raises
    ------
    LinkError
        The room refuses a batch, or is not ready after a minute.
    """
    http = urllib3.PoolManager(retries=False, timeout=60.0)
    stored = 0
    for batch in past.batches():
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, batch.schema) as stream:
            stream.write_batch(batch)
        answer = _post(http, url, token, sink.getvalue().to_pybytes())
        stored += int(answer["stored"])
    return stored


def _post(http: urllib3.PoolManager, url: str, token: str, body: bytes) -> dict[str, Any]:
    """Push one batch; the room knows a new connection a second later, so it is asked again."""
    headers = {"Authorization": f"Bearer {token}", "Content-Type": _MEDIA}
    for _ in range(_TRIES):
        answer = http.request("POST", url, body=body, headers=headers)
        if answer.status == 200:
            found: dict[str, Any] = answer.json()
            return found
        if answer.status not in (401, 429, 503):
            break
        time.sleep(1.0)
    raise LinkError(
        f"{url} answered {answer.status}: {answer.data[:200].decode('utf-8', 'replace')}"
    )


def open_connection(ledger: Ledger, kept: Secrets) -> str:
    """Register the connection that the history is pushed under; return its token."""
    token = kept.get(KEY, "token")
    if not token:
        token = secrets.token_urlsafe(24)
        kept.put(KEY, "token", token)
    ledger.tags.put_connection(Connection(KEY, "http", _TITLE, f"/push/{KEY}"))
    return token


def close_connection(ledger: Ledger) -> None:
    """Switch the connection off: nothing comes over it any more."""
    connection = Connection(KEY, "http", _TITLE, f"/push/{KEY}", enabled=False)
    ledger.tags.put_connection(connection)
