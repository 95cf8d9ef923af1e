"""A made fleet as rows of the room's tables, for pages: shaped like what the room writes.

Everything is drawn from the vehicle's own name, so a vehicle has the same rows in any company. The
figures are invented; they say how a page looks and how fast it is, nothing about batteries.
"""

import json
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from millbrain.analyse.battery import model
from millbrain.analyse.battery.tables import (
    BATTERY_CHARGE,
    BATTERY_DAY,
    BATTERY_EVENT,
    BATTERY_HEALTH,
    FLEET_SUSPICION,
)
from millbrain.core.columns import Columns, Ragged
from millbrain.core.facts import BLOCK_CELLS, VEHICLE_LATEST, VEHICLE_REPORT
from millbrain.core.findings import FINDING, Evidence, Finding, Severity, finding_columns
from millbrain.core.tables import Table, arrow_batch
from millbrain.record.warehouse import Warehouse

DAY_S = 86_400
CELLS = 96
FAULTS = (model.SELF_DISCHARGE, model.RESISTANCE, model.CONNECTION, model.SENSOR, model.CAPACITY,
          model.DEVIATION, model.INSULATION, model.THERMAL, model.HEAT)  # fmt: skip
TABLES = (BATTERY_DAY, BATTERY_CHARGE, BATTERY_HEALTH, BATTERY_EVENT, FLEET_SUSPICION, FINDING,
          VEHICLE_LATEST, VEHICLE_REPORT)  # fmt: skip
_FAMILIES = {
    "deviation": "herd", "score": "herd", "rest_mv": "herd", "drift": "trend", "lowest": "rank",
    "follows the current": "load", "level at rest": "rest", "mirror": "measurement",
    "measured": "measured", "own alarm": "vehicle", "hot at rest": "temperature",
}  # fmt: skip


@dataclass(frozen=True)
class Car:
    """One made vehicle. fault: a kind of finding, empty = healthy; is_over: it was."""

    vin: str
    operator: str
    model: str = "EV-1"
    region: str = "500112"
    fault: str = ""
    is_over: bool = False

    @property
    def random(self) -> np.random.Generator:
        return np.random.default_rng(zlib.crc32(self.vin.encode()))

    @property
    def cell(self) -> int:
        return 1 + zlib.crc32(self.vin.encode()) % CELLS


def cars(count: int, operators: Sequence[str], regions: Sequence[str], every: int) -> list[Car]:
    """Return vehicles of all operators, models and regions; one in `every` has a fault."""
    models = ("EV-1", "EV-2", "E-Bus 12", "Metro 5", "轻卡 e3")
    return [
        Car(
            f"LNEVMADE{i % 10}N{i:07d}",
            operators[i % len(operators)],
            models[int(5 * (i * 0.618 % 1) ** 2)],
            regions[(i * 7) % len(regions)],
            FAULTS[(i // every) % len(FAULTS)] if i % every == 0 else "",
        )
        for i in range(count)
    ]


def company(operator: str) -> list[Car]:
    """Return the vehicles of one organisation: one of each fault, one that was hot, two healthy."""
    return [
        Car(f"LNEVKIT{operator[0]}00N{i:06d}", operator, "EV-1", "500112", fault, i == len(FAULTS))
        for i, fault in enumerate((*FAULTS, model.HEAT, "", ""))
    ]


def store_company(warehouse: Warehouse, operator: str, now_s: int) -> None:
    """Insert everything that the room knows of one organisation's vehicles."""
    store(warehouse, company(operator), now_s, days=4)


def given(name: str, operator: str) -> str:
    """Return a value for an argument that must be given, as somebody of `operator` would."""
    vin = company(operator)[0].vin
    return {"vin": vin, "kind": FAULTS[0], "model": "EV-1", "what": f"finding:{FAULTS[0]}"}[name]


def store(warehouse: Warehouse, fleet: Sequence[Car], now_s: int, days: int = 45) -> None:
    """Insert all rows of the vehicles; tables must exist."""
    for table, columns in rows(fleet, now_s, days):
        warehouse.insert(table, arrow_batch(table, columns))


def rows(fleet: Sequence[Car], now_s: int, days: int) -> Iterable[tuple[Table, Columns]]:
    """Yield batches, each within one partition (a month)."""
    first = (now_s + 8 * 3600) // DAY_S - days + 1
    for day in range(first, first + days):
        yield BATTERY_DAY, _days(fleet, day, first + days - 1 - day)
        if (first + days - 1 - day) % 7 == 0:
            yield BATTERY_HEALTH, _health(fleet, day)
            yield BATTERY_CHARGE, _charges(fleet, day)
    yield FLEET_SUSPICION, _suspicions(fleet, now_s)
    yield VEHICLE_REPORT, _reports([car for car in fleet if car.fault], now_s)
    yield BATTERY_EVENT, _events(fleet, now_s)
    yield FINDING, finding_columns(_findings(fleet, now_s), now_s * 1000)
    yield VEHICLE_LATEST, _latest(fleet, now_s)


def _text(values: Iterable[str]) -> Any:
    return np.array([v.encode() for v in values], object)


def _ragged(lists: np.ndarray[Any, Any]) -> Ragged:
    rows, width = lists.shape
    return Ragged(np.arange(0, rows * width + 1, width, dtype=np.int32), lists.reshape(-1))


def _days(fleet: Sequence[Car], day: int, ago: int) -> Columns:
    """One day: a herd within some millivolts, the faulty cell leaving it over forty days."""
    n = len(fleet)
    noise = np.random.default_rng(day).normal(0, 1, (n, CELLS))
    still = np.stack([car.random.normal(0, 2.5, CELLS) for car in fleet])
    off, load = still + noise, np.abs(noise) * 0.02
    rest = still + noise * 0.6
    grown = max(0.0, (40 - ago) / 40)
    for i, car in enumerate(fleet):
        cell = car.cell - 1
        if car.fault in (model.SELF_DISCHARGE, model.CAPACITY, model.DEVIATION):
            off[i, cell] -= 10 + 60 * grown
            rest[i, cell] -= 9 + 58 * grown
        elif car.fault in (model.RESISTANCE, model.CONNECTION):
            load[i, cell] += 0.4 + 0.8 * grown
            off[i, cell] -= 14 + 10 * grown
    hot = 38 + 4 * np.sin(day / 5) + np.array([c.random.normal(0, 4) for c in fleet])
    hot += np.array([9 * grown if c.fault == model.HEAT else 0 for c in fleet])
    if ago == 5:  # a day on which no resistance could be told
        load[:] = np.nan
    return Columns(n, {
        "vin": _text(c.vin for c in fleet), "pack_no": np.ones(n, np.uint8),
        "day": np.full(n, day, np.uint16), "cell_count": np.full(n, CELLS, np.uint16),
        "report_count": np.array([int(c.random.integers(8, 4000)) for c in fleet], np.uint32),
        "first_at": np.full(n, day * DAY_S, np.uint32),
        "last_at": np.full(n, day * DAY_S + 40_000, np.uint32),
        "spread_max_mv": np.abs(off).max(axis=1).astype(np.uint16),
        "temp_max_degc": hot.astype(np.int16),
        "consistency_pct": (100 - np.abs(off).max(axis=1) / 2).astype(np.float32),
        "alarm_level": np.zeros(n, np.uint8), "alarm_flags": np.zeros(n, np.uint32),
        "deviation_mv": _ragged(off.astype(np.float32)),
        "rest_mv": _ragged(rest.astype(np.float32)),
        "excess_mohm": _ragged(load.astype(np.float32)),
        "batch": np.ones(n, np.uint64),
        "as_of": np.full(n, (day * DAY_S + 20_000) * 1000, np.int64),
    })  # fmt: skip


def _health(fleet: Sequence[Car], day: int) -> Columns:
    n = len(fleet)
    base = np.array([c.random.normal(93, 4) for c in fleet])
    soh = base - (day % 100) * 0.01 + np.random.default_rng(day).normal(0, 0.4, n)
    return Columns(n, {
        "vin": _text(c.vin for c in fleet), "pack_no": np.ones(n, np.uint8),
        "day": np.full(n, day, np.uint16), "method": _text("charge" for _ in fleet),
        "capacity_ah": (soh * 1.5).astype(np.float32),
        "capacity_std_ah": np.full(n, 1.8, np.float32),
        "reference_ah": np.full(n, 150, np.float32), "reference": _text("rated" for _ in fleet),
        "soh_pct": soh.astype(np.float32), "soh_std_pct": np.full(n, 1.2, np.float32),
        "charge_count": np.full(n, 9, np.uint16),
        "as_of": np.full(n, (day * DAY_S + 20_000) * 1000, np.int64),
    })  # fmt: skip


def _charges(fleet: Sequence[Car], day: int) -> Columns:
    n = len(fleet)
    start = np.array([car.random.integers(10, 50) for car in fleet], np.uint8)
    end = np.array([car.random.integers(70, 100) for car in fleet], np.uint8)
    put = (end.astype(float) - start) * 1.4
    at = day * DAY_S + 12_000
    return Columns(n, {
        "vin": _text(c.vin for c in fleet), "pack_no": np.ones(n, np.uint8),
        "start_at": np.full(n, at, np.uint32), "end_at": np.full(n, at + 5_400, np.uint32),
        "soc_start_pct": start, "soc_end_pct": end, "charge_ah": put.astype(np.float32),
        "energy_kwh": (put * 0.35).astype(np.float32),
        "current_mean_a": (put / 1.5).astype(np.float32),
        "current_max_a": (put / 1.2).astype(np.float32),
        "temp_start_degc": np.full(n, 29, np.int16), "temp_max_degc": np.full(n, 38, np.int16),
        "capacity_ah": (put / (end.astype(float) - start) * 100).astype(np.float32),
        "capacity_std_ah": np.full(n, 3.1, np.float32),
        "report_count": np.full(n, 540, np.uint32), "gap_max_s": np.full(n, 30, np.uint32),
        "as_of": np.full(n, (at + 60) * 1000, np.int64),
    })  # fmt: skip


def _suspicions(fleet: Sequence[Car], now_s: int) -> Columns:
    """One suspicion of each cause about the model of the first car."""
    name = fleet[0].model
    own = sum(car.model == name for car in fleet)
    what = ("finding:self-discharge", "event:hot_charge", "alarm:11")
    items = [
        {"signal": "temperature", "value": "50 to 54 °C", "value_zh": "50~54 °C", "before_s": 120},
        {"signal": "current", "value": "charging at more than 1 C", "value_zh": "充电大于1C",
         "before_s": 40},
    ]  # fmt: skip
    pattern = json.dumps({"items": items, "share": 0.82, "share_others": 0.09, "p_value": 1e-6,
                          "events": 11, "controls": 300}).encode()  # fmt: skip
    n = len(what)
    return Columns(n, {
        "grouped_by": _text(["model"] * n), "group": _text([name] * n), "what": _text(what),
        "vehicles": np.full(n, own, np.uint32), "cases": np.array([9, 7, 4], np.uint32),
        "expected": np.array([2.1, 1.9, 1.2], np.float32),
        "limit_high": np.array([7.2, 6.4, 5.1], np.float32),
        "llr": np.array([6.3, 5.1, 3.2], np.float32), "llr_limit": np.full(n, 4.6, np.float32),
        "cause": _text(("design", "strategy", "open")),
        "pattern": np.array([b"", pattern, b""], object),
        "first_at": np.full(n, now_s - 30 * DAY_S, np.uint32),
        "last_at": np.full(n, now_s - DAY_S, np.uint32),
        "sentence": _text(f"9 of {own} vehicles of model {name} had it." for _ in what),
        "sentence_zh": _text(f"车型{name}共{own}辆车，其中9辆出现。" for _ in what),
        "is_open": np.array([1, 1, 0], np.uint8),
        "as_of": np.full(n, now_s * 1000, np.int64),
    })  # fmt: skip


def _reports(fleet: Sequence[Car], now_s: int) -> Columns:
    """The newest report of each, with its cells."""
    n = len(fleet)
    cells = np.stack([3_700 + car.random.normal(0, 2.5, CELLS) for car in fleet])
    for row, car in zip(cells, fleet, strict=True):
        row[car.cell - 1] -= 70
    return Columns(n, {
        "vin": _text(car.vin for car in fleet), "device_at": np.full(n, now_s - 10, np.uint32),
        "received_at": np.full(n, (now_s - 10) * 1000, np.int64),
        "link": _text("made" for _ in fleet), "batch": np.ones(n, np.uint64),
        "frame_count": np.ones(n, np.uint8), "edition": np.full(n, 2016, np.uint16),
        "blocks": np.full(n, 1 << BLOCK_CELLS, np.uint32),
        "cells_mv": _ragged(np.rint(cells).astype(np.uint16)),
    })  # fmt: skip


def _events(fleet: Sequence[Car], now_s: int) -> Columns:
    n = len(fleet)
    kinds = ("soc_jump", "dcdc_off", "hot_charge")
    return Columns(n, {
        "vin": _text(c.vin for c in fleet),
        "device_at": np.array([now_s - int(c.random.integers(0, 3_600)) for c in fleet], np.uint32),
        "kind": _text(kinds[c.cell % 3] for c in fleet),
        "value": np.array([c.random.uniform(5, 40) for c in fleet], np.float32),
        "soc_pct": np.full(n, 62, np.uint8), "temp_max_degc": np.full(n, 41, np.int16),
        "current_a": np.full(n, -80, np.float32), "speed_kmh": np.zeros(n, np.float32),
        "as_of": np.full(n, now_s * 1000, np.int64),
    })  # fmt: skip


def _findings(fleet: Sequence[Car], now_s: int) -> list[Finding]:
    return [_finding(car, now_s) for car in fleet if car.fault]


def _finding(car: Car, now_s: int) -> Finding:
    pieces, value, unit, limit = _figures(car.fault)
    since = now_s - int(car.random.integers(0, 40)) * DAY_S - 3_600
    is_cell = car.fault not in (model.INSULATION, model.THERMAL, model.HEAT)
    until = now_s - 600
    evidence = tuple(
        Evidence(n, _FAMILIES[n], v, t, u, since, until) for n, v, t, u in pieces
    )  # fmt: skip
    is_call = car.fault not in (model.DEVIATION, model.HEAT)
    severity = {model.THERMAL: Severity.DANGER, model.DEVIATION: Severity.WATCH,
                model.HEAT: Severity.WATCH}.get(car.fault, Severity.SERVICE)  # fmt: skip
    return Finding(
        car.vin, "battery", car.fault, 1 if is_cell else 0, car.cell if is_cell else 0, since,
        until, severity, value, unit, limit, 0.6 if len(pieces) < 2 else 0.84, evidence,
        *_sentence(car),
        call_out=is_call, is_open=not car.is_over,
    )  # fmt: skip


def _sentence(car: Car) -> tuple[str, str]:
    """Of the length that real ones have; the room's own words are tried with its rules."""
    english, chinese = model.KINDS[car.fault]
    return (
        f"Cell {car.cell} of pack 1: {english}. It has stood out from the others for days, at rest "
        "as under load. Measure its open-circuit voltage and replace the module if it confirms.",
        f"1号电池包第{car.cell}号单体：{chinese}。连续多日静置与带载均偏离其余单体，"
        "请测量开路电压，确认后更换模组。",
    )


def _figures(kind: str) -> tuple[list[tuple[str, float, float, str]], float, str, float]:
    if kind in (model.RESISTANCE, model.CONNECTION):
        return [("follows the current", 1.21, 0.3, "mOhm"),
                ("level at rest", 1.1, 8, "mV")], 1.21, "mOhm", 0.3  # fmt: skip
    if kind == model.SENSOR:
        return [("mirror", 0.64, 0.2, ""), ("deviation", 42, 15, "mV")], 0.64, "", 0.2
    if kind == model.INSULATION:
        return [("measured", 4, 3, "d"), ("own alarm", 1, 1, "")], 4, "d", 3
    if kind == model.THERMAL:
        return [("own alarm", 1, 1, "")], 1, "", 1
    if kind == model.HEAT:
        return [("hot at rest", 51, 45, "degC")], 51, "degC", 45
    if kind == model.DEVIATION:
        return [("deviation", -68, -15, "mV")], -68, "mV", -15
    return [("deviation", -68.4, -15, "mV"), ("score", -21.5, -6, ""),
            ("rest_mv", -66.2, -15, "mV"), ("drift", -1.5, -0.3, "mV/d"), ("lowest", 0.98, 0.5, ""),
            ], -68.4, "mV", -15  # fmt: skip


def _latest(fleet: Sequence[Car], now_s: int) -> Columns:
    n = len(fleet)
    hot = np.array([51 if c.fault == model.HEAT else c.random.integers(22, 44) for c in fleet])
    silent = np.array([c.random.random() < 0.15 for c in fleet])
    at = np.where(silent, now_s - 3 * DAY_S, now_s - 10)
    return Columns(n, {
        "vin": _text(c.vin for c in fleet), "device_at": at.astype(np.uint32),
        "received_at": at * 1000, "link": _text("made" for _ in fleet),
        "edition": np.full(n, 2016, np.uint16), "vehicle_state": np.full(n, 1, np.uint8),
        "charge_state": np.array([1 if c.cell % 4 == 0 else 3 for c in fleet], np.uint8),
        "speed_kmh": np.zeros(n, np.float32), "soc_pct": np.full(n, 64, np.uint8),
        "temp_max_degc": hot.astype(np.int16), "temp_min_degc": (hot - 5).astype(np.int16),
        "alarm_level": np.zeros(n, np.uint8),
        "plate": _text(f"渝AD{i:05d}" for i in range(n)), "model": _text(c.model for c in fleet),
        "operator": _text(c.operator for c in fleet), "simulated": np.ones(n, np.uint8),
        "region_code": _text(c.region for c in fleet), "as_of": np.full(n, now_s * 1000, np.int64),
    })  # fmt: skip
