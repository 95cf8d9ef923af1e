"""Accident replay: the seconds around an instant, to look at and to hand on with a digest."""

import csv
import hashlib
import io
import zipfile
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field

from millbrain.core import limits
from millbrain.core.times import iso
from millbrain.show.access import ViewerCaller
from millbrain.show.api.seen import Vehicle
from millbrain.show.lane import canonical
from millbrain.show.queries import replay as queries
from millbrain.show.queries.rows import instant_now
from millbrain.show.services import Services, Use

router = APIRouter(prefix="/vehicles/{vin}/replay", tags=["replay"])
_Seconds = Annotated[int, Query(ge=0, le=limits.REPLAY_S_MAX)]
_DRAWN: Final = (1980, 1, 1, 0, 0, 0)  # a ZIP of the same content has the same bytes
HOW: Final = (
    "SHA-256 of `replay` as JSON with sorted keys, no blanks, UTF-8 without escapes: in Python"
    ' hashlib.sha256(json.dumps(replay, sort_keys=True, separators=(",", ":"),'
    " ensure_ascii=False).encode()).hexdigest()"
)
_README: Final = """\
Accident replay of vehicle {vin}, {start} to {end} (UTC).

replay.json   everything, one value for each stored report; null = not carried or marked invalid
signals.csv   the scalar signals, one row for each report
cells.csv     every cell voltage [mV];  temps.csv  every probe [degC]
events.csv    gaps, changes of the vehicle's own alarms, logins, registered events
SHA256SUMS    digests; check them with:  sha256sum -c SHA256SUMS

Times are what the vehicle's clock said (Unix seconds, UTC). Nothing is interpolated or averaged;
where the vehicle was silent there is no row. The digest of replay.json is also in the audit trail
of the platform that wrote it, with the account and the time of the export.

车辆 {vin} 事故数据回放，{start} 至 {end}（UTC）。
每行对应一次入库的上报，未插值、未平均；车辆未上报的时段没有数据行。时间为车辆设备时刻。
校验方法：sha256sum -c SHA256SUMS。replay.json 的摘要同时记录在平台审计日志中。
"""


class ReplayAnswer(BaseModel):
    """A replay with its digest."""

    replay: dict[str, Any] = Field(description="Signals, gaps, events; all lists as long as `t`.")
    sha256: str
    how: str = Field(description="How anybody computes the digest again.")
    as_of: datetime


@router.get(
    "",
    summary="Every report around an instant, on one time axis",
    response_model=ReplayAnswer,
)
def replay(
    found: Vehicle,
    caller: ViewerCaller,
    use: Use,
    at: Annotated[
        datetime | None,
        Query(description="ISO 8601 or seconds since 1970; default: the newest report."),
    ] = None,
    before_s: _Seconds = 60,
    after_s: _Seconds = 60,
    format: Annotated[
        Literal["json", "zip"], Query(description="zip holds JSON, CSV files and SHA256SUMS.")
    ] = "json",
) -> object:
    """Return the seconds around an instant of the vehicle's clock, as stored."""
    made = _made(found, use, at, before_s, after_s)
    digest = hashlib.sha256(canonical(made)).hexdigest()
    if format == "json":
        return ReplayAnswer(replay=made, sha256=digest, how=HOW, as_of=instant_now())
    use.ledger.audit.add(caller.name, caller.address, "replay.export", found.vin, digest)
    name = f"replay_{found.vin}_{made['at'].replace(':', '').replace('-', '')[:15]}.zip"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(zipped(made), media_type="application/zip", headers=headers)


def _made(
    found: Vehicle, use: Services, at: datetime | None, before_s: int, after_s: int
) -> dict[str, Any]:
    newest = found.latest["device_at"] if found.latest else None
    instant = at or (datetime.fromisoformat(newest) if newest else instant_now())
    aware = instant if instant.tzinfo else instant.replace(tzinfo=UTC)
    at_s = int(min(max(aware.timestamp(), 0), 0xFFFF_FFFF - limits.REPLAY_S_MAX))
    made = queries.replay(use.warehouse, found.vin, at_s, before_s, after_s)
    return made | {"events": _events(found.vin, use, at_s - before_s, at_s + after_s)}


def _events(vin: str, use: Services, from_s: int, to_s: int) -> list[dict[str, Any]]:
    """Return what else is known of the span: sessions, accidents and other registered events."""
    sessions = [
        {"at": e["at"], "kind": e["event"], "text": e["link"], "source": "link_event"}
        for e in queries.session_events(use.warehouse, vin, from_s, to_s)
    ]
    registered = [
        {"at": int(e.at.timestamp()), "kind": e.kind, "text": e.reference, "source": e.source}
        for e in use.ledger.life_events.of(vin)
        if from_s <= e.at.timestamp() <= to_s
    ]
    return sorted([*sessions, *registered], key=lambda e: (e["at"], e["kind"], e["text"]))


def zipped(made: dict[str, Any]) -> bytes:
    """Return a replay as a ZIP whose digests anybody can check without this platform."""
    start, end = made["from"], made["to"]
    parts = {
        "replay.json": canonical(made),
        "signals.csv": _csv(_signal_rows(made)),
        **{f"{entry['name'].partition('_')[0]}.csv": _csv(_list_rows(made, entry))
           for entry in made["lists"]},
        "events.csv": _csv(_event_rows(made)),
    }  # fmt: skip
    sums = "".join(f"{hashlib.sha256(b).hexdigest()}  {name}\n" for name, b in parts.items())
    readme = _README.format(vin=made["vin"], start=start, end=end)
    texts = {"SHA256SUMS": sums.encode(), "README.txt": readme.encode()}
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in (parts | texts).items():
            info = zipfile.ZipInfo(name, _DRAWN)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o644 << 16
            file.writestr(info, content)
    return packed.getvalue()


def _csv(rows: Iterable[Iterable[Any]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue().encode()


def _signal_rows(made: dict[str, Any]) -> Iterable[list[Any]]:
    signals = made["signals"]
    heads = [f"{s['name']} [{s['unit']}]" if s["unit"] else s["name"] for s in signals]
    yield ["device_at [s]", "device_at [UTC]", "received_at [UTC]", "reissued",
           "longitude [deg]", "latitude [deg]", *heads]  # fmt: skip
    for i, t in enumerate(made["t"]):
        place = made["position"][i] or ["", ""]
        yield [t, iso(t * 1000), made["received_at"][i], made["reissued"][i], *place,
               *("" if s["values"][i] is None else s["values"][i] for s in signals)]  # fmt: skip


def _list_rows(made: dict[str, Any], entry: dict[str, Any]) -> Iterable[list[Any]]:
    width = max((len(values) for values in entry["values"]), default=0)
    yield ["device_at [s]", *(f"{number} [{entry['unit']}]" for number in range(1, width + 1))]
    for t, values in zip(made["t"], entry["values"], strict=True):
        if values:
            yield [t, *("" if v is None else v for v in values)]


def _event_rows(made: dict[str, Any]) -> Iterable[list[Any]]:
    yield ["at [s]", "at [UTC]", "kind", "text", "source"]
    rows = [[g["from"], "gap", f"no report for {g['seconds']} s", "vehicle_report"]
            for g in made["gaps"]]  # fmt: skip
    for change in made["alarms"]:
        words = [f"level {change['level']}"]
        words += [f"set {en}" for en, _ in change["set"]]
        words += [f"cleared {en}" for en, _ in change["cleared"]]
        rows.append([change["at"], "alarm", "; ".join(words), "vehicle_report"])
    rows += [[e["at"], e["kind"], e["text"], e["source"]] for e in made["events"]]
    for at, *rest in sorted(rows, key=lambda r: (r[0], r[1], r[2])):
        yield [at, iso(at * 1000), *rest]
