"""The desk's port: loopback always, whatever the other faces listen on."""

import asyncio
import os
import socket
import time
from collections.abc import Mapping
from typing import Any, Final

import uvicorn
from starlette.applications import Starlette

from millbrain.core.nodes import Node
from millbrain.identify.handle.recursion import Recursion
from millbrain.record.identifiers import RocksIdentifiers, StoredRegistry
from millbrain.run.desk.routes import Desk, desk_routes
from millbrain.run.serving import InnerServer

_LOOPBACK: Final = "127.0.0.1"


class DeskServer:
    """Answers our own pages on a free port; the run file tells them which."""

    def __init__(
        self, registry: StoredRegistry, store: RocksIdentifiers, node: Node,
        faces: Mapping[str, Any],
    ) -> None:  # fmt: skip
        self.desk = Desk(registry, store, node, faces, Recursion(node, os.urandom), time.time())
        self._listener = socket.create_server((_LOOPBACK, 0), backlog=64)
        config = uvicorn.Config(
            Starlette(routes=desk_routes(self.desk)), log_config=None, access_log=False,
            server_header=False, lifespan="off", loop="none",
        )  # fmt: skip
        self._server = InnerServer(config)
        self._serving: asyncio.Task[None] | None = None

    @property
    def port(self) -> int:
        """The port it listens on, as bound."""
        port: int = self._listener.getsockname()[1]
        return port

    def status(self) -> Mapping[str, Any]:
        """Describe what went through."""
        return {"requests": self._server.server_state.total_requests}

    def start(self) -> None:
        """Answer from now on."""
        self._serving = asyncio.create_task(self._server.serve(sockets=[self._listener]))

    async def stop(self) -> None:
        """Take no more requests and return once the running ones are answered."""
        self._server.should_exit = True
        if self._serving is not None:
            await self._serving
        await self.desk.recursion.close()
