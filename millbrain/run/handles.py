"""Identifiers from the command line: load a file, generate many, get one."""

import shutil
import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from millbrain.core.errors import MillbrainError, NotFoundError, SettingsError, StoreError
from millbrain.core.faces.record_json import value_json
from millbrain.core.records import Value, store_form
from millbrain.core.registry import Asker
from millbrain.identify.handle import fields as f
from millbrain.identify.handle.codec import Message, decode, encode
from millbrain.record.identifiers import RocksIdentifiers, repair
from millbrain.record.identifiers.store import Record
from millbrain.record.identifiers.upkeep import Problem, examine, mend
from millbrain.run import run_files
from millbrain.run.handle_lines import Lines
from millbrain.run.resolver import open_registry
from millbrain.run.settings import Settings

WAIT_S: Final = 10.0
_REPAIRS: Final = 3  # one after another: what was mended may show more, a range counts again
_STEP: Final = 10_000  # rows between two looks at the progress bar
_PREFIX: Final = "88.608.8889"
_PREFIX_BYTES: Final = _PREFIX.encode()


def load_file(settings: Settings, path: Path, err: Console) -> int:
    """Store the identifiers of a JSON-lines file; return how many.

    A line is ``{"handle", "values": [{"index", "type", "data", "ttl"}]}``, as in the HTTP JSON API;
    data may be plain text.

    Raises
    ------
    MillbrainError
        A line is none of that; the lines before it may be stored, since a load may be repeated.
    """
    size = path.stat().st_size
    with _bar(err) as bar, path.open("rb") as lines:
        task = bar.add_task(path.name, total=size)

        def rows() -> Iterator[Record]:
            read = Lines(int(time.time())).record
            for number, line in enumerate(lines, 1):
                if number % _STEP == 0:
                    bar.update(task, completed=lines.tell() if lines.seekable() else 0)
                if line.strip():
                    yield read(line, f"{path.name} line {number}")

        return _store(settings, rows(), path.name)


def generate(settings: Settings, count: int, err: Console) -> int:
    """Store `count` made identifiers of parts with a link and a model each; return how many."""
    with _bar(err) as bar:
        task = bar.add_task("generate", total=count)

        def rows() -> Iterator[Record]:
            for number in range(count):
                if number % _STEP == 0:
                    bar.update(task, completed=number)
                yield made(number)

        return _store(settings, rows(), f"generated {count}")


def made(number: int) -> Record:
    """Return a made identifier: a part with a serial that looks random, seeded by its number."""
    serial = number * 2_654_435_761 % 10_000_000_000  # Knuth's multiplicative hash: no two alike
    at = (1_760_000_000 + number // 100).to_bytes(4, "big")
    return b"hdl:%b/P%010d" % (_PREFIX_BYTES, serial), _MADE % (at, serial, at, number % 977)


def _made_form() -> bytes:
    """Return the stored form of a made identifier with places for time, serial, time, model."""
    url = Value(1, "URL", b"https://id.example.cn/p/" + b"\xfe" * 10, timestamp_s=0xFCFCFCFC)
    model = Value(2000, "MODEL", b"NC250-" + b"\xfd" * 5, timestamp_s=0xFCFCFCFC)
    form = store_form((url, model)).replace(b"%", b"%%").replace(b"\xfc" * 4, b"%b")
    return form.replace(b"\xfe" * 10, b"%010d").replace(b"\xfd" * 5, b"%05d")


def made_handle(number: int) -> str:
    """Return the handle of the made identifier of that number."""
    return f"{_PREFIX}/P{number * 2_654_435_761 % 10_000_000_000:010d}"


_MADE: Final = _made_form()


def get(settings: Settings, handle: str) -> dict[str, Any]:
    """Ask the running resolver for a handle, as any client would.

    Raises
    ------
    NotFoundError
        There is no such handle.
    MillbrainError
        No resolver runs, or it answers with an error, which is named.
    """
    found = run_files.read(settings.run_file("resolver"))
    if not found:
        raise SettingsError(
            f"no resolver is running on {settings.data}; start one with `millbrain resolver`"
        )
    body = {"handle": handle, "indexes": (), "types": ()}
    packet = encode(Message(f.RESOLVE, body, flags=f.PUBLIC_ONLY))
    answer = decode(asked(settings.handle.host, found["ports"]["handle"], packet))
    if answer.code == f.NOT_FOUND:
        raise NotFoundError(f"{handle} does not exist here")
    if answer.code != f.OK:
        code = f.RESPONSES.get(answer.code)
        title = code.title if code else str(answer.code)
        raise MillbrainError(f"{handle}: {title} {answer.body.get('message', '')}".rstrip())
    return {"handle": handle, "values": [value_json(v) for v in answer.body["values"]]}


def check(settings: Settings, folder: Path | None, *, is_repaired: bool) -> Iterator[Problem]:
    """Yield what is wrong with the identifiers; a problem with a cure has been mended.

    folder: a store elsewhere, of a backup; None = that of the data folder.

    Raises
    ------
    MillbrainError
        There is no store, a resolver has it open, or it does not open and is not to be repaired.
    """
    place = folder or settings.data / "identifiers"
    if folder is None:
        _demand_stopped(settings)
    if not (place / "CURRENT").is_file():
        raise MillbrainError(f"{place} is no store of identifiers; nothing was checked")
    try:
        store = RocksIdentifiers(place)
    except StoreError as error:
        if not is_repaired:
            raise MillbrainError(f"{error}; --repair rebuilds it from what can be read") from error
        store = _rebuilt(place)
        copy = "is rebuilt from what can be read, a copy is beside it"
        yield Problem("store", str(place), str(error), copy)
    try:
        found = examine(store)
        for _ in range(_REPAIRS if is_repaired else 0):
            if not mend(store, found.problems):
                break
            yield from (p for p in found.problems if p.cure)
            found = examine(store)
        yield from (replace(p, cure="") for p in found.problems)
        if found.more:
            yield Problem("store", str(place), f"{found.more} more problems; check again")
    finally:
        store.close()


def _rebuilt(place: Path) -> RocksIdentifiers:
    """Return a store that did not open, rebuilt; a copy of it is kept beside it."""
    shutil.copytree(place, place.with_name(f"{place.name}.damaged-{int(time.time())}"))
    repair(place)
    return RocksIdentifiers(place)


def _demand_stopped(settings: Settings) -> None:
    running = run_files.read(settings.run_file("resolver"))
    if running:
        raise MillbrainError(
            f"the resolver runs on {settings.data} as process {running['pid']} and owns the "
            "identifiers; stop it first, or write through it"
        )


def asked(host: str, port: int, packet: bytes) -> bytes:
    """Return the answer of a node to one message.

    Raises
    ------
    MillbrainError
        It does not answer.
    """
    try:
        with socket.create_connection((host, port), WAIT_S) as link:
            link.sendall(packet)
            with link.makefile("rb") as answers:
                head = answers.read(f.ENVELOPE_BYTES)
                return head + answers.read(int.from_bytes(head[16:20], "big"))
    except OSError as error:
        raise MillbrainError(f"resolver at {host}:{port}: {error}") from error


def _store(settings: Settings, rows: Iterator[Record], source: str) -> int:
    _demand_stopped(settings)
    settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    store, registry = open_registry(settings)
    try:
        return registry.load(rows, Asker(None, "cli"), source)
    finally:
        registry.close()
        store.close()


def _bar(err: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn(),
        console=err, transient=True,
    )  # fmt: skip
