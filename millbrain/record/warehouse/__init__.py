"""The warehouse: facts, many and append-only, on ClickHouse in this process or by URL.

`open_embedded` owns a folder, `open_server` talks to any ClickHouse HTTP URL (a cluster, or our own
engine process); both give a `Warehouse`. `create_tables` brings declared tables into being.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from millbrain.record.warehouse.protocol import Warehouse
from millbrain.record.warehouse.tables import create_tables

if TYPE_CHECKING:
    from millbrain.record.warehouse.embedded import EmbeddedWarehouse
    from millbrain.record.warehouse.server import ServerWarehouse

__all__ = ["Warehouse", "create_tables", "open_embedded", "open_server"]


def open_embedded(path: Path, database: str = "millbrain") -> "EmbeddedWarehouse":
    """Open (or make) the warehouse folder `path`; this process then owns it. See `embedded`."""
    # The engine library takes 200 MB and is wanted in one process only, hence the late import.
    from millbrain.record.warehouse import embedded

    return embedded.open_embedded(path, database)


def open_server(url: str) -> "ServerWarehouse":
    """Open a warehouse by URL, ``http://user:password@host:port/database``. See `server`."""
    from millbrain.record.warehouse import server

    return server.open_server(url)
