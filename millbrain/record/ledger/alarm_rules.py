"""An operator's own rules of the alarms, beside the declared ones."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from millbrain.core.alarms.rules import DECLARED, AlarmRule, AlarmRules
from millbrain.record.ledger.alarm_models import ALARM_RULE
from millbrain.record.ledger.database import Database
from millbrain.record.ledger.models import now


@dataclass(frozen=True, slots=True)
class OwnRule:
    """A rule that somebody set, and who did when."""

    rule: AlarmRule
    changed_by: str
    changed_at: datetime


class AlarmRuleStore:
    """The rules that replace declared ones."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def own(self) -> list[OwnRule]:
        """Return every rule that somebody set."""
        query = sa.select(ALARM_RULE).order_by(ALARM_RULE.c.app, ALARM_RULE.c.kind)
        with self._database.read() as c:
            return [OwnRule(_rule(r.rule), r.changed_by, r.changed_at) for r in c.execute(query)]

    def in_force(self, declared: AlarmRules = DECLARED) -> AlarmRules:
        """Return the declared rules with the own ones before them."""
        return declared.with_own(o.rule for o in self.own())

    def put(self, rules: Sequence[AlarmRule], who: str) -> None:
        """Set rules, all or none; of two for one app and kind the last holds."""
        rows = {
            (r.app, r.kind): {
                "app": r.app, "kind": r.kind, "rule": asdict(r), "changed_by": who,
                "changed_at": now(),
            }
            for r in rules
        }  # fmt: skip
        if not rows:
            return
        statement = self._database.upsert(
            ALARM_RULE, ["app", "kind"], ["rule", "changed_by", "changed_at"]
        )
        with self._database.write() as c:
            c.execute(statement, list(rows.values()))

    def delete(self, app: str, kind: str) -> bool:
        """Let the declared rule hold again; False where there was no own one."""
        mine = (ALARM_RULE.c.app == app) & (ALARM_RULE.c.kind == kind)
        with self._database.write() as c:
            return bool(c.execute(sa.delete(ALARM_RULE).where(mine)).rowcount)


def _rule(kept: dict[str, Any]) -> AlarmRule:
    return AlarmRule(**kept | {"priorities": tuple(kept["priorities"])})
