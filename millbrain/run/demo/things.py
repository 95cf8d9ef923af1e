"""The simulated vehicles of a city as things with identifiers: what each is made of."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from millbrain.connect.gbt32960.simulator.fleet import Model, Weak, shares
from millbrain.connect.gbt32960.simulator.weak import weak_serials
from millbrain.core.keys import handle_key
from millbrain.core.records import (
    ADMIN_READ,
    ADMIN_WRITE,
    Administrator,
    Reference,
    Value,
    store_form,
    write_administrator,
)
from millbrain.core.registry import ADMIN_TYPE, ALIAS_TYPE
from millbrain.core.templates import Template, to_values
from millbrain.record.identifiers.store import Record
from millbrain.run.play import city_register, read_plan

VEHICLES, PACKS, CELLS, LOTS = "88.999.1", "88.999.2", "88.999.3", "88.999.4"
MODULES_A_PACK: Final = 8
SERIAL_DIGITS: Final = 6  # at the end of a simulated VIN
BAD_LOT: Final = 7  # the cathode lot behind the cells that lose charge
_CHEMISTRY_CODES: Final = {"LFP": "B", "NCM": "E"}  # GB/T 34014-2017 table 2
_YEAR_CODES: Final = "ABCDEFGHJKLMNPRSTVWXY123456789"  # 2010 A, 2026 T; GB 16735-2019 table 2
_MONTH_CODES: Final = "123456789ABC"
_DAY_CODES: Final = "123456789ABCDEFGHJKLMNPRSTUVWXY"
_ALL_RIGHTS: Final = 0xFFF
_ADMIN_INDEX, _ALIAS_INDEX = 100, 200


@dataclass(frozen=True, slots=True)
class Car:
    """A simulated vehicle with its pack. serial: its number in the city. weak: what is wrong."""

    serial: int
    vin: str
    plate: str
    operator: str
    model: Model
    made_at: datetime
    weak: Weak | None

    @property
    def handle(self) -> str:
        """Its identifier."""
        return f"{VEHICLES}/{self.vin}"

    @property
    def pack_code(self) -> str:
        """Code of its pack (GB/T 34014-2017)."""
        return self._code("P", self.made_at - timedelta(days=3), self.serial)

    @property
    def pack_handle(self) -> str:
        """Identifier of its pack."""
        return f"{PACKS}/{self.pack_code}"

    def module_code(self, number: int) -> str:
        """Return the code of a module, from 0."""
        serial = self.serial * MODULES_A_PACK + number
        return self._code("M", self.made_at - timedelta(days=5), serial)

    def cell_code(self, number: int) -> str:
        """Return the code of a cell, from 0."""
        return self._code("C", self.made_at - timedelta(days=20), self.serial * 200 + number)

    def _code(self, kind: str, made_at: datetime, serial: int) -> str:
        day = (
            _YEAR_CODES[(made_at.year - 2010) % 30]
            + _MONTH_CODES[made_at.month - 1]
            + _DAY_CODES[made_at.day - 1]
        )
        chemistry = _CHEMISTRY_CODES[self.model.chemistry]
        return f"0SM{kind}{chemistry}01SIM0000{day}{serial:07d}"


def cars(pack: str, vehicles: int, now: datetime) -> Iterator[Car]:
    """Yield every vehicle of a city."""
    plan = read_plan(pack)
    weak = weak_serials(plan.models, plan.weak, vehicles)
    models = [m for m, n in zip(plan.models, shares(plan.models, vehicles), strict=True)
              for _ in range(n)]  # fmt: skip
    for part in city_register(pack, vehicles):
        rows = zip(*map(part.array, ("vin", "plate", "operator")), strict=True)
        for vin, plate, operator in rows:
            serial = int(vin[-SERIAL_DIGITS:])
            made_at = now - timedelta(days=60 + serial * 37 % 300)
            yield Car(serial, vin.decode(), plate.decode(), operator.decode(), models[serial],
                      made_at, weak.get(serial))  # fmt: skip


class Recorder:
    """Makes the records of things.

    Parameters
    ----------
    templates
        By the last word of their handles.
    at_s
        When the values were entered [Unix s].
    """

    def __init__(self, templates: Mapping[str, Template], at_s: int) -> None:
        self._templates = templates
        self._at_s = at_s

    def car(self, car: Car) -> Iterator[Record]:
        """Yield the records of a vehicle and of its pack."""
        model = car.model
        price = 60_000 + round(model.capacity_ah * model.cells * 1.9, -2)
        yield self._record(car.handle, "VEHICLE", f"vin:{car.vin}", {
            "model": model.name, "chemistry": model.chemistry, "pack": car.pack_handle,
            "mass": model.mass_kg, "made_on": f"{car.made_at:%Y-%m-%d}", "price": price,
            "buyer": car.operator, "plate": car.plate, "motor_power": model.motor_kw,
        })  # fmt: skip
        yield self._record(car.pack_handle, "PACK", f"bat:{car.pack_code}", {
            "chemistry": model.chemistry, "capacity": model.capacity_ah, "cells": model.cells,
            "installed_in": car.handle, "made_on": f"{car.made_at - timedelta(days=3):%Y-%m-%d}",
            "end_of_line_resistance": round(model.cells * model.cell_mohm, 1),
        })  # fmt: skip

    def cells(self, car: Car, lot: str) -> Iterator[Record]:
        """Yield the records of the cells of a vehicle whose making is told."""
        for number in range(car.model.cells):
            code = car.cell_code(number)
            capacity = car.model.capacity_ah * (1 + (number * 7919 % 100 - 50) / 5_000)
            told = {
                "chemistry": car.model.chemistry, "lot": lot, "capacity": round(capacity, 2),
            }  # fmt: skip
            yield self._record(f"{CELLS}/{code}", "CELL", f"bat:{code}", told)

    def lot(self, handle: str, material: str, mass_kg: float) -> Record:
        """Return the record of a lot of material."""
        return self._record(handle, "LOT", "", {"material": material, "mass": mass_kg})

    def _record(self, handle: str, template: str, alias: str, told: Mapping[str, Any]) -> Record:
        content = {**told, "simulated": True}
        values, problems = to_values(self._templates[template], content)
        assert not problems, problems  # of declarations that stand beside this module
        named = (Value(_ALIAS_INDEX, ALIAS_TYPE, alias.encode()),) if alias else ()
        made = (*values, *named, administrator(handle.partition("/")[0]))
        stamped = (replace(v, timestamp_s=self._at_s) for v in made)
        return handle_key(handle), store_form(stamped)


def administrator(prefix: str) -> Value:
    """Return the value that lets the holder of a prefix administer a record."""
    who = Reference(f"{prefix}/ADMIN", 300)
    data = write_administrator(Administrator(_ALL_RIGHTS, who))
    return Value(_ADMIN_INDEX, ADMIN_TYPE, data, permissions=ADMIN_READ | ADMIN_WRITE)
