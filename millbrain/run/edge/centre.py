"""What the edge says to the centre: pushes of readings to its http room, answered after commit."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import urllib3

from millbrain.core import limits
from millbrain.core.errors import LinkError, RefusedError
from millbrain.run.edge.packing import Rows

MEDIA: Final = "application/vnd.apache.arrow.stream"
BODY_BYTES_MAX: Final = limits.PUSH_BYTES_MAX - (1 << 20)
_RETRY_S: Final = 2.0


class UnreadableError(RefusedError):
    """The centre can read nothing of a push; sending it again changes nothing."""


class BusyError(LinkError):
    """The centre takes nothing for a moment. `wait_s`: how long it asks us to wait."""

    def __init__(self, sentence: str, wait_s: float) -> None:
        super().__init__(sentence)
        self.wait_s = wait_s


@dataclass(frozen=True, slots=True)
class Centre:
    """Where readings go. url: of the push path. ca: PEM file, empty = the system's own."""

    url: str
    token: str
    ca: str = ""
    wait_s: float = 30.0

    def client(self) -> urllib3.PoolManager:
        """Return a client for one lane."""
        named: dict[str, Any] = {"ca_certs": str(Path(self.ca))} if self.ca else {}
        return urllib3.PoolManager(
            maxsize=1, retries=False, timeout=urllib3.Timeout(connect=5, read=self.wait_s), **named
        )

    def push(self, client: urllib3.PoolManager, body: bytes, key: str) -> dict[str, int]:
        """Send a push; return what became of its readings: stored, duplicate, rejected.

        Raises
        ------
        BusyError, LinkError
            It was not answered, or we are asked to wait: the same push is to be sent again.
        UnreadableError
            The centre cannot read it.
        RefusedError
            The centre does not know us.
        """
        headers = {
            "Authorization": f"Bearer {self.token}", "Content-Type": MEDIA, "Idempotency-Key": key,
        }  # fmt: skip
        try:
            answer = client.request("POST", self.url, body=body, headers=headers)
        except urllib3.exceptions.HTTPError as e:
            raise LinkError(f"the centre {self.url} cannot be reached: {_plain(e)}") from e
        if answer.status == 200:
            found = json.loads(answer.data)
            return {n: int(found[n]) for n in ("stored", "duplicate", "rejected")}
        said = _said(answer.data)
        if answer.status in (400, 413, 415, 422):
            raise UnreadableError(f"the centre refused a push ({answer.status}): {said}")
        if answer.status in (401, 403, 404):
            raise RefusedError(f"the centre does not take us ({answer.status}): {said}")
        wait_s = float(answer.headers.get("retry-after", _RETRY_S))
        raise BusyError(f"the centre is busy ({answer.status}): {said}", wait_s)


def _said(raw: bytes) -> str:
    try:
        return str(json.loads(raw)["error"]["message"])[:300]
    except (ValueError, KeyError, TypeError):
        return raw[:200].decode("utf-8", "replace")


def _plain(error: Exception) -> str:
    return str(error).rpartition(": ")[2][:200]


def body_of(rows: Rows, names: dict[int, tuple[str, str]]) -> bytes:
    """Return rows as an Arrow stream; names of series are sent once each."""
    used, codes = np.unique(rows.series, return_inverse=True)
    pairs = [names[n] for n in used.tolist()]
    columns: dict[str, Any] = {}
    for at, name in enumerate(("thing", "signal")):
        known: dict[str, int] = {}
        of_pair = np.array([known.setdefault(p[at], len(known)) for p in pairs], np.int32)
        columns[name] = pa.DictionaryArray.from_arrays(
            of_pair[codes], pa.array(list(known), pa.string())
        )
    columns["device_at"] = pa.array(rows.device_at)
    columns["value"] = pa.array(rows.value, mask=np.isnan(rows.value))
    columns["quality"] = pa.array(rows.quality)
    if rows.text is not None:
        columns["text"] = pa.array([t.decode("utf-8", "replace") for t in rows.text], pa.string())
    batch = pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))
    out = pa.BufferOutputStream()
    with pa.ipc.new_stream(out, batch.schema) as stream:
        stream.write_batch(batch)
    return out.getvalue().to_pybytes()
