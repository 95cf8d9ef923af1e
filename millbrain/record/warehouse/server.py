"""The warehouse by URL: a ClickHouse server, a cluster, or our own engine process, over HTTP."""

import threading
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import clickhouse_connect
import pyarrow as pa
from clickhouse_connect.driver.exceptions import ClickHouseError
from urllib3.exceptions import HTTPError

from millbrain.core import limits
from millbrain.core.errors import SettingsError, StoreError
from millbrain.core.tables import Table
from millbrain.record.values import Params, parameters, quoted
from millbrain.record.warehouse.faults import CODE_UNKNOWN, code_of, read_error, write_error

_CONNECT_S_MAX: Final = 5
_ANSWER_S_MAX: Final = 2 * limits.QUERY_S_MAX + limits.QUERY_WAIT_S_MAX
# Over a Distributed table the insert returns when the shard has stored it, not before.
_INSERT_SETTINGS: Final = {"distributed_foreground_insert": 1, "async_insert": 0}
_NO_DATABASE: Final = 81


class _Encoded:
    """A parameter that is encoded already: the client writes unknown objects as their text."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __str__(self) -> str:
        return self._text


class ServerWarehouse:
    """A `Warehouse` over a ClickHouse HTTP URL. Made by `open_server`.

    The connection is made on first use and again after a loss, so that this may be opened before
    the server is up.
    """

    def __init__(self, url: str) -> None:
        self._options = _options(url)
        self._shown = _without_password(url)
        self._lock = threading.Lock()
        self._client: Any = None
        self._is_closed = False

    @property
    def database(self) -> str:
        """Name of the database that unqualified table names refer to."""
        return str(self._options["database"])

    def query(self, sql: str, params: Params | None = None) -> pa.Table:
        """Run a query and return its rows as Arrow; see `Warehouse.query`."""
        return pa.ipc.open_stream(self.query_bytes(sql, "ArrowStream", params)).read_all()

    def batches(self, sql: str, params: Params | None = None) -> Iterator[pa.RecordBatch]:
        """Run a query and yield its rows as they come; see `Warehouse.batches`."""
        values = {name: _Encoded(text) for name, text in parameters(params).items()}
        client = self._connected()
        try:
            answer = client.raw_stream(sql, parameters=values or None, fmt="ArrowStream")
        except ClickHouseError as error:
            raise read_error(self._explained(error)) from error
        try:
            yield from pa.ipc.open_stream(answer)
        except (HTTPError, pa.ArrowException) as error:
            raise StoreError(
                f"warehouse {self._shown}: an answer broke off before its end ({error}); ask again"
            ) from error
        finally:
            answer.close()

    def query_bytes(self, sql: str, fmt: str, params: Params | None = None) -> bytes:
        """Run a query and return its answer in a ClickHouse format."""
        values = {name: _Encoded(text) for name, text in parameters(params).items()}
        client = self._connected()
        try:
            answer = client.raw_query(sql, parameters=values or None, fmt=fmt)
        except ClickHouseError as error:
            raise read_error(self._explained(error)) from error
        return bytes(answer)

    def execute(self, sql: str) -> None:
        """Run a statement that returns no rows."""
        client = self._connected()
        try:
            client.command(sql)
        except ClickHouseError as error:
            raise read_error(self._explained(error)) from error

    def insert(self, table: Table, batch: pa.RecordBatch, into: str | None = None) -> None:
        """Store a batch as one part, on disk when this returns; see `Warehouse.insert`."""
        target = into or table.name
        client = self._connected()
        try:
            client.raw_insert(
                quoted(target), [quoted(n) for n in batch.schema.names], _ipc(batch),
                settings=_INSERT_SETTINGS, fmt="ArrowStream",
            )  # fmt: skip
        except ClickHouseError as error:
            what = f"insert of {batch.num_rows} rows into {target}"
            raise write_error(what, self._explained(error)) from error

    def aside(self) -> "ServerWarehouse":
        """Return this: a server divides its cores itself."""
        return self

    def close(self) -> None:
        """Let go of the connections; calls after that raise."""
        with self._lock:
            client, self._client, self._is_closed = self._client, None, True
        if client is not None:
            client.close()

    def _connected(self) -> Any:
        with self._lock:
            if self._is_closed:
                raise StoreError(f"warehouse {self._shown} is closed; open it again to use it")
            if self._client is None:
                self._client = self._connect()
            return self._client

    def _connect(self) -> Any:
        try:
            return _client(self._options)
        except ClickHouseError as error:
            if code_of(str(error)) != _NO_DATABASE:
                raise StoreError(self._explained(error)) from error
        try:
            first = _client(self._options | {"database": "default"})
            first.command(f"CREATE DATABASE IF NOT EXISTS {quoted(self.database)}")
            first.close()
            return _client(self._options)
        except ClickHouseError as error:
            raise StoreError(self._explained(error)) from error

    def _explained(self, error: ClickHouseError) -> str:
        """Return the engine's sentence; where another spoke, say who was asked."""
        text = str(error)
        if code_of(text) != CODE_UNKNOWN:
            return text[text.index("Code: ") :]
        return (
            f"warehouse {self._shown}: no answer of a ClickHouse server ({text.strip()}); is the "
            "engine running, and are address, user and password right?"
        )


def open_server(url: str) -> ServerWarehouse:
    """Return a warehouse by URL ``http[s]://user:password@host:port/database``.

    Nothing is connected until the first call.

    Raises
    ------
    SettingsError
        The URL is not of that form.
    """
    return ServerWarehouse(url)


def _client(options: dict[str, Any]) -> Any:
    return clickhouse_connect.get_client(
        **options,
        autogenerate_session_id=False,
        connect_timeout=_CONNECT_S_MAX,
        send_receive_timeout=_ANSWER_S_MAX,
        query_retries=0,  # a repeated INSERT could store rows twice; whoever asks decides
        compress=False,  # both ends are mostly on one machine
    )


def _options(url: str) -> dict[str, Any]:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise SettingsError(
            f"clickhouse url {_without_password(url)!r} was found; allowed is "
            "http[s]://user:password@host:port/database"
        )
    return {
        "interface": parts.scheme,
        "host": parts.hostname,
        "port": parts.port or (8443 if parts.scheme == "https" else 8123),
        "username": unquote(parts.username or "default"),
        "password": unquote(parts.password or ""),
        "database": parts.path.strip("/") or "millbrain",
    }


def _without_password(url: str) -> str:
    before, _, after = url.rpartition("@")
    scheme, _, login = before.partition("://")
    return f"{scheme}://{login.partition(':')[0]}@{after}" if before else url


def _ipc(batch: pa.RecordBatch) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return sink.getvalue().to_pybytes()
