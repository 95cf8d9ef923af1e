"""The edge process: rooms, buffer, rules, forwarding, and a status page on loopback."""

import asyncio
import importlib
import json
import logging
import signal
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

import uvloop

import millbrain
from millbrain.core.errors import SettingsError
from millbrain.core.rooms import Driver, Running, Wiring
from millbrain.run import logs, run_files
from millbrain.run.discovery import drivers
from millbrain.run.edge.acting import Actor
from millbrain.run.edge.book import EdgeBook, EdgeSecrets
from millbrain.run.edge.buffer import Buffer
from millbrain.run.edge.centre import Centre
from millbrain.run.edge.config import EdgeConfig
from millbrain.run.edge.forwarding import Forwarder
from millbrain.run.edge.rules import Local
from millbrain.run.edge.sink import EdgeSink
from millbrain.run.edge.telling import page
from millbrain.run.settings import Settings

log = logging.getLogger(__name__)

PROCESS: Final = "edge"
STOP_S_MAX: Final = 5.0  # how long rooms may hand on what they have read


class Nobody:
    """Peers of an edge: no vehicle platforms log in here. Implements `core.rooms.Peers`."""

    def check(self, user: str, password: str) -> bool:
        """Refuse."""
        return False

    def keys(self, user: str) -> dict[str, bytes]:
        """Return none."""
        return {}

    def signers(self) -> frozenset[str]:
        """Return none."""
        return frozenset()

    def foreign(self) -> frozenset[str]:
        """Return none."""
        return frozenset()


class Edge:
    """What a running edge consists of."""

    def __init__(self, config: EdgeConfig) -> None:
        self.config = config
        config.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.buffer = Buffer(config.data / "buffer.sqlite", config.bounds())
        self.book = EdgeBook(config, config.data / "tags.json")
        rules, derived, models = config.rules(), config.derived(), config.models()
        self._local = Local(self.buffer, rules, derived, models)
        local = self._local if rules or derived or models else None
        importance = [(i.series, i.number) for i in config.importance]
        self.sink = EdgeSink(self.buffer, importance, local)
        centre = Centre(config.centre.url, config.centre.token, config.centre.ca)
        forward = config.forward
        self.forwarder = Forwarder(
            self.buffer, centre, config.name, share=forward.share, live_s=forward.live_s
        )
        self.rooms: dict[str, Running] = {}
        self.actor: Actor | None = None
        self.started_at = time.time()

    async def start(self) -> None:
        """Start sink, forwarding and the rooms that have a connection."""
        self.actor = Actor(self._local.raised, self.book, self.rooms, self.sink)
        self.sink.committed = self.actor.committed
        self.sink.start()
        self.forwarder.start()
        wanted = {c.room for c in self.config.connection}
        cards = {card.key: card for card in drivers()}
        unknown = wanted - cards.keys()
        if unknown:
            raise SettingsError(f"room {sorted(unknown)[0]!r}; {', '.join(cards)} are known")
        for key in sorted(wanted):
            self.rooms[key] = await self._start_room(cards[key])

    async def _start_room(self, card: Driver) -> Running:
        usual = getattr(Settings(), card.key)
        section = type(usual).model_validate(
            usual.model_dump() | self.config.rooms.get(card.key, {})
        )
        module, _, name = card.start.partition(":")
        start = getattr(importlib.import_module(module), name)
        folder = self.config.data / "rooms" / card.key
        wiring = Wiring(self.sink, Nobody(), self.book, EdgeSecrets(self.config), folder)
        running: Running = await start(section, wiring)
        return running

    async def stop(self) -> None:
        """End the rooms, store what they took, end forwarding; the buffer keeps the rest."""
        # A room that waits for room in a full buffer would wait for ever.
        patience = asyncio.get_running_loop().call_later(STOP_S_MAX, self.sink.close)
        if self.actor is not None:
            await self.actor.stop()
        await asyncio.gather(*(room.stop() for room in self.rooms.values()))
        patience.cancel()
        await asyncio.to_thread(self.sink.stop)
        await asyncio.to_thread(self.forwarder.stop)
        self.buffer.close()

    def status(self) -> dict[str, Any]:
        """Describe the edge for its page and the command line."""
        states = [
            {
                "connection": s.connection, "room": key, "phase": str(s.phase),
                "since_ms": s.since_ms, "why": s.why, "why_zh": s.why_zh, "values": s.values,
                "received_ms": s.received_ms, "troubles": len(s.troubles),
            }
            for key, room in list(self.rooms.items())
            for s in getattr(room, "states", tuple)()
        ]  # fmt: skip
        return {
            "name": self.config.name, "version": millbrain.__version__,
            "started_at": self.started_at, "as_of": time.time(), "connections": states,
            "actions": list(self.actor.told) if self.actor else [],
            "buffer": self.buffer.status(), "forward": self.forwarder.status(),
            "refusals": [
                {"link": k, "reason": r, "detail": d, "received_ms": at, "values": n}
                for k, r, d, at, n in self.buffer.letters(20)
            ],
        }  # fmt: skip


def serve_status(edge: Edge) -> ThreadingHTTPServer:
    """Serve the status page (/) and the same as JSON (/status) in a thread."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            """Answer."""
            path = self.path.partition("?")[0]
            if path not in ("/", "/status"):
                self.send_error(404)
                return
            found = edge.status()
            is_page = path == "/"
            body = (page(found) if is_page else json.dumps(found)).encode()
            kind = "text/html" if is_page else "application/json"
            self.send_response(200)
            self.send_header("Content-Type", f"{kind}; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Log nothing: the page asks every few seconds."""

    part = edge.config.status
    server = ThreadingHTTPServer((part.host, part.port), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, name="edge-status", daemon=True).start()
    return server


def main(config: EdgeConfig) -> None:
    """Run the edge until it is told to stop (SIGTERM or Ctrl-C)."""
    config.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name in ("run", "log"):
        (config.data / name).mkdir(exist_ok=True)
    logs.to_file(config.data / "log", PROCESS)
    with logs.fatal(log):
        uvloop.run(_serve(config))


async def _serve(config: EdgeConfig) -> None:
    stop = asyncio.Event()
    for sig in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(sig, stop.set)
    edge = await asyncio.to_thread(Edge, config)
    server = serve_status(edge)
    run_file = config.data / "run" / f"{PROCESS}.json"
    try:
        await edge.start()
        ports = {"status": server.server_address[1]}
        ports |= {key: room.port for key, room in edge.rooms.items() if room.port}
        run_files.write(run_file, ports, version=millbrain.__version__)
        print(f"edge {config.name} ready: {ports}", flush=True)
        await stop.wait()
    finally:
        server.shutdown()
        server.server_close()
        await edge.stop()
        run_file.unlink(missing_ok=True)
