"""A small machining cell of the demonstration: stations, recipes, and parts with records.

All of it is data of the pack (``cell.toml``) and simulated. It is written once; what an operator
changed since stays.
"""

import time
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from millbrain.core.keys import handle_key
from millbrain.core.records import Value, store_form
from millbrain.core.registry import Asker
from millbrain.core.scans.commands import Setting
from millbrain.core.scans.recipes import Job, Recipe, Station
from millbrain.record.identifiers.store import Record
from millbrain.record.ledger import Ledger
from millbrain.run.demo.things import administrator
from millbrain.run.packs import FOLDER
from millbrain.run.resolver import open_registry
from millbrain.run.settings import Settings

_WHO: Final = "demonstration"
_ACCOUNT: Final = "admin"  # of a first run; everybody else gets qualifications from it
_UNTIL: Final = "2099-12-31"


def fill_cell(settings: Settings, port: int) -> int:
    """Write the cell unless there are stations; return how many parts have a record.

    port: of the simulated controllers. The resolver must not be running.
    """
    path = FOLDER / settings.demo.pack / "cell.toml"
    if not path.is_file():
        return 0
    told = tomllib.loads(path.read_text("utf-8"))
    ledger = Ledger(settings.ledger_url)
    try:
        if ledger.recipes.stations():
            return 0
        ledger.recipes.put_recipes([_recipe(one) for one in told["recipe"]], _WHO)
        for one in told["recipe"]:
            if one.get("qualification"):
                ledger.recipes.put_qualification(_ACCOUNT, one["qualification"], _UNTIL)
        store, registry = open_registry(settings)
        try:
            count = registry.load(_parts(told), Asker(None, _WHO, ""), path.name)
        finally:
            registry.close()
            store.close()
        for one in told["station"]:  # last: they say that all of it is there
            ledger.recipes.put_station(_station(one, port))
        return count
    finally:
        ledger.close()


def _station(told: Mapping[str, Any], port: int) -> Station:
    job = dict(told.get("job", {}))
    job["lots"] = tuple(job.get("lots", ()))
    return Station(
        told["name"], told["title"], told["title_zh"], f"127.0.0.1:{port}", told["tool_set"],
        told.get("tool_life"), Job(**job), is_simulated=True,
    )  # fmt: skip


def _recipe(told: Mapping[str, Any]) -> Recipe:
    settings: Sequence[Sequence[Any]] = told["settings"]
    kept = tuple(Setting(name, v if isinstance(v, str) else float(v), unit)
                 for name, v, unit in settings)  # fmt: skip
    return Recipe(**{n: v for n, v in told.items() if n != "settings"}, settings=kept)


def _parts(told: Mapping[str, Any]) -> Iterator[Record]:
    prefix, at_s = told["parts"]["prefix"], int(time.time())
    for one in told["part"]:
        values = [Value(n, kind, text.encode(), timestamp_s=at_s)
                  for n, (kind, text) in enumerate(one["values"].items(), 1)]  # fmt: skip
        form = store_form((*values, administrator(prefix)))
        yield from ((handle_key(f"{prefix}/{serial}"), form) for serial in one["serials"])
