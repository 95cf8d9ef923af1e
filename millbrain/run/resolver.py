"""The resolver process: the identifiers of this node, answered in every face of stage identify."""

import asyncio
import importlib
import json
import logging
import signal
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import uvloop

import millbrain
from millbrain.core.errors import FrameError, SettingsError
from millbrain.core.faces.around import Around
from millbrain.core.nodes import Node
from millbrain.core.records import Reference
from millbrain.core.registry import Registry
from millbrain.core.rooms import Face
from millbrain.core.trust.chains import read_roots
from millbrain.core.trust.public_keys import PublicKey
from millbrain.identify.handle.server import HandleServer
from millbrain.record.identifiers import RocksIdentifiers, StoredRegistry
from millbrain.run import logs, reporting, run_files
from millbrain.run.desk import DeskServer
from millbrain.run.discovery import faces
from millbrain.run.others import OtherNodes
from millbrain.run.resolver_http import ResolverHttp
from millbrain.run.settings import Settings, prepare_data_folder

NODE_KEY: Final = "node_key.pem"  # in the data folder: what the node signs with
TRUSTED: Final = "trusted_roots.json"  # in the data folder: whose certificates it trusts
log = logging.getLogger(__name__)


class RunningFace(Protocol):
    """A started face."""

    @property
    def port(self) -> int:
        """The port it listens on, as bound."""
        ...

    def status(self) -> Mapping[str, Any]:
        """Describe links and counts."""
        ...

    async def stop(self) -> None:
        """Close the port and the links."""
        ...


@dataclass(slots=True)
class Resolver:
    """What a running resolver consists of."""

    settings: Settings
    store: RocksIdentifiers
    registry: StoredRegistry
    faces: dict[str, RunningFace]


def open_registry(
    settings: Settings, soon: Callable[[Callable[[], None]], object] = lambda call: call()
) -> tuple[RocksIdentifiers, StoredRegistry]:
    """Open the identifiers of the data folder; the caller closes registry, then store.

    soon: see `StoredRegistry`.
    """
    store = RocksIdentifiers(
        settings.data / "identifiers", cache_bytes=settings.resolver.cache_mib << 20
    )
    try:
        registry = StoredRegistry(store, administrators(settings.resolver.administrators), soon)
        reporting.set_up(registry, settings)
        return store, registry
    except BaseException:
        store.close()
        raise


def node_of(settings: Settings) -> Node:
    """Return what the settings say of the node's place among the others."""
    section = settings.resolver
    return Node(
        section.role, section.upstream, section.remember_mib << 20, section.negative_s,
        section.stale_s, section.try_s, section.wait_s, str(settings.data / NODE_KEY),
        roots_of(settings.data / TRUSTED),
    )  # fmt: skip


def roots_of(path: Path) -> dict[str, tuple[PublicKey, ...]]:
    """Return the roots that a file names as trusted, none where there is no such file.

    Raises
    ------
    SettingsError
        The file holds something else.
    """
    if not path.exists():
        return {}
    try:
        return read_roots(json.loads(path.read_text("utf-8")))
    except (ValueError, FrameError) as error:
        raise SettingsError(f"{path}: {error}") from error


def administrators(names: Iterable[str]) -> list[Reference]:
    """Return identities written as ``300:88.100.1/admin``.

    Raises
    ------
    SettingsError
        A name is not of that form.
    """
    found = []
    for name in names:
        index, colon, handle = name.partition(":")
        if not colon or not index.isdecimal() or "/" not in handle:
            raise SettingsError(
                f"resolver.administrators: {name!r}; index:handle was expected, 300:88.100.1/admin"
            )
        found.append(Reference(handle, int(index)))
    return found


def main(settings: Settings) -> None:
    """Answer until told to stop (SIGTERM or Ctrl-C)."""
    key = prepare_data_folder(settings)
    logs.to_file(settings.data / "log", "resolver")
    with logs.fatal(log):
        uvloop.run(_serve(settings, key))


async def _serve(settings: Settings, key: str) -> None:
    started = time.monotonic()
    loop = asyncio.get_running_loop()
    store, registry = await asyncio.to_thread(open_registry, settings, loop.call_soon_threadsafe)
    resolver = Resolver(settings, store, registry, {})
    stop = asyncio.Event()
    for sig in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(sig, stop.set)
    serving: asyncio.Task[None] | None = None
    try:
        for card in faces():
            await _start_face(resolver, card)
        section = settings.resolver
        around = _around(resolver, key)
        http = ResolverHttp(faces(), registry, around, section.http_host, section.http_port)
        serving = asyncio.create_task(http.serve())
        resolver.faces["http"] = http
        resolver.faces["reports"] = reports = reporting.Reporting(registry, settings)
        reports.start()
        _open_desk(resolver, key)
        ports = {name: face.port for name, face in resolver.faces.items() if face.port}
        run_files.write(settings.run_file("resolver"), ports, version=millbrain.__version__)
        log.info("resolver ready after %.2f s, ports %s", time.monotonic() - started, ports)
        print(f"resolver ready: {ports}", flush=True)
        await stop.wait()
    finally:
        for face in resolver.faces.values():
            await face.stop()
        if serving is not None:
            await serving
        await asyncio.to_thread(registry.close)
        await asyncio.to_thread(store.close)
        settings.run_file("resolver").unlink(missing_ok=True)
        log.info("resolver stopped")


def _around(resolver: Resolver, key: str) -> Around:
    """Return what HTTP faces are told of the node; they share the recursion of the Handle face."""
    handle = resolver.faces.get("handle")
    recursion = handle.recursion if isinstance(handle, HandleServer) else None
    others = OtherNodes(resolver.registry, recursion)
    return Around(key.encode(), node_of(resolver.settings), others)


def _open_desk(resolver: Resolver, key: str) -> None:
    """Let our own pages ask, under the key of the installation."""
    resolver.registry.voucher_key = key
    desk = DeskServer(resolver.registry, resolver.store, node_of(resolver.settings), resolver.faces)
    logging.getLogger().addHandler(desk.desk.troubles)
    desk.start()
    resolver.faces["desk"] = desk


async def _start_face(resolver: Resolver, card: Face) -> None:
    if not card.start:
        return
    section = getattr(resolver.settings, card.key)
    if not section.enabled:
        return
    module, _, name = card.start.partition(":")
    start = getattr(importlib.import_module(module), name)
    registry: Registry = resolver.registry
    resolver.faces[card.key] = await start(section, registry, node_of(resolver.settings))
