"""Counts from the event loop to the disk, and reports from there to the node above.

What the faces counted is taken every few seconds, in the loop, and written in a thread; a crash
loses so much of it. A thread of its own sends reports, so that a node above which is dead, slow or
wrong costs nobody here anything. What it says is believed only as far as it can be checked.
"""

import asyncio
import contextlib
import hashlib
import hmac
import logging
import threading
import time
from collections.abc import Mapping
from typing import Any, Final
from zoneinfo import ZoneInfo

import orjson
import urllib3

from millbrain.core.errors import MillbrainError, SettingsError
from millbrain.core.limits import REPORTS_SENT_MAX
from millbrain.record.identifiers import StoredRegistry
from millbrain.record.identifiers.reports import StoredReports
from millbrain.run.settings import ResolverSettings, Settings

FLUSH_S: Final = 5.0
PATH: Final = "/api/v1/node/reports"
SCHEME: Final = "Millbrain-Report"
_CONNECT_S: Final = 2.0
_ANSWER_S: Final = 10.0  # until the last byte of an answer
_ANSWER_BYTES_MAX: Final = 64 << 10
_LETTERS_MAX: Final = 50  # one behind the other, then others get their turn
_PAUSE_S_MAX: Final = 300.0
log = logging.getLogger(__name__)


def signature(key: str, prefix: str, body: bytes) -> str:
    """Return what proves that a letter is of the holder of a prefix."""
    head = b"report\0" + prefix.encode() + b"\0"
    return hmac.new(key.encode(), head + body, hashlib.sha256).hexdigest()


def set_up(registry: StoredRegistry, settings: Settings) -> None:
    """Tell a registry in which zone days begin, and whether there is a node above."""
    registry.reports.zone = ZoneInfo(settings.time_zone)
    registry.reports.is_reporting = bool(settings.resolver.report_to)


class Reporting:
    """Keeps what is counted, and tells the node above."""

    def __init__(self, registry: StoredRegistry, settings: Settings) -> None:
        self._tally = registry.tally
        self._reports = registry.reports
        is_reporting = bool(settings.resolver.report_to)
        self._sender = Sender(registry.reports, settings.resolver) if is_reporting else None
        self._keeping: asyncio.Task[None] | None = None

    @property
    def port(self) -> int:
        """None of its own."""
        return 0

    def status(self) -> Mapping[str, Any]:
        """Describe what is still to be reported, and how the last attempt went."""
        beyond = self._sender.status() if self._sender else {}
        return {**self._reports.outbox(), **beyond}

    def start(self) -> None:
        """Keep and send from now on."""
        self._keeping = asyncio.create_task(self._keep())
        if self._sender:
            self._sender.start()

    async def stop(self) -> None:
        """Keep what was counted last, for the next start to send, and send no more."""
        if self._keeping:
            self._keeping.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeping
        await self._kept()
        if self._sender:
            await asyncio.to_thread(self._sender.stop)
            with contextlib.suppress(MillbrainError):  # what is due is on disk without it
                await asyncio.to_thread(self._reports.cut, int(time.time() * 1000))

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_S)
            await self._kept()

    async def _kept(self) -> None:
        counted, samples = self._tally.take()
        now_ms = int(time.time() * 1000)
        try:
            await asyncio.to_thread(self._reports.resolved, counted, samples, now_ms)
        except MillbrainError as error:
            lost = sum(count for _, _, count in counted)
            log.warning("statistics: %d answers are not counted: %s", lost, error)


class Sender:
    """Sends reports to the node above, in a thread of its own.

    Raises
    ------
    SettingsError
        The node above is named without the prefix or the key by which it knows this one.
    """

    def __init__(self, reports: StoredReports, section: ResolverSettings) -> None:
        if not section.report_prefix or not section.report_key:
            raise SettingsError("resolver.report_to needs report_prefix and report_key")
        self._reports = reports
        self._section = section
        self._url = section.report_to.rstrip("/") + PATH
        self._pool = urllib3.PoolManager(maxsize=1, retries=False)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="reporting")
        self._wanted: list[tuple[int, int]] = []
        self._sent: dict[str, int] = {}  # the newest number that was sent, by stream
        self._failures = 0
        self._retry_s = 0.0
        self._sent_ms = 0
        self._trouble = ""

    def start(self) -> None:
        """Send from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Send no more."""
        self._over.set()
        self._thread.join()
        self._pool.clear()

    def status(self) -> Mapping[str, Any]:
        """Describe the last attempts. sent_ms: when the node above last took something."""
        return {"to": self._section.report_to, "prefix": self._section.report_prefix,
                "sent_ms": self._sent_ms, "failures": self._failures, "trouble": self._trouble,
                "missed_above": self._wanted}  # fmt: skip

    def _run(self) -> None:
        while not self._over.wait(self._section.report_s):
            try:
                self._reports.cut(int(time.time() * 1000))
                if time.monotonic() >= self._retry_s:
                    self._send_all()
            except MillbrainError as error:
                log.warning("reports: %s", error)
            except Exception:  # the thread goes on, whatever the node above makes of it
                log.exception("reports: this attempt failed")

    def _send_all(self) -> None:
        for _ in range(_LETTERS_MAX):
            letter = self._reports.letter(self._wanted, REPORTS_SENT_MAX)
            if self._over.is_set() or not (letter["reports"] or letter["lost"]):
                return
            before = self._reports.outbox()["acknowledged"], tuple(self._wanted)
            try:
                self._send(letter)
            except (OSError, ValueError, urllib3.exceptions.HTTPError) as error:
                self._failed(str(error)[:300])
                return
            if before == (self._reports.outbox()["acknowledged"], tuple(self._wanted)):
                self._failed("the node above takes letters and still misses what is in them")
                return
            if self._failures:
                log.info("reports: %s takes them again", self._section.report_to)
            self._failures, self._trouble = 0, ""
            self._sent_ms = int(time.time() * 1000)

    def _failed(self, words: str) -> None:
        self._failures += 1
        pause_s = min(self._section.report_s * 2**self._failures, _PAUSE_S_MAX)
        self._retry_s = time.monotonic() + pause_s
        if self._failures == 1:
            log.warning("reports: %s does not take them: %s", self._section.report_to, words)
        self._trouble = words

    def _send(self, letter: Mapping[str, Any]) -> None:
        """Send a letter and note what the node above has then.

        Raises
        ------
        OSError, HTTPError
            It cannot be reached, or is too slow.
        ValueError
            It refuses, or its answer makes no sense.
        """
        head = orjson.dumps({"stream": letter["stream"], "lost": letter["lost"]})
        body = head[:-1] + b',"reports":[' + b",".join(letter["reports"]) + b"]}"
        prefix = self._section.report_prefix.upper()
        proof = signature(self._section.report_key, prefix, body)
        answer = self._pool.request(
            "POST", self._url, body=body, preload_content=False, redirect=False,
            headers={"Authorization": f"{SCHEME} {prefix}:{proof}",
                     "Content-Type": "application/json"},
            timeout=urllib3.Timeout(connect=_CONNECT_S, read=_ANSWER_S),
        )  # fmt: skip
        raw = _read(answer)
        if answer.status != 200:
            raise ValueError(f"it answered {answer.status}: {raw[:200]!r}")
        told = orjson.loads(raw)
        have, missing = told["have"], told["missing"]
        if type(have) is not int or have < 0 or told["stream"] != letter["stream"]:
            raise ValueError(f"its answer makes no sense: {raw[:200]!r}")
        sent = max((orjson.loads(raw)["number"] for raw in letter["reports"]), default=0)
        self._sent[letter["stream"]] = sent = max(sent, self._sent.get(letter["stream"], 0))
        state = self._reports.outbox()
        if max(sent, state["acknowledged"]) < have <= state["newest"]:
            raise ValueError(f"it claims report {have}; {sent} is the last that was sent")
        self._wanted = _ranges(missing)
        self._reports.heard(letter["stream"], have, int(time.time() * 1000))


def _ranges(told: Any) -> list[tuple[int, int]]:
    """Return the ranges that the node above misses; ValueError where they are none."""
    if not isinstance(told, list) or len(told) > REPORTS_SENT_MAX:
        raise ValueError("what it misses is no list of ranges")
    for part in told:
        is_pair = isinstance(part, list) and [type(n) for n in part] == [int, int]
        if not is_pair or not 0 < part[0] <= part[1] < 1 << 63:
            raise ValueError("what it misses is no list of ranges")
    return [(first, last) for first, last in told]


def _read(answer: urllib3.BaseHTTPResponse) -> bytes:
    """Return the body of an answer, unless it is too long or takes too long."""
    until_s = time.monotonic() + _ANSWER_S
    parts: list[bytes] = []
    try:
        while part := answer.read1(4_096):
            parts.append(part)
            if sum(map(len, parts)) > _ANSWER_BYTES_MAX:
                raise ValueError(f"its answer has more than {_ANSWER_BYTES_MAX} bytes")
            if time.monotonic() > until_s:
                raise ValueError(f"its answer took more than {_ANSWER_S:g} s")
    finally:
        if time.monotonic() > until_s or not parts:
            answer.close()
        answer.release_conn()
    return b"".join(parts)
