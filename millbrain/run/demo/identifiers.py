"""Fills a fresh store with the demonstration's identifiers, before the resolver takes it over.

Prefixes, organisations and templates are data of the pack (``identifiers.toml``); vehicles are
those of the simulated city. It is done once; a fill that was cut off is done again from its
beginning, to the same records.
"""

import asyncio
import logging
import time
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Final

from millbrain.core.keys import handle_key
from millbrain.core.nodes.grants import GRANT_TYPE, Grant, write_grant
from millbrain.core.records import ADMIN_READ, ADMIN_WRITE, Value, store_form
from millbrain.core.registry import Asker, Change, Verb
from millbrain.core.templates import Template, read_template, version_value
from millbrain.core.vouchers import Voucher
from millbrain.identify.epcis.document import read_event
from millbrain.identify.handle.codec import encode_data
from millbrain.identify.handle.face import site_of
from millbrain.identify.handle.sites import SITE_TYPE
from millbrain.identify.handle.upstream import place
from millbrain.record.identifiers import StoredRegistry
from millbrain.record.identifiers.store import Record
from millbrain.run.demo.genealogy import events, lots, roll
from millbrain.run.demo.things import (
    LOTS,
    PACKS,
    VEHICLES,
    Car,
    Recorder,
    administrator,
    cars,
)
from millbrain.run.packs import FOLDER
from millbrain.run.resolver import open_registry
from millbrain.run.settings import Settings

log = logging.getLogger(__name__)

WHO: Final = Asker(Voucher("demonstration", True, "", "", 0).identity, "demonstration", "")
_CELLS_OF: Final = 24  # vehicles whose cells have records of their own
_EVENTS_A_BATCH: Final = 50
_DONE: Final = f"{VEHICLES}/DEMONSTRATION"  # written last
_HIDDEN: Final = ADMIN_READ | ADMIN_WRITE


def fill(settings: Settings) -> int:
    """Write the demonstration's identifiers unless they are there; return how many records.

    The resolver must not be running: a store of identifiers has one owner.
    """
    path = FOLDER / settings.demo.pack / "identifiers.toml"
    if not path.is_file():
        return 0
    told = tomllib.loads(path.read_text("utf-8"))
    store, registry = open_registry(settings)
    try:
        if registry.get_many([handle_key(_DONE)])[0] is not None:
            return 0
        began = time.monotonic()
        count = asyncio.run(
            _filled(registry, told, settings, datetime.fromtimestamp(time.time(), tz=UTC))
        )
        log.info("%d identifiers of the demonstration in %.1f s", count, time.monotonic() - began)
        return count
    finally:
        registry.close()
        store.close()


async def _filled(
    registry: StoredRegistry, told: Mapping[str, Any], settings: Settings, now: datetime
) -> int:
    templates = _templates(told["template"])
    count = registry.load(_first(told, templates), WHO, "identifiers.toml")
    for one in told["prefix"]:
        await _prefix(registry, one)
    fleet = list(cars(settings.demo.pack, settings.demo.vehicles, now))
    known = {t.handle.rpartition("_")[2]: t for t in templates.values()}
    traced = _traced(fleet, settings.demo.history_vehicles)
    recorder = Recorder(known, int(now.timestamp()))
    count += registry.load(_things(fleet, traced, recorder), WHO, "demonstration city (simulated)")
    _tell(registry, events(traced, now), now)
    await _later(registry, fleet)
    end = Value(1, "NOTE", "All of this is simulated. 以上均为仿真数据。".encode())
    count += registry.load([(handle_key(_DONE), store_form((end, administrator(VEHICLES))))],
                           WHO, "demonstration city (simulated)")  # fmt: skip
    return count


# Prefixes and templates -------------------------------------------------------------------------


def _templates(told: Sequence[Mapping[str, Any]]) -> dict[str, Template]:
    found = {}
    for one in told:
        template = read_template(one["handle"], _versions(one))
        assert template is not None  # every one has a version
        found[one["handle"]] = template
    return found


def _versions(told: Mapping[str, Any]) -> list[Value]:
    return [version_value(n, version) for n, version in enumerate(told["version"], 1)]


def _first(told: Mapping[str, Any], templates: Mapping[str, Template]) -> Iterator[Record]:
    """Yield the records of prefixes that are served here, and of templates."""
    for handle in templates:
        (one,) = (t for t in told["template"] if t["handle"] == handle)
        prefix = handle.partition("/")[0]
        yield handle_key(handle), store_form((*_versions(one), administrator(prefix)))
    for one in told["prefix"]:
        if "home" in one["way"]:
            name = Value(1, "ORGANISATION", one["organisation"].encode())
            yield (handle_key(f"0.NA/{one['prefix']}"),
                   store_form((name, administrator(one["prefix"]))))  # fmt: skip


async def _prefix(registry: StoredRegistry, told: Mapping[str, Any]) -> None:
    """Take the steps of one application, and do to the records what they do."""
    prefix, site = told["prefix"], told.get("site", "")
    known = {a.prefix for a in registry.prefixes.applications()}
    if prefix in known:
        return
    registry.prefixes.apply_for(
        WHO, prefix, organisation=told["organisation"], contact="demonstration (simulated)"
    )
    for action in told["way"]:
        texts = {"reason": told.get("reason", ""), "site": site}
        registry.prefixes.act(WHO, prefix, action, texts)
        if action == "home":
            await registry.make(Change(Verb.HOME, f"0.NA/{prefix}", WHO))
        elif action in ("route", "unhome"):
            await registry.make(_route(prefix, site, is_published=action == "route"))
    if "handles_max" in told or "prefixes_max" in told:
        registry.prefixes.limit(WHO, prefix, told.get("handles_max"), told.get("prefixes_max"))


def _route(prefix: str, site: str, *, is_published: bool) -> Change:
    record = f"0.NA/{prefix}"
    if not is_published:
        return Change(Verb.DELETE, record, WHO)
    where = place(site)
    data = encode_data(SITE_TYPE, site_of(where.host, where.port))
    return Change(Verb.CREATE, record, WHO, (Value(1, SITE_TYPE, data),), overwrite=True)


# Things and their making ------------------------------------------------------------------------


def _traced(fleet: Sequence[Car], count: int) -> list[Car]:
    """Return the vehicles whose making is told: the weak ones, and some of the others."""
    weak = [car for car in fleet if car.weak is not None]
    step = max(1, len(fleet) // max(1, count - len(weak)))
    others = [car for car in fleet[::step] if car.weak is None]
    return sorted((weak + others)[:count], key=lambda car: car.serial)


def _things(fleet: Sequence[Car], traced: Sequence[Car], recorder: Recorder) -> Iterator[Record]:
    for name, kind, mass_kg in lots():
        yield recorder.lot(name, kind, mass_kg)
    for name in dict.fromkeys(map(roll, traced)):
        yield recorder.lot(name, "electrode", 60.0)
    weak_first = sorted(traced, key=lambda car: car.weak is None)
    for car in weak_first[:_CELLS_OF]:
        yield from recorder.cells(car, roll(car))
    for car in fleet:
        yield from recorder.car(car)


def _tell(registry: StoredRegistry, told: Iterable[Mapping[str, Any]], now: datetime) -> None:
    """Capture events; an event that is there already is refused and stays as it is."""
    now_ms, rest, number = int(now.timestamp() * 1000), iter(told), 0
    while batch := list(islice(rest, _EVENTS_A_BATCH)):
        read = [read_event(event, {}, LOTS, now_ms, True) for event in batch]
        registry.events.add(read, (f"demonstration-{number}", b"{}"))
        number += 1


async def _later(registry: StoredRegistry, fleet: Sequence[Car]) -> None:
    """Change some records afterwards, so that they have a past, and let others read a field."""
    for car in fleet[:: max(1, len(fleet) // 40)]:
        weighed = Value(2003, "mass", str(car.model.mass_kg + 12).encode())
        await registry.make(Change(Verb.MODIFY, car.handle, WHO, (weighed,)))
        grant = Grant(Voucher("north", False, "", "", 0).identity, ("price",), by=WHO.identity)
        value = Value(300, GRANT_TYPE, write_grant(grant), permissions=_HIDDEN)
        await registry.make(Change(Verb.ADD, car.handle, WHO, (value,)))
        resistance = Value(2005, "end_of_line_resistance", b"61.2", permissions=_HIDDEN)
        await registry.make(Change(Verb.MODIFY, f"{PACKS}/{car.pack_code}", WHO, (resistance,)))
