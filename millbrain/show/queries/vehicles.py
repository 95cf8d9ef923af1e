"""The vehicles list: search, filter, sort, page and export over the live table."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa

from millbrain.core.errors import NotFoundError
from millbrain.core.facts import VEHICLE_LATEST
from millbrain.core.times import iso
from millbrain.record.warehouse import Warehouse
from millbrain.show.queries.rows import STATE_SQL, Row, now_ms, rows_of, scope_sql, state_params

STATES: Final = ("driving", "charging", "parked", "offline", "online")
SORTS: Final = {"state": "state", "region": "region_code"} | {
    c.name: c.name for c in VEHICLE_LATEST.columns
}
EXPORT_CHUNK_ROWS: Final = 20_000
CHOICES_MAX: Final = 500
_COLUMNS: Final = ", ".join(c.name for c in VEHICLE_LATEST.columns)


@dataclass(frozen=True, slots=True)
class Filter:
    """Which vehicles. Empty texts and None filter nothing; scope as in the package."""

    q: str = ""
    state: str = ""
    model: str = ""
    operator: str = ""
    region: str = ""
    alarm_level: int | None = None
    scope: str = ""

    def sql(self) -> str:
        """Return the condition; only conditions that are asked for cost time."""
        wanted = (
            (self.scope, scope_sql(self.scope)),
            (self.model, "model = {model:String}"),
            (self.operator, "operator = {operator:String}"),
            (self.region, "region_code = {region:String}"),
        )
        parts = [sql for value, sql in wanted if value]
        if self.alarm_level is not None:
            parts.append("alarm_level = {alarm_level:UInt8}")
        if self.state == "online":
            parts.append(f"{STATE_SQL} != 'offline'")
        elif self.state:
            parts.append(f"{STATE_SQL} = {{state:String}}")
        if self.q:
            found = (f"positionCaseInsensitiveUTF8({c}, {{q:String}}) > 0" for c in
                     ("vin", "plate", "model"))  # fmt: skip
            parts.append(f"({' OR '.join(found)})")
        return " AND ".join(parts) or "1"

    def params(self) -> Row:
        """Return the values that the condition binds."""
        return state_params() | {
            "q": self.q, "state": self.state, "model": self.model, "operator": self.operator,
            "region": self.region, "alarm_level": self.alarm_level or 0, "scope": self.scope,
        }  # fmt: skip


def page(
    warehouse: Warehouse, which: Filter, sort: str, order: str, offset: int, size: int
) -> tuple[list[Row], int, str]:
    """Return one page of vehicles with their state, how many match, and as of when.

    Raises
    ------
    NotFoundError
        `sort` is not one of `SORTS`.
    """
    column = SORTS.get(sort)
    if column is None:
        raise NotFoundError(f"vehicles cannot be sorted by {sort!r}; by these: {', '.join(SORTS)}")
    direction = "DESC" if order == "desc" else "ASC"
    where = which.sql()
    # Sorting reads the sort column and the key only; the wide row is fetched for the page alone.
    sql = f"""
        SELECT {_COLUMNS}, {STATE_SQL} AS state,
               (SELECT count() FROM vehicle_latest WHERE {where}) AS total
        FROM vehicle_latest WHERE {where}
        ORDER BY {column} {direction} NULLS LAST, vin
        LIMIT {{size:UInt32}} OFFSET {{offset:UInt32}}"""
    params = which.params() | {"size": size, "offset": offset}
    rows = rows_of(warehouse.query(sql, params), VEHICLE_LATEST.columns)
    if rows:
        total = rows[0]["total"]
    else:
        count = warehouse.query(f"SELECT count() AS n FROM vehicle_latest WHERE {where}", params)
        total = rows_of(count)[0]["n"]
    for row in rows:
        del row["total"]
    as_of = max((r["as_of"] for r in rows if r["as_of"]), default=iso(now_ms()))
    return rows, total, as_of


def export(warehouse: Warehouse, which: Filter, rows_max: int) -> Iterator[pa.Table]:
    """Yield the matching vehicles in order of VIN, some thousand at a time.

    Paged by the key: the live table is replaced whole every few seconds, and this way each vehicle
    comes exactly once all the same, every row with its own as-of time.
    """
    after = ""
    left = rows_max
    while left > 0:
        sql = f"""
            SELECT {STATE_SQL} AS state, {_COLUMNS} FROM vehicle_latest
            WHERE vin > {{after:String}} AND {which.sql()}
            ORDER BY vin LIMIT {{size:UInt32}}"""
        size = min(left, EXPORT_CHUNK_ROWS)
        chunk = warehouse.query(sql, which.params() | {"after": after, "size": size})
        if chunk.num_rows:
            yield chunk
            after = str(chunk.column("vin")[-1].as_py())
        left -= chunk.num_rows
        if chunk.num_rows < size:
            return


def latest(warehouse: Warehouse, vin: str, scope: str) -> Row | None:
    """Return the live row of one vehicle, None where it is unknown or outside the scope."""
    sql = f"""
        SELECT {_COLUMNS}, {STATE_SQL} AS state FROM vehicle_latest
        WHERE vin = {{vin:String}} AND {scope_sql(scope)} LIMIT 1"""
    params: dict[str, Any] = state_params() | {"vin": vin, "scope": scope}
    rows = rows_of(warehouse.query(sql, params), VEHICLE_LATEST.columns)
    return rows[0] if rows else None


def choices(warehouse: Warehouse, scope: str) -> dict[str, list[str]]:
    """Return the models, operators and region codes that occur, most frequent first."""
    found = {}
    for name in ("model", "operator", "region_code"):
        sql = f"""
            SELECT {name} AS value FROM vehicle_latest WHERE {scope_sql(scope)} AND {name} != ''
            GROUP BY value ORDER BY count() DESC, value LIMIT {CHOICES_MAX}"""
        found[name] = [r["value"] for r in rows_of(warehouse.query(sql, {"scope": scope}))]
    return found
