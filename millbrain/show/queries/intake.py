"""The intake ledger: totals, days, links, refusals; the same for all readers."""

from datetime import date, datetime, timedelta
from typing import Final

from millbrain.core.facts import DEAD_LETTER, INTAKE
from millbrain.core.times import BEIJING, iso
from millbrain.record.warehouse import Warehouse
from millbrain.show.queries.rows import Row, now_ms, rows_of

RATE_S: Final = 10  # the rate is the mean over this span [s]
RATE_CURVE_S: Final = 600
DAYS_MAX: Final = 31
RAW_BYTES_SHOWN: Final = 4_096

_RECENT: Final = (
    "day >= {day:Date} AND committed_at >= fromUnixTimestamp64Milli({since:Int64}, 'UTC')"
)
_SUMS: Final = (
    "sum(received) AS received, sum(stored) AS stored, sum(duplicate) AS duplicate,"
    " sum(rejected) AS rejected"
)


def totals(warehouse: Warehouse) -> Row:
    """Return all frames ever taken in and their fate; balanced: whether the four agree."""
    row = rows_of(warehouse.query(f"SELECT {_SUMS} FROM intake"))[0]
    fates = row["stored"] + row["duplicate"] + row["rejected"]
    return row | {"balanced": row["received"] == fates}


def reasons(warehouse: Warehouse) -> tuple[dict[str, int], dict[str, int]]:
    """Return rejected frames by reason, and notes on stored frames by reason."""
    sql = """
        SELECT reason, sum(frame_count) AS rejected, countIf(frame_count = 0) AS noted
        FROM dead_letter GROUP BY reason ORDER BY reason"""
    rows = rows_of(warehouse.query(sql))
    return (
        {r["reason"]: r["rejected"] for r in rows if r["rejected"]},
        {r["reason"]: r["noted"] for r in rows if r["noted"]},
    )


def days(warehouse: Warehouse) -> list[Row]:
    """Return the ledger by day of arrival and link, newest day first, over the last month."""
    since = _day(now_ms()) - timedelta(days=DAYS_MAX)
    sql = f"""
        SELECT toString(day) AS date, link, {_SUMS},
               min(first_received_at) AS first_received_at, max(committed_at) AS committed_at
        FROM intake WHERE day >= {{since:Date}} GROUP BY date, link ORDER BY date DESC, link"""
    rows = rows_of(warehouse.query(sql, {"since": since}), INTAKE.columns)
    return [{"day": r.pop("date"), **r} for r in rows]


def rate_hz(warehouse: Warehouse) -> float:
    """Return frames taken in per second, mean of the last `RATE_S` [1/s]."""
    sql = f"SELECT sum(received) AS received FROM intake WHERE {_RECENT}"
    return float(_since(warehouse, sql, RATE_S)[0]["received"]) / RATE_S


def rate_curve(warehouse: Warehouse) -> list[list[str | float]]:
    """Return [instant, frames per second] every `RATE_S` over the last `RATE_CURVE_S`.

    Spans without a commit are there as 0; the span that has not ended is left out.
    """
    sql = f"""
        SELECT intDiv(toUnixTimestamp64Milli(committed_at), {RATE_S * 1000}) AS span,
               sum(received) AS received
        FROM intake WHERE {_RECENT} GROUP BY span"""
    found = {r["span"]: r["received"] for r in _since(warehouse, sql, RATE_CURVE_S)}
    if not found:
        return []
    end = now_ms() // (RATE_S * 1000)
    return [[iso(s * RATE_S * 1000), found.get(s, 0) / RATE_S] for s in range(min(found) + 1, end)]


def _since(warehouse: Warehouse, sql: str, span_s: int) -> list[Row]:
    since = now_ms() - span_s * 1000
    # `day` is the Beijing day of the commit's frames: the sorting key, so old parts are not read.
    return rows_of(warehouse.query(sql, {"since": since, "day": _day(since)}))


def _day(at_ms: int) -> date:
    return datetime.fromtimestamp(at_ms / 1000, tz=BEIJING).date()


def links_count(warehouse: Warehouse) -> int:
    """Return how many links brought frames today or yesterday."""
    since = _day(now_ms()) - timedelta(days=1)
    sql = "SELECT uniqExact(link) AS n FROM intake WHERE day >= {since:Date}"
    return int(rows_of(warehouse.query(sql, {"since": since}))[0]["n"])


def dead_letters(
    warehouse: Warehouse, reason: str, link: str, offset: int, size: int
) -> tuple[list[Row], int]:
    """Return refused bytes, newest first, as hex (the first `RAW_BYTES_SHOWN`), and how many."""
    where = (
        "(reason = {reason:String} OR {reason:String} = '')"
        " AND (link = {link:String} OR {link:String} = '')"
    )
    params = {"reason": reason, "link": link, "offset": offset, "size": size}
    sql = f"""
        SELECT received_at, link, reason, detail, frame_count, length(raw) AS size_bytes,
               lower(hex(substring(raw, 1, {RAW_BYTES_SHOWN}))) AS raw_hex
        FROM dead_letter WHERE {where}
        ORDER BY received_at DESC LIMIT {{size:UInt32}} OFFSET {{offset:UInt32}}"""
    count = f"SELECT count() AS n FROM dead_letter WHERE {where}"
    found = rows_of(warehouse.query(sql, params), DEAD_LETTER.columns)
    rows = [{"raw": r.pop("raw_hex"), **r} for r in found]
    return rows, int(rows_of(warehouse.query(count, params))[0]["n"])
