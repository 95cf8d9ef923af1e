"""`millbrain doctor`: says in plain sentences what is wrong and what to do."""

import os
import shutil
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from millbrain.core.errors import MillbrainError
from millbrain.record.intake import check_balance
from millbrain.record.ledger import Ledger
from millbrain.record.warehouse import open_server
from millbrain.run import run_files
from millbrain.run.settings import LOOPBACK, Settings, prepare_data_folder
from millbrain.run.web import engine_url
from millbrain.show.engine_client import EngineClient

DISK_FREE_BYTES_MIN: Final = 2 << 30
LATENCY_MS_MAX: Final = 1000
FILES_OPEN_MIN: Final = 8192


class Verdict(StrEnum):
    """How a finding should be taken."""

    GOOD = "good"
    WARN = "warn"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing the doctor looked at: what was found, and what to do where it is not good."""

    verdict: Verdict
    what: str
    advice: str = ""


def examine(settings: Settings) -> Iterator[Finding]:
    """Look at everything in turn; a look that fails is a finding too and stops nothing."""
    for look in (_python, _folder, _disk, _files, _ledger, _ports, _web, _engine):
        try:
            yield from look(settings)
        except (MillbrainError, OSError) as e:
            name = look.__name__.strip("_")
            yield Finding(Verdict.BAD, f"{name}: {e}", "See the log files in the data folder.")


def _python(_: Settings) -> Iterator[Finding]:
    found = f"Python {sys.version.split()[0]} on {os.cpu_count()} cores"
    yield Finding(Verdict.GOOD, found)


def _folder(settings: Settings) -> Iterator[Finding]:
    if not settings.data.exists():
        yield Finding(
            Verdict.WARN, f"data folder {settings.data} does not exist yet",
            "`millbrain up` creates it; give another one with --data.",
        )  # fmt: skip
        return
    if not os.access(settings.data, os.W_OK):
        yield Finding(Verdict.BAD, f"data folder {settings.data} is not writable",
                      "Change its owner, or choose another one with --data.")  # fmt: skip
    elif settings.data.stat().st_mode & 0o007:
        yield Finding(Verdict.WARN, f"data folder {settings.data} is open to every user",
                      f"Close it: chmod 700 {settings.data}")  # fmt: skip
    else:
        yield Finding(Verdict.GOOD, f"data folder {settings.data} is writable and private")


def _disk(settings: Settings) -> Iterator[Finding]:
    where = settings.data if settings.data.exists() else settings.data.absolute().parent
    free = shutil.disk_usage(where).free
    text = f"{free / 2**30:.1f} GiB free on the disk of {where}"
    if free < DISK_FREE_BYTES_MIN:
        yield Finding(Verdict.BAD, text, "Intake stops when the disk is full: free some space, or "
                      "shorten the keeping times.")  # fmt: skip
    else:
        yield Finding(Verdict.GOOD, text)


def _files(_: Settings) -> Iterator[Finding]:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < FILES_OPEN_MIN:
        yield Finding(Verdict.WARN, f"at most {hard} open files are allowed",
                      f"Each vehicle link needs one: ulimit -n {FILES_OPEN_MIN}")  # fmt: skip
    else:
        yield Finding(Verdict.GOOD, f"{soft} open files allowed, {hard} on request")


def _ledger(settings: Settings) -> Iterator[Finding]:
    if not settings.ledger.url and not (settings.data / "ledger.sqlite").exists():
        yield Finding(Verdict.WARN, "there is no ledger yet", "The first start creates it.")
        return
    ledger = Ledger(settings.ledger_url)
    try:
        yield Finding(Verdict.GOOD, f"ledger answers, schema {ledger.schema_version()}")
    finally:
        ledger.close()


def _ports(settings: Settings) -> Iterator[Finding]:
    sections: tuple[tuple[str, str, Any], ...] = (
        ("engine", "gbt32960", settings.gbt32960),
        ("engine", "clickhouse", settings.clickhouse),
        ("web", "web", settings.web),
        ("resolver", "handle", settings.handle),
    )
    for process, name, section in sections:
        if section.port and not run_files.read(settings.run_file(process)):
            yield _free(name, section.host, section.port)


def _free(name: str, host: str, port: int) -> Finding:
    try:
        socket.create_server((host, port)).close()
    except OSError as e:
        return Finding(Verdict.BAD, f"port {port} of {name} cannot be opened: {e.strerror}",
                       f"Stop what uses it, or set {name}.port (0 = any free port).")  # fmt: skip
    return Finding(Verdict.GOOD, f"port {port} of {name} is free")


def _web(settings: Settings) -> Iterator[Finding]:
    if settings.web.host != LOOPBACK and settings.web.tls_key is None:
        yield Finding(Verdict.WARN, f"pages are served on {settings.web.host} without TLS",
                      "Set web.tls_certificate and web.tls_key.")  # fmt: skip
    found = run_files.read(settings.run_file("web"))
    if found:
        yield Finding(
            Verdict.GOOD, f"web runs as process {found['pid']}, port {found['ports']['web']}"
        )
    else:
        yield Finding(Verdict.WARN, "web is not running", "Start it: millbrain up")


def _engine(settings: Settings) -> Iterator[Finding]:
    if not run_files.read(settings.run_file("engine")):
        yield Finding(Verdict.WARN, "engine is not running", "Start it: millbrain up")
        return
    key = prepare_data_folder(settings)
    url = engine_url(settings, key)
    status = EngineClient(url, key).status()
    intake = status["intake"]
    running = f"engine {status['version']} runs, {intake['reports_10s_hz']:.0f} reports/s"
    yield Finding(Verdict.GOOD, running)
    for trouble in intake["troubles"]:
        advice = "Nothing is lost; it goes on by itself once the cause is gone."
        yield Finding(Verdict.BAD, f"intake: {trouble}", advice)
    p99_ms = intake["commit_p99_ms"]
    slow = p99_ms is not None and p99_ms > LATENCY_MS_MAX
    told = "nothing committed yet" if p99_ms is None else f"commit latency p99 {p99_ms:.0f} ms"
    advice = "The disk or the processor is at its limit." if slow else ""
    yield Finding(Verdict.WARN if slow else Verdict.GOOD, told, advice)
    yield from _balance(url, int(intake["settled"]))


def _balance(url: str, settled: int) -> Iterator[Finding]:
    """Hold the ledger against the tables, up to the newest batch that is wholly on disk."""
    warehouse = open_server(url)
    started = time.monotonic()
    try:
        found = check_balance(warehouse, settled)
    finally:
        warehouse.close()
    sums = {
        name: sum(link[name] for link in found["links"].values())
        for name in ("received", "stored", "duplicate", "rejected")
    }
    told = (
        f"{sums['received']} received = {sums['stored']} stored + {sums['duplicate']} duplicate "
        f"+ {sums['rejected']} rejected, held against the tables in "
        f"{time.monotonic() - started:.1f} s"
    )
    if found["balanced"]:
        yield Finding(Verdict.GOOD, f"intake ledger balances: {told}")
        return
    for problem in found["problems"]:
        advice = "Keep the data folder as it is and report this."
        yield Finding(Verdict.BAD, f"intake ledger: {problem} ({told})", advice)
