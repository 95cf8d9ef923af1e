"""`millbrain backup` and `restore`, on a running engine or on the stores of a stopped one."""

from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress

from millbrain.core.errors import MillbrainError
from millbrain.record import backup
from millbrain.record.warehouse import open_embedded, open_server
from millbrain.run import run_files
from millbrain.run.settings import Settings, prepare_data_folder
from millbrain.run.web import engine_url
from millbrain.show.engine_client import EngineClient


def back_up(settings: Settings, folder: Path, err: Console) -> Path:
    """Make a dated backup folder under `folder` and return it; a running engine does it itself."""
    folder.mkdir(parents=True, exist_ok=True)
    key = prepare_data_folder(settings)
    if run_files.read(settings.run_file("engine")):
        with err.status("the running engine writes the backup ..."):
            client = EngineClient(engine_url(settings, key), key)
            return Path(client.back_up(str(folder.absolute())))
    url = settings.clickhouse.url
    warehouse = open_server(url) if url else open_embedded(settings.data / "warehouse")
    try:
        with Progress(console=err) as progress:
            return Path(
                backup.back_up(warehouse, settings.ledger_url, folder, _bar(progress, "backup"))
            )
    finally:
        warehouse.close()


def restore(settings: Settings, folder: Path, err: Console) -> None:
    """Restore a backup into the data folder.

    Raises
    ------
    MillbrainError
        The engine runs, the folder holds data, or the backup is not whole.
    """
    if run_files.read(settings.run_file("engine")):
        raise MillbrainError(f"the engine runs on {settings.data}; stop it before a restore")
    if not (folder / "manifest.json").is_file():
        raise MillbrainError(
            f"{folder} is no backup, since it has no manifest.json; give the dated folder that "
            "`millbrain backup` printed. Nothing was changed"
        )
    prepare_data_folder(settings)
    url = settings.clickhouse.url
    warehouse = open_server(url) if url else open_embedded(settings.data / "warehouse")
    try:
        with Progress(console=err) as progress:
            backup.restore(warehouse, settings.ledger_url, folder, _bar(progress, "restore"))
    finally:
        warehouse.close()


def _bar(progress: Progress, title: str) -> Any:
    task = progress.add_task(title, total=1.0)

    def step(done: float, what: str) -> None:
        progress.update(task, completed=done, description=f"{title}: {what}")

    return step
