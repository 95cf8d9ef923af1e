"""Recorded readings on their way into the running engine: Arrow over its loopback port.

They take the road of every reading: admitted, compared with what is stored, committed, counted per
link. The answer comes after the commit and says what became of them.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import numpy as np
import orjson
import pyarrow as pa
import urllib3
from starlette.requests import Request

from millbrain.core.columns import Columns, Delivery, Outcome
from millbrain.core.errors import FrameError, LimitError, LinkError
from millbrain.core.plant.readings import GOOD
from millbrain.core.times import utc_from_epoch
from millbrain.run.replay.states import Value

if TYPE_CHECKING:
    from millbrain.run.engine import Engine

ROWS_MAX: Final = 20_000  # of one request
PATH: Final = "/engine/readings"
_COMMIT_S_MAX: Final = 60.0
_TIMEOUT: Final = urllib3.Timeout(connect=3.0, read=90.0)
_FIELDS: Final[list[tuple[str, pa.DataType]]] = [
    ("thing", pa.binary()),
    ("signal", pa.binary()),
    ("device_at", pa.int64()),
    ("value", pa.float64()),
    ("text", pa.binary()),
]
_SCHEMA: Final = pa.schema(_FIELDS)


class Feed:
    """Sends values to the engine and waits until they are on disk.

    url: of the engine's HTTP port, with the installation's key. link: that the readings come over.
    """

    def __init__(self, url: str, key: str, link: str) -> None:
        parts = urlsplit(url)
        self._url = f"http://{parts.hostname}:{parts.port}{PATH}?link={link}"
        self._pool = urllib3.PoolManager(retries=False, headers={"X-Millbrain-Key": key})
        self.stored = self.duplicate = self.rejected = 0

    def send(self, values: Sequence[Value]) -> None:
        """Send values; counts what became of them.

        Raises
        ------
        LinkError
            The engine does not answer, or refuses.
        """
        for start in range(0, len(values), ROWS_MAX):
            told = self._post(values[start : start + ROWS_MAX])
            self.stored += told["stored"]
            self.duplicate += told["duplicate"]
            self.rejected += told["rejected"]

    def _post(self, values: Sequence[Value]) -> Any:
        try:
            answer = self._pool.request("POST", self._url, body=stream(values), timeout=_TIMEOUT)
        except urllib3.exceptions.HTTPError as e:
            raise LinkError(f"the engine does not take readings: {e}; is it running?") from e
        if answer.status != 200:
            raise LinkError(f"the engine refused readings: {answer.data[:500]!r}")
        return orjson.loads(answer.data)


def stream(values: Sequence[Value]) -> bytes:
    """Return values as the Arrow stream that the engine's route takes."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, _SCHEMA) as writer:
        writer.write_batch(_batch(values))
    return sink.getvalue().to_pybytes()


def _batch(values: Sequence[Value]) -> pa.RecordBatch:
    return pa.record_batch(
        [
            pa.array([v.thing.encode() for v in values], pa.binary()),
            pa.array([v.signal.encode() for v in values], pa.binary()),
            pa.array([v.at_ms for v in values], pa.int64()),
            pa.array([v.value for v in values], pa.float64()),
            pa.array([v.text.encode() for v in values], pa.binary()),
        ],
        schema=_SCHEMA,
    )


def readings_route(engine: "Engine") -> Callable[[Request], Any]:
    """Return the handler of the engine's route that takes recorded readings."""

    async def take(request: Request) -> Any:
        link = request.query_params["link"]
        body = await request.body()
        outcome, done = Outcome(), threading.Event()
        delivery = delivery_of(body, link, outcome, done)
        return await asyncio.to_thread(_wait, engine, delivery, outcome, done)

    return take


def delivery_of(body: bytes, link: str, outcome: Outcome, done: threading.Event) -> Delivery:
    """Return such a stream as a delivery; FrameError where it is none."""
    try:
        table = pa.ipc.open_stream(body).read_all()
    except pa.ArrowException as e:
        raise FrameError("structure", f"recorded readings: no Arrow stream: {e}") from e
    if table.schema != _SCHEMA or table.num_rows > ROWS_MAX:
        found, allowed = table.schema.names, _SCHEMA.names
        raise FrameError(
            "structure",
            f"recorded readings: {table.num_rows} rows of {found}; "
            f"{ROWS_MAX} of {allowed} are allowed",
        )
    rows = table.num_rows
    value = table.column("value").to_numpy()
    text = np.array(table.column("text").to_pylist(), object)
    columns = Columns(
        rows,
        {
            "thing": np.array(table.column("thing").to_pylist(), object),
            "signal": np.array(table.column("signal").to_pylist(), object),
            "device_at": table.column("device_at").to_numpy().astype(np.int64),
            "received_at": np.full(rows, round(time.time() * 1000), np.int64),
            "value": value,
            "text": text,
            "quality": np.full(rows, GOOD, np.uint8),
            "link": np.full(rows, link.encode(), object),
            "frame_count": np.ones(rows, np.uint8),
        },
        {"value": np.isnan(value)},
    )
    return Delivery({link: rows}, {"reading": columns}, (), done.set, outcome)


def _wait(
    engine: "Engine", delivery: Delivery, outcome: Outcome, done: threading.Event
) -> dict[str, int]:
    engine.intake.put(delivery)
    if not done.wait(_COMMIT_S_MAX):
        raise LimitError(
            f"recorded readings of {utc_from_epoch(time.time()):%H:%M:%S} were not committed "
            f"within {_COMMIT_S_MAX:g} s; send them again, nothing is stored twice"
        )
    return {"stored": outcome.stored, "duplicate": outcome.duplicate, "rejected": outcome.rejected}
