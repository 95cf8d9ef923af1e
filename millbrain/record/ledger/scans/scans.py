"""Scans: kept before anything is written to a machine, moved on by their life cycle alone."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa

from millbrain.core.errors import IllegalStepError
from millbrain.core.scans.recipes import CARRIED_OUT, LIFECYCLE, Scan
from millbrain.record.ledger.audit import write_entry
from millbrain.record.ledger.database import Database
from millbrain.record.ledger.models import now
from millbrain.record.ledger.scans.models import SCAN, STATION

_ADD: Final = sa.insert(SCAN).returning(SCAN)
_STEPS: Final = (
    sa.select(SCAN.c.step)
    .where(SCAN.c.part == sa.bindparam("part"), SCAN.c.state.in_(CARRIED_OUT))
    .order_by(SCAN.c.number)
)
_JOINED: Final = SCAN.outerjoin(STATION, STATION.c.name == SCAN.c.station)


class Scans:
    """Every scan and what became of it.

    `operator` of the questions: organisation whose stations are seen, empty = all.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, row: Mapping[str, Any]) -> tuple[Scan, bool]:
        """Keep a scan, cleared or refused; return it and whether it is new.

        One of the same id is returned as it stands: what a device sends again changes nothing.

        Raises
        ------
        IllegalStepError
            The station waits for the end of another command.
        """
        values = {"at": now(), "changed_at": now(), **row}
        try:
            with self._database.write() as c:
                made = c.execute(_ADD, values).one()
        except sa.exc.IntegrityError:
            known = self.get(str(row["id"]))
            if known is None:
                raise _busy(str(row["station"])) from None
            return known, False
        return _scan(made), True

    def move(self, scan: Scan, action: str, tool_cycles: int = 0, **values: Any) -> Scan:
        """Take a step of a scan's life; one that was taken already changes nothing.

        tool_cycles: tool life of the station that is used up with the step. The disk is not waited
        for: after a power cut the controller, or the resolver, is asked again and says the same.
        """
        target = LIFECYCLE.after(scan.state, action)
        mine = (SCAN.c.id == scan.id, SCAN.c.state == scan.state)
        change = sa.update(SCAN).where(*mine).values(state=target, changed_at=now(), **values)
        with self._database.write(is_synced=False) as c:
            row = c.execute(change.returning(SCAN)).first()
            if row is None:
                return _scan(c.execute(sa.select(SCAN).where(SCAN.c.id == scan.id)).one())
            if tool_cycles:
                left = sa.update(STATION).where(
                    STATION.c.name == scan.station, STATION.c.tool_life.is_not(None)
                )
                c.execute(left.values(tool_life=STATION.c.tool_life - tool_cycles))
            if action != "record":
                write_entry(c, scan.who, "", f"scan.{action}", scan.id, f"{scan.station} {target}")
        return _scan(row)

    def get(self, scan_id: str, operator: str = "") -> Scan | None:
        """Return a scan by its id."""
        where = [SCAN.c.id == scan_id, *_scope(operator)]
        with self._database.read() as c:
            row = c.execute(sa.select(SCAN).select_from(_JOINED).where(*where)).first()
        return _scan(row) if row else None

    def waiting(self, state: str, count_max: int = 100) -> list[Scan]:
        """Return scans in a state, the oldest first."""
        query = sa.select(SCAN).where(SCAN.c.state == state).order_by(SCAN.c.number)
        with self._database.read() as c:
            return [_scan(row) for row in c.execute(query.limit(count_max))]

    def counts(self) -> dict[str, int]:
        """Return how many scans are in each state that waits for something."""
        open_ = SCAN.c.state.in_([s for s in LIFECYCLE.states if s not in LIFECYCLE.final])
        query = sa.select(SCAN.c.state, sa.func.count()).where(open_).group_by(SCAN.c.state)
        with self._database.read() as c:
            return {state: count for state, count in c.execute(query)}

    def steps_of(self, part: str) -> list[str]:
        """Return the routing steps that were carried out on a part here, in order."""
        with self._database.read() as c:
            return [row.step for row in c.execute(_STEPS, {"part": part})]

    def page(self, station: str = "", state: str = "", part: str = "", operator: str = "",
             offset: int = 0, size: int = 50) -> tuple[list[Scan], int]:  # fmt: skip
        """Return scans, newest first, and how many match."""
        where = _scope(operator)
        for column, wanted in ((SCAN.c.station, station), (SCAN.c.state, state),
                               (SCAN.c.part, part)):  # fmt: skip
            if wanted:
                where.append(column == wanted)
        query = sa.select(SCAN).select_from(_JOINED).where(*where).order_by(SCAN.c.number.desc())
        count = sa.select(sa.func.count()).select_from(_JOINED).where(*where)
        with self._database.read() as c:
            rows: Sequence[Any] = c.execute(query.offset(offset).limit(size)).all()
            return [_scan(row) for row in rows], c.scalar(count) or 0


def _busy(station: str) -> IllegalStepError:
    return IllegalStepError(
        f"station {station} is being written to for another scan; scan again once it has answered"
    )


def _scan(row: Any) -> Scan:
    return Scan(**row._asdict())


def _scope(operator: str) -> list[sa.ColumnElement[bool]]:
    return [STATION.c.operator == operator] if operator else []
