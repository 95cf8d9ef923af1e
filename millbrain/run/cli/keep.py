"""`millbrain backup` and `restore`, on running processes or on the stores of stopped ones.

The identifiers are copied as a checkpoint, which the resolver makes while it runs, and added to the
folder that the engine made.
"""

from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress

from millbrain.core.errors import MillbrainError
from millbrain.record import backup
from millbrain.record.warehouse import open_embedded, open_server
from millbrain.run import run_files
from millbrain.run.cli.keep_identifiers import (
    add_identifiers,
    check_identifiers_absent,
    restore_identifiers,
)
from millbrain.run.settings import Settings, prepare_data_folder
from millbrain.run.web import engine_url
from millbrain.show.engine_client import EngineClient


def back_up(settings: Settings, folder: Path, err: Console) -> Path:
    """Make a dated backup folder under `folder` and return it; running processes help."""
    folder.mkdir(parents=True, exist_ok=True)
    key = prepare_data_folder(settings)
    made = _back_up(settings, folder, key, err)
    with err.status("identifiers ..."):
        add_identifiers(settings, made, key)
    return made


def _back_up(settings: Settings, folder: Path, key: str, err: Console) -> Path:
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
        The engine or the resolver runs, the folder holds data, or the backup is not whole.
    """
    if run_files.read(settings.run_file("engine")):
        raise MillbrainError(f"the engine runs on {settings.data}; stop it before a restore")
    if not (folder / "manifest.json").is_file():
        raise MillbrainError(
            f"{folder} is no backup, since it has no manifest.json; give the dated folder that "
            "`millbrain backup` printed. Nothing was changed"
        )
    check_identifiers_absent(settings)
    prepare_data_folder(settings)
    url = settings.clickhouse.url
    warehouse = open_server(url) if url else open_embedded(settings.data / "warehouse")
    try:
        with Progress(console=err) as progress:
            backup.restore(warehouse, settings.ledger_url, folder, _bar(progress, "restore"))
        restore_identifiers(settings, folder)
    finally:
        warehouse.close()


def _bar(progress: Progress, title: str) -> Any:
    task = progress.add_task(title, total=1.0)

    def step(done: float, what: str) -> None:
        progress.update(task, completed=done, description=f"{title}: {what}")

    return step
