"""The driver: a watcher for each connection."""

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

from millbrain.connect.files.folder import Folder, Result
from millbrain.connect.files.options import read_options
from millbrain.connect.files.receipts import Receipts
from millbrain.connect.files.sentences import told
from millbrain.core.errors import LinkError, MillbrainError, RefusedError, SettingsError
from millbrain.core.plant.tags import Connection, ConnectionState, Found, Phase, Tag
from millbrain.core.rooms import Wiring
from millbrain.hands.links import Links

log = logging.getLogger(__name__)

LOOK_S: Final = 1.0  # pause between two looks into a folder
RETRY_S: Final = 10.0


class FilesSettings(Protocol):
    """The settings that the driver reads; `run.settings.FilesSettings` is one."""

    folders: list[Path]


def folder_of(connection: Connection, home: Path, allowed: Sequence[Path]) -> Path:
    """Return the folder that a connection means.

    Raises
    ------
    SettingsError
        It lies outside of what the settings allow: an operator names folders, not the whole disk.
    """
    given = connection.endpoint.strip() or connection.key
    path = (home / given).resolve()  # an absolute one stands for itself
    roots = [home.resolve(), *(root.resolve() for root in allowed)]
    if not any(path.is_relative_to(root) for root in roots):
        names = ", ".join(str(root) for root in roots)
        raise SettingsError(
            f"folder {given} is not allowed; folders below {names} are. The administrator adds "
            "others to the setting files.folders"
        )
    return path


class Watcher:
    """A started connection. Event loop only; files are read in threads."""

    def __init__(self, connection: Connection, folder: Folder, *, is_ours: bool) -> None:
        self.connection = connection
        self.folder = folder
        self._is_ours = is_ours
        self._phase = Phase.CONNECTING
        self._since_ms = _now_ms()
        self._why = ("", "")
        self._values = 0
        self._received_ms = 0
        self._task = asyncio.create_task(self._run())

    def state(self) -> ConnectionState:
        """Describe how it stands."""
        return ConnectionState(self.connection.key, self._phase, self._since_ms, *self._why,
                               self._values, self._received_ms)  # fmt: skip

    async def _run(self) -> None:
        if self._is_ours:
            await asyncio.to_thread(self.folder.path.mkdir, parents=True, exist_ok=True)
        while True:
            try:
                for path in await asyncio.to_thread(self.folder.ready, time.monotonic()):
                    self._stand(Phase.CONNECTED, self._why)
                    self._note(await asyncio.to_thread(self.folder.take, path))
                self._stand(Phase.CONNECTED, self._why)
                pause_s = LOOK_S
            except (OSError, MillbrainError) as e:
                said = f"{e}; looked for again in {RETRY_S:g} s"
                self._stand(Phase.FAILED, (said, f"无法读取文件夹：{e}；{RETRY_S:g} 秒后重试"))
                pause_s = RETRY_S
            await asyncio.sleep(pause_s)

    def _stand(self, phase: Phase, why: tuple[str, str]) -> None:
        if phase is not self._phase:
            self._since_ms = _now_ms()
            if phase is Phase.CONNECTED and self._phase is Phase.FAILED:
                why = ("", "")
            log.info("files %s: %s %s", self.connection.key, phase, why[0])
        self._phase, self._why = phase, why

    def _note(self, result: Result) -> None:
        if result.values:
            self._values += result.values
            self._received_ms = _now_ms()
        self._why = told(result)
        if any(self._why):
            log.warning("files %s: %s", self.connection.key, self._why[0])

    async def stop(self) -> None:
        """End the watching; a file that is being read is read again after the next start."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


class Files:
    """A started driver; see `core.rooms.RunningTags`."""

    def __init__(self, settings: FilesSettings, wiring: Wiring) -> None:
        self._settings = settings
        self._wiring = wiring
        self._watchers = Links("files", wiring.tags, self._begin)
        self._watchers.start()

    @property
    def port(self) -> int:
        """None: nothing listens."""
        return 0

    def links(self) -> Sequence[Mapping[str, Any]]:
        """Describe no link: a folder is none."""
        return []

    def states(self) -> Sequence[ConnectionState]:
        """Describe how every connection stands."""
        return self._watchers.states()

    async def command(self, thing: str, order: Mapping[str, Any]) -> Mapping[str, Any]:
        """Refuse: nobody answers in a folder."""
        raise RefusedError(f"{thing} is known by files alone; nothing can be written to it "
                           f"({order.get('do', 'order')!r} was asked)")  # fmt: skip

    async def browse(self, connection: str, node: str) -> Sequence[Found]:
        """Return the addresses that the files had so far, below their things."""
        watcher = self._watchers[connection]
        if watcher.state().phase is Phase.FAILED:
            raise LinkError(watcher.state().why)
        seen = dict(watcher.folder.seen)
        if not node:
            things = sorted({s.thing for s in seen.values()})
            return [Found(f"thing {thing}", thing, leaf=False) for thing in things]
        thing = node.removeprefix("thing ")
        return [
            Found(address, s.signal, node, value=s.value)
            for address, s in sorted(seen.items()) if s.thing == thing
        ]  # fmt: skip

    async def stop(self) -> None:
        """End all watchers."""
        await self._watchers.stop()

    async def _begin(self, connection: Connection, tags: Sequence[Tag]) -> Watcher:
        home, key = self._wiring.folder, connection.key
        options = read_options(connection)
        path = folder_of(connection, home, self._settings.folders)
        receipts = await asyncio.to_thread(Receipts, home / "receipts" / f"{key}.jsonl")
        known = {tag.address: tag for tag in tags}
        folder = Folder(key, path, options, known, self._wiring.sink, receipts)
        return Watcher(connection, folder, is_ours=path.is_relative_to(home.resolve()))


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


async def start(settings: FilesSettings, wiring: Wiring) -> Files:
    """Start the driver. Must be called in a running event loop."""
    return Files(settings, wiring)
