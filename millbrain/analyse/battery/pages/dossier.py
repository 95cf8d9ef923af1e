"""The dossier of a model from what the warehouse holds, and the course of its sequential test.

Only groups that are models can be told from the warehouse; pack codes, software and months of
production stand in the register. The figures are reckoned anew over all models, so that everything
in a dossier is of one instant; cause and common sequence are those that the engine wrote.
"""

import json
from dataclasses import replace
from typing import Any, Final

import numpy as np
import pyarrow as pa

from millbrain.analyse.battery.fleet.cases import Cases
from millbrain.analyse.battery.fleet.dossier import dossier, page
from millbrain.analyse.battery.fleet.groups import (
    Vehicles,
    explained,
    log_likelihood_ratios,
    suspicions,
)
from millbrain.analyse.battery.fleet.patterns import Item, Pattern
from millbrain.analyse.battery.model import FleetRules
from millbrain.core.errors import NotFoundError

_BY: Final = "model"


def document(suspicion: pa.Table, vehicles: pa.Table, cases: pa.Table) -> str:
    """Return the dossier as one HTML document, in both languages.

    suspicion: the row of `fleet_suspicion`. vehicles, cases: answers of `fleet_vehicles` and
    `fleet_cases`.

    Raises
    ------
    NotFoundError
        There is no such suspicion, or none of its vehicles is in the warehouse.
    """
    if not suspicion.num_rows:
        raise NotFoundError("no suspicion of that model and subject is in the warehouse")
    row = suspicion.to_pylist()[0]
    fleet, seen, rules = _fleet(vehicles), _cases(cases), FleetRules()
    key = (_BY.encode(), row["group"].encode(), row["what"].encode())
    found = suspicions(fleet, seen, rules, held=(key,))
    mine = next((s for s in found if s.key == key), None)
    if mine is None:
        raise NotFoundError(f"no vehicle of model {row['group']!r} has {row['what']!r} any more")
    told = replace(explained(mine, _pattern(row["pattern"])), cause=row["cause"])
    return page(dossier(told, fleet, seen, rules, int(row["as_of"].timestamp())))


def course(model: str, what: str, vehicles: pa.Table, cases: pa.Table) -> dict[str, Any]:
    """Return ``points``: [ms, ratio after that case], and the ``limit`` it is compared with."""
    fleet, seen, rules = _fleet(vehicles), _cases(cases), FleetRules()
    rows = np.flatnonzero(seen.what == what.encode())
    order = np.argsort(fleet.vin)
    place = np.searchsorted(fleet.vin, seen.vin[rows], sorter=order)
    own = fleet.groups[_BY] == model.encode()
    times, ratios = log_likelihood_ratios(
        seen.at[rows], own[order[place]], np.sort(fleet.since), np.sort(fleet.since[own]), rules
    )
    return {
        "points": [[int(t) * 1000, round(float(r), 4)] for t, r in zip(times, ratios, strict=True)],
        "limit": round(float(-np.log(rules.fleet_error_ratio)), 4),
    }


def _fleet(table: pa.Table) -> Vehicles:
    return Vehicles(
        _texts(table, "vin"),
        table.column("observed_days").to_numpy().astype(np.float64),
        table.column("since").to_numpy().astype(np.int64),
        {_BY: _texts(table, "model")},
    )


def _cases(table: pa.Table) -> Cases:
    at = table.column("first_at").to_numpy().astype(np.int64)
    return Cases(_texts(table, "vin"), _texts(table, "what"), at)


def _texts(table: pa.Table, name: str) -> Any:
    return np.array([str(v).encode() for v in table.column(name).to_pylist()], "S")


def _pattern(text: str) -> Pattern | None:
    if not text:
        return None
    told = json.loads(text)
    items = tuple(Item(**item) for item in told.pop("items"))
    return Pattern(items, **told)
