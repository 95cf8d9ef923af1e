"""A simulated city: its models, uses and districts, and who each vehicle is.

Every vehicle is invented: its VIN begins with ``0SM``, a maker code that no country has given out,
and its plate, model and operator say so too. `City` splits the fleet into cohorts of at most 2,048
vehicles of one model, small enough to stay in the processor's cache; `cohort` moves them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from millbrain.core.columns import Columns

WMI: Final = "0SM"
VEHICLES_MAX: Final = 800_000
OPERATORS: Final = 40


@dataclass(frozen=True, slots=True)
class Use:
    """How a class of vehicles is used.

    driving: share on the road at each full hour, shape (24,), Beijing time. trip_s: mean length
    of a trip. plug_soc, full_soc: mean state of charge [%] at which charging starts and ends.
    plug_wait_s: mean wait between parking with a low battery and charging. fast_share: share of
    charges at a fast charger.
    """

    key: str
    driving: tuple[float, ...]
    trip_s: float
    cruise_kmh: float
    plug_soc: float
    plug_wait_s: float
    full_soc: float
    fast_share: float


@dataclass(frozen=True, slots=True)
class Model:
    """One vehicle model. cells and probes are those of one pack; packs are in parallel."""

    letter: str
    name: str
    use: str
    share: float
    edition: int
    chemistry: str
    cells: int
    probes: int
    capacity_ah: float
    cell_mohm: float
    mass_kg: float
    drag_m2: float
    fast_kw: float
    slow_kw: float
    motor_kw: float
    packs: int = 1
    motors: int = 1
    cell_step_mv: int = 1


@dataclass(frozen=True, slots=True)
class Weak:
    """One vehicle, or several of one model, with something wrong for weeks.

    kind: self-discharge, capacity, resistance, connection, sensor, insulation or soc-jump. model,
    vehicle: the so manyth of that model, from 0. vehicles: so many from that one on have it, each
    `days_apart` later than the one before. pack, cell: from 1. days: how long before the history
    ends it began. severity: on that day, growing by growth_per_day up to severity_max: charge or
    capacity that the cell lacks [%], excess resistance [mOhm], offset [mV], decades of insulation,
    jump of the SOC that is reported while charging [%].
    """

    kind: str
    model: str
    vehicle: int
    days: float
    severity: float
    growth_per_day: float
    severity_max: float
    cell: int = 1
    pack: int = 1
    vehicles: int = 1
    days_apart: float = 0.0


WEAK_KINDS: Final = frozenset(
    ("self-discharge", "capacity", "resistance", "connection", "sensor", "insulation", "soc-jump")
)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a city is made of: models, uses, districts as (code, longitude, latitude, weight)."""

    models: tuple[Model, ...]
    uses: Mapping[str, Use]
    regions: tuple[tuple[str, float, float, float], ...]
    weak: tuple[Weak, ...] = ()


STANDARD_PLAN: Final = Plan(
    (Model("S", "Model S 144s NCM bench (simulated)", "taxi", 1.0, 2016, "NCM", 144, 72, 320.0, 0.4,
           13_500.0, 4.6, 150.0, 60.0, 200.0, motors=0),),
    {"taxi": Use("taxi", (0.6,) * 24, 3000.0, 31.0, 31.0, 900.0, 94.0, 0.9)},
    (("500103", 106.57, 29.55, 1.0),),
)  # fmt: skip
"""The layout that benchmarks use: 464-byte frames, edition 2016, 144 cells, 72 probes."""


def plan_from(regions: Mapping[str, Any], fleet: Mapping[str, Any]) -> Plan:
    """Read a pack's regions and fleet tables.

    Raises
    ------
    KeyError, TypeError
        A key is missing or unknown; the message names it.
    """
    weights = fleet["groups"]
    rows = regions["region"]
    sizes = {group: sum(r["group"] == group for r in rows) for group in weights}
    places = tuple(
        (r["code"], float(r["lon"]), float(r["lat"]), weights[r["group"]] / sizes[r["group"]])
        for r in rows
    )
    uses = {u["key"]: Use(**{**u, "driving": tuple(u["driving"])}) for u in fleet["use"]}
    models = tuple(Model(**m) for m in fleet["model"])
    weak = tuple(Weak(**w) for w in fleet.get("weak", ()))
    for one in weak:
        _check_weak(one, models)
    return Plan(models, uses, places, weak)


def _check_weak(one: Weak, models: Sequence[Model]) -> None:
    model = next((m for m in models if m.letter == one.model), None)
    if model is None or one.kind not in WEAK_KINDS:
        raise KeyError(f"weak vehicle of model {one.model!r}, kind {one.kind!r}")
    if not (1 <= one.cell < model.cells and 1 <= one.pack <= model.packs):
        raise KeyError(f"weak cell {one.cell} of pack {one.pack} of model {one.model!r}")


def register(model: Model, serials: NDArray[np.int64]) -> Columns:
    """Return vehicles as rows of the register of things.

    vin, plate, model, operator, simulated, rated_capacity_ah (of all packs).
    """
    n = len(serials)
    operators = [f"运营单位 {i + 1:02d}（仿真）".encode() for i in range(OPERATORS)]
    return Columns(n, {
        "vin": vins(model.letter, serials).view("S17")[:, 0],
        "plate": np.array([plate(int(s)).encode() for s in serials], object),
        "model": np.array([model.name.encode()] * n, object),
        "operator": np.array([operators[int(s) * 7 % OPERATORS] for s in serials], object),
        "simulated": np.ones(n, np.uint8),
        "rated_capacity_ah": np.full(n, model.capacity_ah * model.packs),
    })  # fmt: skip


def plate(serial: int) -> str:
    """Return an invented plate in the form of a Chongqing new-energy plate, marked simulated.

    >>> plate(0)
    '渝A·D10007（仿真）'
    """
    number = (serial * 7919 + 10_007) % 100_000
    block = serial // 100_000
    return f"渝{'ABCDFGH'[block % 7]}·{'DF'[block // 7 % 2]}{number:05d}（仿真）"


def vins(letter: str, serials: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Return VINs with a correct check digit (GB 16735-2019 annex A), uint8 of shape (n, 17).

    serials: 0 to 999,999, the last six characters.
    """
    text = np.frombuffer(f"{WMI}SM{letter}000S1000000".encode(), np.uint8)
    grid = np.repeat(text[None, :], len(serials), axis=0)
    for k in range(6):
        grid[:, 16 - k] = 48 + serials // 10**k % 10
    weights = np.array((8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2), np.int64)
    rest = (_VIN_VALUES[grid] * weights).sum(1) % 11
    grid[:, 8] = np.where(rest == 10, ord("X"), 48 + rest)
    return grid


def _vin_values() -> NDArray[np.int64]:
    values = np.zeros(256, np.int64)
    letters = "ABCDEFGHJKLMNPRSTUVWXYZ"
    for c, v in zip(letters, (*range(1, 9), *range(1, 6), 7, 9, *range(2, 10)), strict=True):
        values[ord(c)] = v
    values[48:58] = range(10)
    return values


_VIN_VALUES: Final = _vin_values()


def shares(models: Sequence[Model], vehicles: int) -> list[int]:
    """Split the fleet by the models' shares; whole vehicles, none lost."""
    edges = np.cumsum([m.share for m in models])
    cuts = np.rint(edges / edges[-1] * vehicles).astype(int)
    return [int(c) for c in np.diff(cuts, prepend=0)]
