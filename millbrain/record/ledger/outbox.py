"""The outbox: what is to be told, written in the transaction of what it tells, and to whom.

A sender claims a delivery before it sends: the claim counts the attempt and puts the next try
behind a lease. Whoever is killed between sending and saying so leaves a delivery that is tried
again as attempt 2 under the same `uid`: at least once, and repeats are marked.
"""

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime, time, timedelta
from typing import Any, Final

import sqlalchemy as sa

from millbrain.core import limits
from millbrain.core.errors import LimitError, NotFoundError
from millbrain.core.work.notices import Delivery, Notice, Sending, Target
from millbrain.record.ledger.database import Database
from millbrain.record.ledger.models import now
from millbrain.record.ledger.order_models import DELIVERY, NOTICE_TARGET

_SECRET: Final = ("secret", "created_at")
_TARGET: Final = [c for c in NOTICE_TARGET.c if c.name not in _SECRET]
_DELIVERY: Final = [c for c in DELIVERY.c if c.name != "tried_at"]
_MINUTE: Final = timedelta(minutes=1)
_ERROR_MAX: Final = 500


def tell(c: sa.Connection, notice: Notice, at: datetime) -> int:
    """Write a delivery for every target that wants the notice; return how many do.

    Part of the caller's transaction, so that a step and its notice are kept or lost together.
    """
    found = (_target(row) for row in c.execute(sa.select(*_TARGET)))
    rows = [_delivery_of(notice, target.id, at) for target in found if target.wants(notice)]
    if rows:
        c.execute(sa.insert(DELIVERY), rows)
    return len(rows)


def _delivery_of(notice: Notice, target_id: int, at: datetime) -> dict[str, Any]:
    return {
        "uid": str(uuid.uuid4()), "target_id": target_id, "topic": notice.topic,
        "subject": notice.subject, "app": notice.app, "severity": notice.severity,
        "content": dict(notice.content), "noted_at": at, "state": "waiting", "attempt": 0,
        "next_at": at, "error": "",
    }  # fmt: skip


def _target(row: sa.Row[*tuple[Any, ...]]) -> Target:
    return Target(**row._asdict())


class Outbox:
    """Targets of notices and the deliveries on their way to them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # Targets ------------------------------------------------------------------------------------

    def targets(self) -> list[Target]:
        """Return every target by name."""
        with self._database.read() as c:
            rows = c.execute(sa.select(*_TARGET).order_by(NOTICE_TARGET.c.name))
            return [_target(r) for r in rows]

    def add_target(self, name: str, channel: str, address: str, **options: Any) -> Target:
        """Add a target; options are further columns of it.

        Raises
        ------
        LimitError
            There are `TARGETS_MAX` already, or one has that name.
        """
        row = _defaults() | options | {"name": name, "channel": channel, "address": address}
        try:
            with self._database.write() as c:
                if (c.scalar(sa.select(sa.func.count()).select_from(NOTICE_TARGET)) or 0) >= (
                    limits.TARGETS_MAX
                ):
                    raise LimitError(f"there are {limits.TARGETS_MAX} targets; delete one first")
                made = c.execute(sa.insert(NOTICE_TARGET).values(**row).returning(*_TARGET)).one()
        except sa.exc.IntegrityError as e:
            raise LimitError(f"a target is named {name!r} already; nothing was changed") from e
        return _target(made)

    def change_target(self, target_id: int, **changes: Any) -> Target:
        """Change what is given; one that becomes active is tried again at once.

        Raises
        ------
        NotFoundError, LimitError
            There is no such target, or another one has the new name.
        """
        revived = changes.get("state") == "active"
        if revived:
            changes |= {"failures": 0, "parked_at": None, "probe_at": None, "error": ""}
        change = sa.update(NOTICE_TARGET).where(NOTICE_TARGET.c.id == target_id)
        try:
            with self._database.write() as c:
                values = changes or {"id": target_id}
                row = c.execute(change.values(**values).returning(*_TARGET)).first()
                if row is None:
                    raise NotFoundError(f"no target of notices has the id {target_id}")
                if revived:
                    c.execute(_hurry(target_id, now()))
        except sa.exc.IntegrityError as e:
            raise LimitError("another target has that name already; nothing was changed") from e
        return _target(row)

    def delete_target(self, target_id: int) -> None:
        """Delete a target with its deliveries; NotFoundError where there is none."""
        with self._database.write() as c:
            gone = sa.delete(NOTICE_TARGET).where(NOTICE_TARGET.c.id == target_id)
            if not c.execute(gone).rowcount:
                raise NotFoundError(f"no target of notices has the id {target_id}")

    def test(self, target_id: int, who: str) -> Delivery:
        """Write a test notice for one target."""
        at = now()
        notice = Notice("test", "test", "", 0, content={"who": who})
        with self._database.write() as c:
            known = sa.select(NOTICE_TARGET.c.id).where(NOTICE_TARGET.c.id == target_id)
            if c.scalar(known) is None:
                raise NotFoundError(f"no target of notices has the id {target_id}")
            row = _delivery_of(notice, target_id, at)
            made = c.execute(sa.insert(DELIVERY).values(**row).returning(*_DELIVERY)).one()
        return Delivery(**made._asdict())

    # Sending ------------------------------------------------------------------------------------

    def due_targets(self, at: datetime) -> list[Target]:
        """Return targets for which something waits that may be tried at `at`."""
        work = sa.exists().where(
            DELIVERY.c.target_id == NOTICE_TARGET.c.id, DELIVERY.c.next_at <= at
        )
        query = sa.select(*_TARGET).where(work, NOTICE_TARGET.c.state != "off")
        probing = sa.or_(NOTICE_TARGET.c.probe_at.is_(None), NOTICE_TARGET.c.probe_at <= at)
        with self._database.read() as c:
            return [_target(r) for r in c.execute(query.where(probing))]

    def claim(
        self, target: Target, at: datetime, lease_s: float, *, urgent_from: int = 0, most: int = 20
    ) -> list[Sending]:
        """Take deliveries of a target to send them now, the oldest first.

        Each is counted as tried, and comes up again after `lease_s` [s] unless `told` or `failed`
        is called before. urgent_from: least severity. The target's rate a minute is kept, also
        over a restart; a parked target gets one, as a probe.
        """
        mine = DELIVERY.c.target_id == target.id
        tried = sa.select(sa.func.count()).where(mine, DELIVERY.c.tried_at > at - _MINUTE)
        due = (
            sa.select(DELIVERY.c.id)
            .where(mine, DELIVERY.c.next_at <= at, DELIVERY.c.severity >= urgent_from)
            .order_by(DELIVERY.c.severity.desc(), DELIVERY.c.id)
            .with_for_update(skip_locked=True)
        )
        with self._database.write() as c:
            left = min(most, target.rate_count - (c.scalar(tried) or 0))
            left = min(left, 1) if target.state == "parked" else left
            ids = list(c.scalars(due.limit(left))) if left > 0 else []
            claimed = sa.update(DELIVERY).where(DELIVERY.c.id.in_(ids)).values(
                attempt=DELIVERY.c.attempt + 1, tried_at=at,
                next_at=at + timedelta(seconds=lease_s),
            ).returning(*_DELIVERY)  # fmt: skip
            rows = c.execute(claimed).all() if ids else []
            secret = sa.select(NOTICE_TARGET.c.secret).where(NOTICE_TARGET.c.id == target.id)
            word = c.scalar(secret) or ""
        found = sorted((Delivery(**r._asdict()) for r in rows), key=lambda d: (-d.severity, d.id))
        return [Sending(d, target, word) for d in found]

    def told(self, delivery: Delivery, at: datetime) -> None:
        """Record that a delivery arrived; whatever waits for a parked target goes out again."""
        own = sa.update(NOTICE_TARGET).where(NOTICE_TARGET.c.id == delivery.target_id)
        done = sa.update(DELIVERY).where(DELIVERY.c.id == delivery.id)
        with self._database.write() as c:
            c.execute(done.values(state="delivered", told_at=at, next_at=None, error=""))
            was_parked = own.where(NOTICE_TARGET.c.state == "parked")
            if c.execute(was_parked.values(state="active", parked_at=None)).rowcount:
                c.execute(_hurry(delivery.target_id, at))
            c.execute(own.values(failures=0, probe_at=None, told_at=at, error=""))

    def failed(
        self, delivery: Delivery, at: datetime, error: str, pause_s: float, *,
        park_after: int, probe_s: float,
    ) -> None:  # fmt: skip
        """Record that a try failed and when the next one is due.

        After `park_after` failures in a row the target is parked: one probe every `probe_s` [s].
        """
        text = error.replace("\0", "")[:_ERROR_MAX]
        own = sa.update(NOTICE_TARGET).where(NOTICE_TARGET.c.id == delivery.target_id)
        again = sa.update(DELIVERY).where(DELIVERY.c.id == delivery.id)
        with self._database.write() as c:
            c.execute(again.values(error=text, next_at=at + timedelta(seconds=pause_s)))
            c.execute(own.values(failures=NOTICE_TARGET.c.failures + 1, error=text))
            dead = own.where(NOTICE_TARGET.c.failures >= park_after)
            c.execute(
                dead.where(NOTICE_TARGET.c.state == "active").values(state="parked", parked_at=at)
            )
            probe_at = at + timedelta(seconds=probe_s)
            c.execute(own.where(NOTICE_TARGET.c.state == "parked").values(probe_at=probe_at))

    def sweep(self, at: datetime) -> int:
        """Give up what nobody took for `DELIVERY_DAYS_MAX` and forget what is long over."""
        late = at - timedelta(days=limits.DELIVERY_DAYS_MAX)
        old = at - timedelta(days=limits.DELIVERIES_KEPT_DAYS)
        gone = sa.update(DELIVERY).where(DELIVERY.c.state == "waiting", DELIVERY.c.noted_at < late)
        over = sa.delete(DELIVERY).where(DELIVERY.c.state != "waiting", DELIVERY.c.noted_at < old)
        with self._database.write() as c:
            c.execute(over)
            return c.execute(gone.values(state="expired", next_at=None)).rowcount

    def page(
        self, target_id: int | None = None, state: str = "", offset: int = 0, size: int = 50
    ) -> tuple[list[Delivery], int]:
        """Return deliveries, newest first, and how many match."""
        where: list[sa.ColumnElement[bool]] = []
        if target_id is not None:
            where.append(DELIVERY.c.target_id == target_id)
        if state:
            where.append(DELIVERY.c.state == state)
        rows = sa.select(*_DELIVERY).where(*where).order_by(DELIVERY.c.id.desc())
        count = sa.select(sa.func.count()).select_from(DELIVERY).where(*where)
        with self._database.read() as c:
            found: Sequence[Any] = c.execute(rows.offset(offset).limit(size)).all()
            return [Delivery(**r._asdict()) for r in found], c.scalar(count) or 0

    def waiting(self) -> Mapping[int, int]:
        """Return how many deliveries wait, by target."""
        query = sa.select(DELIVERY.c.target_id, sa.func.count()).group_by(DELIVERY.c.target_id)
        with self._database.read() as c:
            return {t: n for t, n in c.execute(query.where(DELIVERY.c.state == "waiting"))}


def _hurry(target_id: int, at: datetime) -> sa.Update:
    waits = sa.update(DELIVERY).where(
        DELIVERY.c.target_id == target_id, DELIVERY.c.state == "waiting"
    )
    return waits.values(next_at=at)


def _defaults() -> dict[str, Any]:
    return {
        "operator": "", "secret": "", "options": {}, "language": "zh", "apps": [], "topics": [],
        "severity_min": 0, "level_min": 0, "quiet_from": time(0), "quiet_to": time(0),
        "rate_count": 20, "state": "active", "failures": 0, "error": "", "created_at": now(),
    }  # fmt: skip
