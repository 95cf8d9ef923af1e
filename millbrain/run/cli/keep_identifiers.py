"""The identifiers in a backup: a checkpoint of the store, made while the resolver runs or not."""

import shutil
import time
from pathlib import Path
from typing import Any, Final

import orjson
import urllib3

from millbrain.core import vouchers
from millbrain.core.errors import MillbrainError
from millbrain.core.vouchers import LIFE_S, Voucher
from millbrain.record import backup
from millbrain.record.identifiers import RocksIdentifiers, checkpoint_of
from millbrain.run import run_files
from millbrain.run.settings import LOOPBACK, Settings

NAME: Final = "identifiers"
_WAIT_S: Final = 60.0  # a checkpoint links files and writes what is in memory


def add_identifiers(settings: Settings, made: Path, key: str) -> None:
    """Add the store of the data folder to a backup folder; without a store nothing is added.

    Raises
    ------
    MillbrainError
        The running resolver refused or does not answer, or the copy failed.
    """
    if not (settings.data / NAME / "CURRENT").is_file():
        return
    copy = _checkpoint(settings, key)

    def write(to: Path) -> None:
        shutil.copytree(copy, to, dirs_exist_ok=True)

    try:
        backup.add(made, NAME, write)
    finally:
        shutil.rmtree(copy, ignore_errors=True)


def check_identifiers_absent(settings: Settings) -> None:
    """Raise a MillbrainError where a restore would meet a store that is there."""
    if run_files.read(settings.run_file("resolver")):
        raise MillbrainError(f"the resolver runs on {settings.data}; stop it before a restore")
    place = settings.data / NAME
    if place.exists() and any(place.iterdir()):
        raise MillbrainError(
            f"{place} holds identifiers; restore into an empty data folder. Nothing was changed"
        )


def restore_identifiers(settings: Settings, folder: Path) -> None:
    """Put the identifiers of a backup, which has been verified, into the data folder."""
    source = backup.part(folder, NAME)
    if source is None:
        return
    partial, place = settings.data / f"{NAME}.partial", settings.data / NAME
    shutil.rmtree(partial, ignore_errors=True)
    shutil.copytree(source, partial)
    store = RocksIdentifiers(partial)  # it opens, or the restore says why not
    store.close()
    if place.exists():
        place.rmdir()
    partial.rename(place)


def _checkpoint(settings: Settings, key: str) -> Path:
    """Return a copy of the store beside it."""
    running = run_files.read(settings.run_file("resolver"))
    if running:
        return Path(_asked(running["ports"]["desk"], key))
    store = RocksIdentifiers(settings.data / NAME)
    try:
        return checkpoint_of(store)
    finally:
        store.close()


def _asked(port: int, key: str) -> Any:
    voucher = Voucher("backup", True, "", "", int(time.time()) + LIFE_S)
    url = f"http://{LOOPBACK}:{port}/desk/checkpoint"
    headers = {"Authorization": vouchers.write(voucher, key)}
    try:
        answer = urllib3.request("POST", url, headers=headers, retries=False, timeout=_WAIT_S)
    except urllib3.exceptions.HTTPError as error:
        raise MillbrainError(f"the resolver does not answer: {error}") from error
    told = orjson.loads(answer.data)
    if answer.status != 200:
        raise MillbrainError(f"the resolver made no copy of its store: {told.get('error')}")
    return told
