"""How some of the simulated vehicles were made, as EPCIS events: eight levels from salt to car.

Nickel salt -> precursor -> cathode powder -> electrode roll -> cells -> modules -> pack -> vehicle.
Of each twelfth pack a module was replaced later. The cells that lose charge in the demonstration
come from one lot of cathode powder, so that a recall of it finds them.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from millbrain.run.demo.things import BAD_LOT, CELLS, LOTS, MODULES_A_PACK, PACKS, VEHICLES, Car

LOTS_OF_CATHODE: Final = 12
_ROLLS_A_LOT: Final = 20
_BAD: Final = ("self-discharge", "capacity")
_REPLACED_EVERY: Final = 12
_CBV: Final = "https://ref.gs1.org/cbv/BizStep-"


def cathode_lot(car: Car) -> int:
    """Return the number of the lot of cathode powder in a vehicle's cells."""
    if car.weak is not None and car.weak.kind in _BAD:
        return BAD_LOT
    return car.serial % LOTS_OF_CATHODE


def roll(car: Car) -> str:
    """Return the electrode roll of a vehicle's cells."""
    return f"{CELLS}/ROLL-{cathode_lot(car):02d}-{car.serial % _ROLLS_A_LOT:02d}"


def lots() -> Iterator[tuple[str, str, float]]:
    """Yield the lots of material: identifier, kind, mass [kg]."""
    for n in range(LOTS_OF_CATHODE):
        yield f"{LOTS}/CATHODE-{n:02d}", "cathode", 800.0
    for n in range(LOTS_OF_CATHODE // 4):
        yield f"{LOTS}/PRECURSOR-{n:02d}", "precursor", 3_600.0


def events(made: Sequence[Car], now: datetime) -> Iterator[dict[str, Any]]:
    """Yield the events of these vehicles, in order of their making."""
    start = now - timedelta(days=420)
    for n in range(LOTS_OF_CATHODE // 4):
        yield _made((f"{LOTS}/SALT-00",), (f"{LOTS}/PRECURSOR-{n:02d}",), start, LOTS)
    for n in range(LOTS_OF_CATHODE):
        source = f"{LOTS}/PRECURSOR-{n // 4:02d}"
        yield _made((source,), (f"{LOTS}/CATHODE-{n:02d}",), start + timedelta(days=4), LOTS)
    rolls = dict.fromkeys((roll(car), cathode_lot(car)) for car in made)
    for name, lot in rolls:
        yield _made((f"{LOTS}/CATHODE-{lot:02d}",), (name,), start + timedelta(days=8), CELLS)
    for car in made:
        yield from _of_car(car, now)


def _of_car(car: Car, now: datetime) -> Iterator[dict[str, Any]]:
    cells = [f"bat:{car.cell_code(n)}" for n in range(car.model.cells)]
    modules = [f"bat:{car.module_code(n)}" for n in range(MODULES_A_PACK)]
    pack, at = f"bat:{car.pack_code}", car.made_at
    yield _made((roll(car),), cells, at - timedelta(days=20), CELLS)
    for n, module in enumerate(modules):
        yield _joined(module, cells[n::MODULES_A_PACK], at - timedelta(days=5), PACKS)
    yield _joined(pack, modules, at - timedelta(days=3), PACKS)
    yield _joined(f"vin:{car.vin}", [pack], at, VEHICLES)
    if car.serial % _REPLACED_EVERY == 0:
        spare = f"bat:{car.module_code(0)[:-7]}{9_000_000 + car.serial:07d}"
        repaired = max(at + timedelta(days=30), now - timedelta(days=21))
        yield _joined(pack, [modules[0]], repaired, PACKS, "DELETE")
        yield _joined(pack, [spare], repaired + timedelta(hours=1), PACKS)


def _made(inputs: Iterable[str], outputs: Iterable[str], at: datetime, who: str) -> dict[str, Any]:
    return {
        "type": "TransformationEvent", **_when(at), "inputEPCList": _uris(inputs),
        "outputEPCList": _uris(outputs), "bizStep": f"{_CBV}commissioning", **_where(who),
    }  # fmt: skip


def _joined(
    parent: str, children: Iterable[str], at: datetime, who: str, action: str = "ADD"
) -> dict[str, Any]:
    step = "assembling" if action == "ADD" else "disassembling"
    return {
        "type": "AggregationEvent", **_when(at), "action": action, "parentID": _uris([parent])[0],
        "childEPCs": _uris(children), "bizStep": _CBV + step, **_where(who),
    }  # fmt: skip


def _when(at: datetime) -> dict[str, str]:
    return {"eventTime": at.isoformat(timespec="seconds"), "eventTimeZoneOffset": "+08:00"}


def _where(prefix: str) -> dict[str, Any]:
    return {
        "readPoint": {"id": f"hdl:{prefix}/PLANT"},
        "bizLocation": {"id": f"hdl:{prefix}/PLANT"},
    }


def _uris(names: Iterable[str]) -> list[str]:
    return [name if ":" in name else f"hdl:{name}" for name in names]
