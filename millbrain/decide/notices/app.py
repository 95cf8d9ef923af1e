"""The sender: takes what the outbox says is due, sends it, and says what became of it.

It keeps nothing that matters. A delivery is claimed, which counts the attempt in the ledger, then
sent, then marked. Killed in between, the claim runs out and the delivery goes out again under the
same id with the next attempt number. Each target has one worker at a time: one that does not answer
holds up nobody else.
"""

import logging
import random
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import datetime, timedelta, tzinfo
from typing import Any, Final, Protocol

from millbrain.core.findings import Severity
from millbrain.core.work.notices import Delivery, Sending, Target
from millbrain.decide.notices import ROOM, http
from millbrain.decide.notices.calc import pause_s
from millbrain.decide.notices.channel import Channel, Outcome
from millbrain.decide.notices.mail import Mail
from millbrain.decide.notices.words import message_of

log = logging.getLogger(__name__)

LEASE_S: Final = 120.0  # longer than any try takes; then a claimed delivery is due again
WORKERS: Final = 4
IN_A_ROW_MAX: Final = 50  # deliveries of one target before the others get their turn
SWEEP_EVERY: Final = timedelta(hours=1)


class Outbox(Protocol):
    """Where deliveries wait; the ledger implements it. Safe from any thread."""

    def due_targets(self, at: datetime) -> Sequence[Target]:
        """Return targets for which something waits that may be tried now."""
        ...

    def claim(
        self,
        target: Target,
        at: datetime,
        lease_s: float,
        *,
        urgent_from: int = ...,
        most: int = ...,
    ) -> Sequence[Sending]:
        """Take deliveries of a target, counted as tried and due again after `lease_s` [s]."""
        ...

    def told(self, delivery: Delivery, at: datetime) -> None:
        """Record that a delivery arrived."""
        ...

    def failed(
        self, delivery: Delivery, at: datetime, error: str, pause_s: float, *,
        park_after: int, probe_s: float,
    ) -> None:  # fmt: skip
        """Record that a try failed and when the next one is due."""
        ...

    def sweep(self, at: datetime) -> int:
        """Give up what nobody took for very long; return how many."""
        ...


class Sender:
    """Sends notices.

    Parameters
    ----------
    outbox
        Where deliveries wait.
    zone
        Zone of quiet hours and of instants in texts.
    clock
        Returns the instant now, aware UTC.
    site
        Address of the pages for links, empty = none.
    values
        What the operator set, by the names of the room's parameters.
    channels
        Channels by name; None = all that the room has.
    """

    def __init__(
        self,
        outbox: Outbox,
        zone: tzinfo,
        clock: Callable[[], datetime],
        site: str = "",
        values: Mapping[str, float] | None = None,
        channels: Mapping[str, Channel] | None = None,
    ) -> None:
        self._rules = ROOM.chosen(values or {})
        self._outbox = outbox
        self._zone = zone
        self._clock = clock
        self._site = site
        self._channels = channels or {**http.channels(), "email": Mail()}
        self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="notice")
        self._lock = threading.Lock()
        self._busy: dict[int, Any] = {}
        self._dice = random.Random()
        self._stopped = threading.Event()
        self._swept_at: datetime | None = None

    def tick(self) -> None:
        """Start sending what is due and return at once. Meant for once a second."""
        at = self._clock()
        if self._swept_at is None or at - self._swept_at > SWEEP_EVERY:
            self._swept_at = at
            if gone := self._outbox.sweep(at):
                log.warning("%d notices were given up; the page of notices lists them", gone)
        for target in self._outbox.due_targets(at):
            with self._lock:
                if target.id not in self._busy and not self._stopped.is_set():
                    self._busy[target.id] = self._pool.submit(self._serve, target)

    def settle(self) -> None:
        """Wait until whatever a tick started has ended."""
        with self._lock:
            running = list(self._busy.values())
        wait(running)

    def stop(self) -> None:
        """Let the tries under way end and start no more."""
        self._stopped.set()
        self._pool.shutdown(wait=True)

    def _serve(self, target: Target) -> None:
        try:
            for _ in range(IN_A_ROW_MAX):
                if self._stopped.is_set() or not self._send_next(target):
                    return
        except Exception:
            log.exception("notices to %s: the outbox failed; tried again", target.name)
        finally:
            with self._lock:
                self._busy.pop(target.id, None)

    def _send_next(self, target: Target) -> bool:
        """Send one delivery; False where none is due, or this one failed."""
        at = self._clock()
        is_quiet = target.is_quiet(at.astimezone(self._zone).time())
        least = int(Severity.DANGER) if is_quiet else 0
        claimed = self._outbox.claim(target, at, LEASE_S, urgent_from=least, most=1)
        if not claimed:
            return False
        outcome = self._tried(claimed[0])
        delivery = claimed[0].delivery
        if outcome.is_told:
            self._outbox.told(delivery, self._clock())
            return True
        self._note_failure(target, delivery, outcome)
        return False

    def _tried(self, sending: Sending) -> Outcome:
        channel = self._channels.get(sending.target.channel)
        if channel is None:
            return Outcome(False, f"no channel {sending.target.channel!r} is known")
        message = message_of(sending.delivery, sending.target, self._zone, self._site)
        try:
            return channel.send(sending, message)
        except Exception as e:
            log.exception("notice %s: the channel failed", sending.delivery.uid)
            return Outcome(False, f"the channel failed: {type(e).__name__}; its log says more")

    def _note_failure(self, target: Target, delivery: Delivery, outcome: Outcome) -> None:
        rules = self._rules
        pause = pause_s(delivery.attempt, rules["pause_s"], rules["pause_s_max"], self._dice)
        self._outbox.failed(
            delivery, self._clock(), outcome.detail, max(pause, outcome.pause_s),
            park_after=int(rules["park_after"]), probe_s=rules["probe_s"],
        )  # fmt: skip
        if target.failures == 0:
            log.warning("notices to %s fail: %s; tried again", target.name, outcome.detail)
