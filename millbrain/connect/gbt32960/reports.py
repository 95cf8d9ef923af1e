"""One round of the worker: the frames of all links become one delivery.

Reports (realtime and reissued data) are decoded together as columns; every other frame goes through
`sessions` one by one, in order. Each frame ends in exactly one of three places: a row, an event
row, a dead letter; the numbers of all three are counted against the frames found.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from millbrain.connect.gbt32960 import columnar
from millbrain.connect.gbt32960.framing import AT_COMMAND, HEADER_BYTES, find_start
from millbrain.connect.gbt32960.halves import Halves
from millbrain.connect.gbt32960.hub import Hub
from millbrain.connect.gbt32960.links import Link
from millbrain.connect.gbt32960.sessions import PLATFORM_LOGIN, Outcome, Sessions
from millbrain.core import limits
from millbrain.core.columns import Columns, DeadLetter, Delivery, Ragged, concat
from millbrain.core.facts import LINK_EVENT, RAW_FRAME, VEHICLE_REPORT

RUNS_KEPT_APART_MAX: Final = 200  # garbage runs of one read that become dead letters of their own
GARBAGE_BYTES_MAX: Final = 1 << 20  # so much garbage without one good frame: the framing is lost

Rows = NDArray[np.intp]
Bounds = tuple[NDArray[np.int32], NDArray[np.int32]]

_GARBAGE: Final = {
    "truncated": "the beginning of a frame whose rest never came",
    "garbage": "no part of a frame",
}
_REFUSALS: Final = {
    columnar.BAD_TIME: ("bad_time", "the six time bytes name no instant"),
    columnar.UNKNOWN_BLOCK: ("unknown_block", "the first block's type is not in the standard"),
    columnar.STRUCTURE: ("structure", "a block runs past the end of the data unit"),
}


class Round:
    """Collects what one round finds; `delivery` hands it over.

    ended: links that will send no more; they are closed once their last answers have left.
    """

    def __init__(self, hub: Hub, sessions: Sessions, halves: Halves) -> None:
        self._hub = hub
        self._sessions = sessions
        self._halves = halves
        self._links: list[Link] = []
        self._received_ms: list[int] = []
        self._starts: list[NDArray[np.int32]] = []
        self._ends: list[NDArray[np.int32]] = []
        self._good: list[NDArray[np.bool_]] = []
        self._owner: list[NDArray[np.int32]] = []
        self._received: Counter[str] = Counter()
        self._dead: list[DeadLetter] = []
        self._events: list[dict[str, Any]] = []
        self._answers: list[tuple[Link, bytes]] = []
        self._reports: list[Columns] = []
        self._raw: list[Columns] = []
        self.ended: list[Link] = []

    def take_frames(
        self,
        buffer: NDArray[np.uint8],
        link: Link,
        received_ms: int,
        frames: columnar.Frames,
        found: columnar.Split,
    ) -> bytes | None:
        """Take the frames just found on a link.

        Returns the bytes that must wait because a platform login stands before them, else None.
        """
        self._take_garbage(buffer, link, received_ms, frames.garbage[: found.garbage])
        count = found.count
        held = None
        if link.is_new():
            login = self._login_at(buffer, frames, count)
            if login is not None and self._hub.begin_login(
                link, buffer[frames.starts[login] : frames.ends[login]].tobytes()
            ):
                held = buffer[frames.starts[login] : found.consumed].tobytes()
                count = login
        if count and not self._hub.welcomes(link):
            self._turn_away(buffer, link, received_ms, frames, count)
        elif count:
            self._starts.append(frames.starts[:count].copy())
            self._ends.append(frames.ends[:count].copy())
            self._good.append(frames.good[:count].copy())
            self._owner.append(np.full(count, len(self._links), np.int32))
            self._links.append(link)
            self._received_ms.append(received_ms)
            self._received[link.state.name] += count
            link.state.frames += count
            link.state.garbage_bytes = 0
            link.state.last_received_ms = received_ms
        return held

    def _turn_away(
        self,
        buffer: NDArray[np.uint8],
        link: Link,
        received_ms: int,
        frames: columnar.Frames,
        count: int,
    ) -> None:
        """Refuse the frames of a link that has not logged in, or not rightly."""
        self._received[link.state.name] += count
        for start, end in zip(frames.starts[:count], frames.ends[:count], strict=True):
            frame = buffer[start:end].tobytes()
            outcome = self._sessions.refuse(
                frame, "not_logged_in", "platform logins with a right password come first here"
            )
            self._take_outcome(outcome, frame, link, received_ms)

    @staticmethod
    def _login_at(buffer: NDArray[np.uint8], frames: columnar.Frames, count: int) -> int | None:
        """Return the index of the first good platform login among the frames."""
        commands = buffer[frames.starts[:count] + AT_COMMAND]
        hits = np.flatnonzero((commands == PLATFORM_LOGIN) & frames.good[:count])
        return int(hits[0]) if len(hits) else None

    def _take_garbage(
        self, buffer: NDArray[np.uint8], link: Link, received_ms: int, runs: NDArray[np.int32]
    ) -> None:
        """Keep bytes of no frame as dead letters, and cut a link that sends little else.

        Each run is one, unless a read holds so many that somebody floods us with them.
        """
        pieces = [buffer[s:e].tobytes() for s, e in runs]
        if len(pieces) > RUNS_KEPT_APART_MAX:
            pieces = [b"".join(p for p in pieces if _is_cut(p) is cut) for cut in (True, False)]
        for raw in filter(None, pieces):
            reason = "truncated" if _is_cut(raw) else "garbage"
            kept = raw[: limits.DEAD_LETTER_BYTES_MAX]
            detail = f"{link.remote}: {len(raw)} bytes, {_GARBAGE[reason]}, {len(kept)} kept"
            self._refuse(link, reason, detail, kept, received_ms)
            self._received[link.state.name] += 1
            link.state.garbage_bytes += len(raw)
        if link.state.garbage_bytes > GARBAGE_BYTES_MAX:
            self._hub.call(link.abort)

    def decode(self, buffer: NDArray[np.uint8]) -> None:
        """Decode all frames of the round."""
        if not self._starts:
            return
        starts, ends = np.concatenate(self._starts), np.concatenate(self._ends)
        good, owner = np.concatenate(self._good), np.concatenate(self._owner)
        whole = np.flatnonzero(good)
        whole = whole[columnar.id_order(buffer, starts[whole])]
        decoded = columnar.decode_columns(buffer, starts[whole], ends[whole])
        status = np.full(len(starts), columnar.OTHER, np.uint8)
        status[whole] = decoded.status
        self._take_reports(buffer, decoded, starts, ends, owner, whole)
        for i in np.flatnonzero(status >= columnar.REFUSED):
            frame = buffer[starts[i] : ends[i]].tobytes()
            link, received_ms = self._links[owner[i]], self._received_ms[owner[i]]
            if not good[i]:
                outcome = self._sessions.bad_check(frame)
            elif status[i] == columnar.OTHER:
                outcome = self._sessions.handle(frame, link)
            else:
                outcome = self._sessions.refuse(frame, *_REFUSALS[int(status[i])])
            self._take_outcome(outcome, frame, link, received_ms)

    def _take_reports(
        self,
        buffer: NDArray[np.uint8],
        decoded: columnar.Decoded,
        starts: NDArray[np.int32],
        ends: NDArray[np.int32],
        owner: NDArray[np.int32],
        whole: NDArray[np.intp],
    ) -> None:
        """Keep the decoded rows; set aside the foreign, unsigned, noted and half ones."""
        rows = decoded.columns
        if not rows.rows:
            return
        frame = whole[decoded.frame]
        self._stamp(rows, owner[frame])
        status = decoded.status[decoded.frame]

        def frame_bytes(row: int) -> bytes:
            return buffer[starts[frame[row]] : ends[frame[row]]].tobytes()

        def link_of(row: int) -> tuple[Link, int]:
            return self._links[owner[frame[row]]], self._received_ms[owner[frame[row]]]

        keep = self._check(rows, frame_bytes, link_of)
        for row in np.flatnonzero((status & columnar.NOTED).astype(bool) & keep):
            link, received_ms = link_of(int(row))
            rest = int(rows.array("undecoded_bytes")[row])
            detail = f"the last {rest} bytes, after good blocks, follow no layout"
            self._refuse(
                link, "note_unknown_block", detail, frame_bytes(int(row)), received_ms, frames=0
            )
        halves = np.flatnonzero((status & columnar.PARTIAL).astype(bool) & keep)
        if len(halves):
            self._halves.add(rows, decoded, halves)
            keep[halves] = False
        whole_rows = np.flatnonzero(keep)
        if len(whole_rows):
            self._reports.append(rows if keep.all() else rows.take(whole_rows))
            kept = whole_rows[: self._hub.raw_quota(len(whole_rows))]
            if len(kept):
                bounds = starts[frame[kept]], ends[frame[kept]]
                self._raw.append(_raw_rows(buffer, rows, kept, bounds))

    def _stamp(self, rows: Columns, owner: NDArray[np.int32]) -> None:
        """Fill the columns that only the driver knows."""
        names = np.array([link.state.name.encode() for link in self._links])
        rows.values["link"] = names[owner]
        rows.values["received_at"] = np.array(self._received_ms, np.int64)[owner]

    def _check(
        self,
        rows: Columns,
        frame_bytes: Callable[[int], bytes],
        link_of: Callable[[int], tuple[Link, int]],
    ) -> NDArray[np.bool_]:
        """Refuse rows of things of another protocol and rows with a wrong signature."""
        keep = np.ones(rows.rows, np.bool_)
        for suspects, judge in self._sessions.suspects(rows.array("vin")):
            for row in map(int, suspects):
                link, received_ms = link_of(row)
                frame = frame_bytes(row)
                outcome = judge(frame)
                if outcome is not None:
                    keep[row] = False
                    self._take_outcome(outcome, frame, link, received_ms)
        return keep

    def _take_outcome(self, outcome: Outcome, frame: bytes, link: Link, received_ms: int) -> None:
        if outcome.answer is not None:
            self._answers.append((link, outcome.answer))
        if outcome.plain is not None:
            self._take_opened(outcome.plain, frame, link, received_ms)
        elif outcome.event is not None:
            self._events.append(
                outcome.event
                | {"link": link.state.name.encode(), "received_at": received_ms, "frame_count": 1}
            )
        else:
            self._refuse(
                link, outcome.reason, f"{link.remote}: {outcome.detail}", frame, received_ms
            )

    def _take_opened(self, plain: bytes, frame: bytes, link: Link, received_ms: int) -> None:
        """Decode a frame that came encrypted and was opened."""
        buffer = np.frombuffer(plain, np.uint8).copy()
        bounds = np.array([0], np.int32), np.array([len(buffer)], np.int32)
        decoded = columnar.decode_columns(buffer, *bounds)
        if decoded.columns.rows:
            rows = decoded.columns
            rows.values["link"] = np.array([link.state.name.encode()])
            rows.values["received_at"] = np.array([received_ms], np.int64)
            if self._check(rows, lambda _: plain, lambda _: (link, received_ms)).all():
                self._reports.append(rows)
            return
        reason, detail = _REFUSALS.get(int(decoded.status[0]), ("structure", "no report inside"))
        self._refuse(link, reason, f"{link.remote}: after decryption {detail}", frame, received_ms)

    def _refuse(
        self, link: Link, reason: str, detail: str, raw: bytes, received_ms: int, frames: int = 1
    ) -> None:
        self._dead.append(DeadLetter(link.state.name, reason, detail, raw, received_ms, frames))

    def assemble(self, *, final: bool) -> None:
        """Add packs whose halves have met, and halves that have waited too long.

        Halves entered `received` with their link's frames when they arrived; they are taken back
        out until their fate is known, so that the ledger balances at every commit.
        """
        for link, frames in self._halves.fresh().items():
            self._received[link] -= frames
        for rows in self._halves.ready(final=final):
            self._reports.append(rows)
            names, place = np.unique(rows.array("link"), return_inverse=True)
            counts = np.bincount(place, rows.array("frame_count"))
            self._received.update({n.decode(): int(c) for n, c in zip(names, counts, strict=True)})

    def delivery(self) -> Delivery | None:
        """Return what the round found, None where it found nothing."""
        if not (self._reports or self._events or self._dead):
            return None
        tables: dict[str, Columns] = {}
        if self._reports:
            tables[VEHICLE_REPORT.name] = concat(self._reports, VEHICLE_REPORT)
        if self._raw:
            tables[RAW_FRAME.name] = concat(self._raw, RAW_FRAME)
        if self._events:
            tables[LINK_EVENT.name] = _event_columns(self._events)
        received = {name: n for name, n in self._received.items() if n}
        tells = self._answers or self.ended
        on_commit = self._hub.sender(self._answers, self.ended) if tells else None
        return Delivery(received, tables, self._dead, on_commit)


def _is_cut(raw: bytes) -> bool:
    """Whether bytes of no frame begin like one."""
    return len(raw) >= HEADER_BYTES and find_start(raw, 0, len(raw)) == 0


def _raw_rows(buffer: NDArray[np.uint8], rows: Columns, kept: Rows, bounds: Bounds) -> Columns:
    """Return rows of raw_frame for some report rows and the bounds of their frames."""
    starts, ends = bounds
    view = buffer.data
    raw = b"".join([view[s:e] for s, e in zip(starts.tolist(), ends.tolist(), strict=True)])
    offsets = np.zeros(len(kept) + 1, np.int32)
    np.cumsum(ends - starts, out=offsets[1:])
    few = {n: rows.array(n)[kept] for n in ("vin", "device_at", "received_at", "link")}
    return Columns(len(kept), {**few, "frame": Ragged(offsets, np.frombuffer(raw, np.uint8))})


def _event_columns(events: Iterable[dict[str, Any]]) -> Columns:
    """Turn event rows into columns of link_event."""
    rows = list(events)

    def numbers(name: str, dtype: str) -> NDArray[Any]:
        return np.array([r[name] or 0 for r in rows], dtype)

    def texts(name: str) -> NDArray[Any]:
        return np.array([r[name] for r in rows], object)

    values: dict[str, Any] = {
        "vin": texts("vin"),
        "device_at": numbers("device_at", "u4"),
        "received_at": numbers("received_at", "i8"),
        "link": texts("link"),
        "frame_count": numbers("frame_count", "u1"),
        "edition": numbers("edition", "u2"),
        "command": numbers("command", "u1"),
        "event": texts("event"),
        "flag": numbers("flag", "u1"),
        "answer": numbers("answer", "u1"),
        "serial": numbers("serial", "u2"),
        "detail": texts("detail"),
    }
    missing = {n: np.array([r[n] is None for r in rows]) for n in ("device_at", "serial")}
    return Columns(len(rows), values, missing)
