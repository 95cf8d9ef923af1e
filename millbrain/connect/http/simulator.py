"""A gateway that pushes: made-up machines in any of the media types, with keys and retries.

Everything it sends is simulated. It misbehaves on demand: the same batch twice, wrong clocks,
numbers that are none, bodies that are cut off.
"""

import http.client
import io
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.csv
from numpy.typing import NDArray

from millbrain.connect.http import fields

_csv: Any = pyarrow.csv
SIGNALS: Final = ("spindle_speed_rpm", "spindle_load_pct", "axis_x_mm", "axis_y_mm", "axis_z_mm",
                  "coolant_temperature_degc", "power_kw", "energy_kwh", "machine_state",
                  "good_count")  # fmt: skip
STATE_S: Final = 120  # a state lasts so long
CYCLE_S: Final = 45  # ... and a piece takes so long


@dataclass(slots=True)
class Plant:
    """Machines with the same signals each, which all change at every step but state and pieces.

    prefix: of the machines' names. start_ms: device time of the first step [ms since 1970 UTC].
    """

    machines: int
    start_ms: int
    period_ms: int = 1000
    prefix: str = "SIM"
    signals: Sequence[str] = SIGNALS
    _codes: Any = field(init=False)

    def __post_init__(self) -> None:
        """Lay out the names of one step."""
        things = pa.array([f"{self.prefix}-M{i:04d}" for i in range(self.machines)])
        count = len(self.signals)
        machine = np.repeat(np.arange(self.machines, dtype=np.int32), count)
        signal = np.tile(np.arange(count, dtype=np.int32), self.machines)
        self._codes = (
            pa.DictionaryArray.from_arrays(machine, things),
            pa.DictionaryArray.from_arrays(signal, pa.array(self.signals)),
        )

    @property
    def width(self) -> int:
        """Readings of one step."""
        return self.machines * len(self.signals)

    def steps(self, first: int, count: int) -> pa.RecordBatch:
        """Return the readings of some steps; the same step always brings the same readings."""
        number = np.repeat(np.arange(first, first + count), self.width)
        place = np.tile(np.arange(self.width), count)
        at_ms = self.start_ms + number * self.period_ms
        columns = [
            *(pa.concat_arrays([codes] * count) for codes in self._codes),
            pa.array(at_ms).cast(pa.timestamp("ms", "UTC")),
            pa.array(self._values(number, place)),
        ]
        return pa.RecordBatch.from_arrays(columns, names=["thing", "signal", "device_at", "value"])

    def _values(self, step: NDArray[np.int64], place: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return numbers that go round, a state that producing is half of, and counters."""
        values = (step * 31 + place * 7) % 1000 / 10.0
        machine, signal = place // len(self.signals), place % len(self.signals)
        seconds = step * self.period_ms // 1000 + machine
        runs = seconds // STATE_S
        made: Mapping[str, Callable[[], Any]] = {
            "machine_state": lambda: np.where(runs % 2, runs % 6 + 2, 1),
            "good_count": lambda: seconds // CYCLE_S,
            "energy_kwh": lambda: seconds / 360,
        }
        for number, name in enumerate(self.signals):
            if name in made:
                values = np.where(signal == number, made[name](), values)
        return values


def encoded(batch: pa.RecordBatch, media: str) -> bytes:
    """Return a batch as a body of a media type."""
    if media == fields.ARROW:
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, batch.schema) as stream:
            stream.write_batch(batch)
        return bytes(sink.getvalue())
    plain = pa.table({
        "thing": batch.column("thing").cast(pa.string()),
        "signal": batch.column("signal").cast(pa.string()),
        "device_at": batch.column("device_at").cast(pa.int64()),
        "value": batch.column("value"),
    })  # fmt: skip
    if media == fields.CSV:
        text = io.BytesIO()
        _csv.write_csv(plain, text)
        return text.getvalue()
    if media == fields.LINES:
        return b"\n".join(orjson.dumps(row) for row in plain.to_pylist())
    return orjson.dumps(plain.to_pydict())


class Pusher:
    """A client of one connection; goes on after a loss with the same key and the same body."""

    def __init__(self, port: int, connection: str, token: str, host: str = "127.0.0.1") -> None:
        self.host, self.port = host, port
        self.connection, self.token = connection, token
        self.retries = 0
        self._http: http.client.HTTPConnection | None = None

    def push(self, body: bytes, media: str, key: str = "") -> tuple[int, dict[str, Any]]:
        """Push once; return status and answer.

        Raises
        ------
        OSError, http.client.HTTPException
            The engine was not there, or went away before its answer.
        """
        if self._http is None:
            self._http = http.client.HTTPConnection(self.host, self.port, timeout=60)
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": media}
        if key:
            headers["Idempotency-Key"] = key
        try:
            self._http.request("POST", f"/push/{self.connection}", body, headers)
            answer = self._http.getresponse()
            said = json.loads(answer.read())
        except (OSError, http.client.HTTPException, ValueError):
            self.close()
            raise
        if answer.will_close:
            self.close()
        return answer.status, said

    def push_surely(self, body: bytes, media: str, key: str) -> Iterator[dict[str, Any]]:
        """Push until it is taken; yields the answer, or nothing more when it was refused."""
        pause_s = 0.05
        while True:
            try:
                status, said = self.push(body, media, key)
            except (OSError, http.client.HTTPException, ValueError):
                status, said = 503, {}
            if status == 200:
                yield said
                return
            if status not in (401, 429, 503):
                raise ValueError(f"the push was refused with {status}: {said}")
            self.retries += 1
            time.sleep(pause_s)
            pause_s = min(1.0, 2 * pause_s)

    def close(self) -> None:
        """Close the connection."""
        if self._http is not None:
            self._http.close()
            self._http = None
