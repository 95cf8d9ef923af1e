"""What the demonstration city did in the weeks before it was started: sent once, beside it.

Battery rules need days of reports, so a fresh demonstration would find nothing. On the first start
some of its vehicles send a coarse history as reissued data (03) over a link of their own; all of it
is simulated and marked so. A file in the data folder says when the city was first started, to which
instant the weak vehicles' faults refer for ever after, and whether the history is on disk. A start
that was cut off sends the same frames again, of which the centre keeps one each.
"""

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import uvloop

from millbrain.connect.gbt32960.simulator.history import History
from millbrain.core.errors import MillbrainError
from millbrain.run.play import read_plan
from millbrain.run.play.sender import Piece, Player, send_pieces, silent

Progress = Callable[[int, float], None]  # frames sent, share of the whole that is done

USER: Final = "sim-history"  # accounts that begin with sim- are marked as simulated
SEED: Final = 1
_GAP_S: Final = 6 * 3600  # between the history and the live city, whose vehicles stand elsewhere
_STOP_S_MAX: Final = 30.0


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which history: of a pack's city of so many vehicles, so many days of so many of them."""

    pack: str
    city_vehicles: int
    vehicles: int
    days: float


class DemoHistory:
    """The history of one data folder's city.

    marker: file that says what was sent. now_s: the present [s since 1970].
    """

    def __init__(self, marker: Path, wanted: Wanted, now_s: float) -> None:
        self.wanted = wanted
        self._marker = marker
        self._key = f"{wanted.pack}-{wanted.city_vehicles}"
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        kept = self._read().get(self._key)
        self.since_s = float(kept["since_s"]) if kept else float(int(now_s))
        self.is_complete = bool(kept and kept["is_complete"])
        if kept is None:
            self._write()

    def start(
        self, place: tuple[str, int], password: str, progress: Progress, tell: Callable[[str], None]
    ) -> None:
        """Send it in a thread, unless it is on disk already; `tell` hears how it went."""
        if self.is_complete:
            return
        arguments = (place, password, progress, tell)
        self._thread = threading.Thread(target=self._send, args=arguments, name=USER, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Break off; what is left is sent at the next start."""
        self._stopping.set()
        self.wait(_STOP_S_MAX)

    def wait(self, seconds_max: float) -> None:
        """Wait until it is sent, at most so long."""
        if self._thread is not None:
            self._thread.join(seconds_max)

    def _send(
        self, place: tuple[str, int], password: str, progress: Progress, tell: Callable[[str], None]
    ) -> None:
        wanted = self.wanted
        what = f"history of {wanted.vehicles} simulated vehicles over {wanted.days:g} days"
        try:
            history = History(
                read_plan(wanted.pack), wanted.city_vehicles, SEED, chosen=wanted.vehicles,
                days=wanted.days, until_s=self.since_s - _GAP_S, since_s=self.since_s,
            )  # fmt: skip
            player = Player(*place, USER, password)
            summary = uvloop.run(send_pieces(player, self._pieces(history, progress), 0, silent))
        except (OSError, MillbrainError) as error:
            tell(f"{what}: {error}; it is sent at the next start")
            return
        self.is_complete = summary.is_complete and not self._stopping.is_set()
        self._write()
        tell(f"{what}: {summary.sentence()}")

    def _pieces(self, history: History, progress: Callable[[int, float], None]) -> Iterator[Piece]:
        sent = 0
        for frames, count, share in history.pieces():
            if self._stopping.is_set():
                return
            yield frames, count, 0.0
            sent += count
            progress(sent, share)

    def _read(self) -> dict[str, Any]:
        try:
            found: dict[str, Any] = json.loads(self._marker.read_text("utf-8"))
        except (FileNotFoundError, json.JSONDecodeError):
            return {}
        return found

    def _write(self) -> None:
        kept = self._read() | {
            self._key: {"since_s": self.since_s, "is_complete": self.is_complete}
        }
        fresh = self._marker.with_suffix(".next")
        fresh.write_text(json.dumps(kept), "utf-8")
        fresh.replace(self._marker)
