"""`millbrain analyse`: an app's results recomputed from the warehouse, on many processors.

The work is cut into shards of vehicles. A shard is recomputed by a pure function of the app's room
over the warehouse's URL, here in processes of our own, or on a Ray cluster where the setting
``analyse.ray`` names one; the rows are the same. On a cluster the URL must be reachable from its
machines, and millbrain installed there.
"""

import importlib
import inspect
import multiprocessing
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from millbrain.core.errors import NotFoundError, SettingsError
from millbrain.core.plant.plant import Plant
from millbrain.core.times import BEIJING, utc_from_epoch
from millbrain.record.ledger import Ledger
from millbrain.record.warehouse import Warehouse, open_server
from millbrain.run.apps import parameters_of
from millbrain.run.discovery import apps
from millbrain.run.plant.load import PlantBook
from millbrain.run.settings import Settings, prepare_data_folder
from millbrain.run.web import engine_url
from millbrain.show.engine_client import EngineClient

EPOCH: Final = date(1970, 1, 1)
RAY_AHEAD: Final = 4  # shards handed to a cluster for each processor that it has


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to recompute. since, until: days, Beijing time, both included; None = all there are.

    vins: empty = every vehicle. workers: processes, 0 = as the settings say.
    """

    app: str
    since: date | None = None
    until: date | None = None
    vins: tuple[str, ...] = ()
    workers: int = 0


@dataclass(slots=True)
class Tally:
    """What was done: vehicles, reports read, days and versions of findings written, time [s]."""

    vehicles: int = 0
    reports: int = 0
    days: int = 0
    findings: int = 0
    seconds: float = 0.0

    def add(self, done: Any) -> None:
        """Add what came of a shard."""
        self.vehicles += done.vehicles
        self.reports += done.reports
        self.days += done.days
        self.findings += done.findings


def backfill(settings: Settings, wanted: Wanted, err: Console) -> Tally:
    """Recompute and return what was done; progress is shown on `err`.

    Raises
    ------
    MillbrainError
        No engine runs, the app cannot be recomputed, or a shard failed.
    """
    began = time.monotonic()
    card = {card.key: card for card in apps()}.get(wanted.app)
    if card is None:
        known = ", ".join(card.key for card in apps())
        raise NotFoundError(f"there is no app {wanted.app!r}; these are: {known}")
    parameters = parameters_of(card, settings.analyse.rules.get(card.key, {}))
    url, client = _source(settings)
    try:
        plants = PlantBook(settings.analyse.plants)
        shards = _shards(_warehouse(url), wanted, client, parameters, _things(settings), plants)
    finally:
        if client:
            client.close()
    tally = Tally()
    with _bar(err) as progress:
        task = progress.add_task(f"analyse {wanted.app}", total=len(shards))
        for done in _worked(settings, wanted, url, shards):
            tally.add(done)
            progress.advance(task)
    tally.seconds = time.monotonic() - began
    return tally


def _bar(err: Console) -> Progress:
    columns = (*Progress.get_default_columns()[:2], MofNCompleteColumn(),
               TextColumn("parts"), TimeRemainingColumn())  # fmt: skip
    return Progress(*columns, console=err)


def _source(settings: Settings) -> tuple[str, EngineClient | None]:
    """Return the warehouse's URL and the running engine, None where only a server is there."""
    key = prepare_data_folder(settings)
    try:
        engine = engine_url(settings, key)
    except SettingsError:
        if not settings.clickhouse.url:
            raise
        return settings.clickhouse.url, None
    return settings.clickhouse.url or engine, EngineClient(engine, key)


def _shards(
    warehouse: Warehouse, wanted: Wanted, client: EngineClient | None,
    parameters: Mapping[str, float], things: Mapping[str, Mapping[str, Any]],
    plants: Callable[[], Sequence[Plant]],
) -> Sequence[Any]:  # fmt: skip
    def settled() -> int:
        if client:
            return int(client.status()["intake"]["settled"])
        table = {a.key: a for a in apps()}[wanted.app].reads[0]
        return int(warehouse.query(f"SELECT max(batch) FROM {table}").column(0)[0].as_py())

    today = utc_from_epoch(time.time()).astimezone(BEIJING).date()
    since = (wanted.since or EPOCH) - EPOCH
    until = (wanted.until or today + timedelta(days=1)) - EPOCH  # a clock may be a day ahead
    divide = _room(wanted.app).shards
    more = {"plants": plants()} if "plants" in inspect.signature(divide).parameters else {}
    shards: Sequence[Any] = divide(
        warehouse, settled, wanted.vins, since.days, until.days, parameters, things, **more
    )
    return shards


def _things(settings: Settings) -> Mapping[str, Mapping[str, Any]]:
    """Return what the register says of vehicles."""
    ledger = Ledger(settings.ledger_url)
    try:
        return ledger.things.attributes()
    finally:
        ledger.close()


def _room(app: str) -> Any:
    try:
        return importlib.import_module(f"millbrain.analyse.{app}.backfill")
    except ModuleNotFoundError as error:
        raise NotFoundError(f"app {app!r} has nothing that is recomputed ({error})") from error


def _worked(settings: Settings, wanted: Wanted, url: str, shards: Sequence[Any]) -> Iterator[Any]:
    if settings.analyse.ray:
        return on_ray(settings.analyse.ray, wanted.app, url, shards)
    workers = wanted.workers or settings.analyse.workers or os.cpu_count() or 1
    if workers == 1 or len(shards) <= 1:
        return (work(wanted.app, url, shard) for shard in shards)
    return on_pool(min(workers, len(shards)), wanted.app, url, shards)


def work(app: str, url: str, shard: Any) -> Any:
    """Recompute one shard, in whatever process this is."""
    return _room(app).recompute(_warehouse(url), shard)


@lru_cache(maxsize=1)
def _warehouse(url: str) -> Warehouse:
    return open_server(url)


def on_pool(workers: int, app: str, url: str, shards: Iterable[Any]) -> Iterator[Any]:
    """Yield what came of each shard, from processes of our own, as they are done."""
    # Fresh processes: a copy of this one would share its sockets and its threads' locks.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        under_way = {pool.submit(work, app, url, shard) for shard in shards}
        try:
            while under_way:
                done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
                yield from (future.result() for future in done)
        finally:
            for future in under_way:
                future.cancel()


def on_ray(address: str, app: str, url: str, shards: Sequence[Any]) -> Iterator[Any]:
    """Yield what came of each shard, from a Ray cluster, as they are done.

    Raises
    ------
    SettingsError
        Ray is not installed here.
    """
    try:
        ray: Any = importlib.import_module("ray")
    except ModuleNotFoundError as error:
        raise SettingsError(
            f"analyse.ray is {address!r}, and Ray is not installed; install it with "
            "pip install 'millbrain[ray]', or leave analyse.ray empty to use processes here"
        ) from error
    is_ours = not ray.is_initialized()
    if is_ours:
        ray.init(address=address, log_to_driver=False, logging_level="warning")
    try:
        remote: Callable[..., Any] = ray.remote(work).remote
        most = RAY_AHEAD * max(1, int(ray.cluster_resources().get("CPU", 1)))
        waiting = list(reversed(shards))
        under_way: list[Any] = []
        while waiting or under_way:
            while waiting and len(under_way) < most:
                under_way.append(remote(app, url, waiting.pop()))
            done, under_way = ray.wait(under_way)
            yield from ray.get(done)
    finally:
        if is_ours:
            ray.shutdown()


def read_vins(text: str) -> tuple[str, ...]:
    """Return the vehicles of ``A,B`` or of a file ``@path`` with one a line.

    Raises
    ------
    NotFoundError
        The file does not exist.
    """
    if not text.startswith("@"):
        return tuple(v.strip() for v in text.split(",") if v.strip())
    path = Path(text[1:])
    if not path.is_file():
        raise NotFoundError(f"--vehicles {text}: {path} is not a file; one vehicle a line")
    return tuple(v.strip() for v in path.read_text("utf-8").splitlines() if v.strip())
