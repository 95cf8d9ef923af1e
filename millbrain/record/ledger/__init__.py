"""The ledger: things, accounts, platforms, commands and the audit trail; few and transactional.

`Ledger(url)` opens it. What it hands out are frozen rows; SQLAlchemy is not seen outside.
"""

from millbrain.record.ledger.accounts import LANGUAGES, THEMES
from millbrain.record.ledger.alarm_book import AlarmBook
from millbrain.record.ledger.alarm_counts import Chatterer, Contributor, Load
from millbrain.record.ledger.alarm_filter import AlarmFilter
from millbrain.record.ledger.alarm_models import ListedAlarm, ListedStep
from millbrain.record.ledger.alarm_rules import OwnRule
from millbrain.record.ledger.alarms import ActResult
from millbrain.record.ledger.life.models import (
    Inspection,
    LifeEvent,
    NewInspection,
    NewLifeEvent,
    SetLimit,
    Taken,
)
from millbrain.record.ledger.models import (
    Account,
    ApiToken,
    AuditEntry,
    Command,
    Peer,
    Role,
    Thing,
)
from millbrain.record.ledger.order_queries import ORDER_SORTS, OrderFilter
from millbrain.record.ledger.peers import KEY_KINDS
from millbrain.record.ledger.store import Ledger

__all__ = [
    "KEY_KINDS",
    "LANGUAGES",
    "ORDER_SORTS",
    "THEMES",
    "Account",
    "ActResult",
    "AlarmBook",
    "AlarmFilter",
    "ApiToken",
    "AuditEntry",
    "Chatterer",
    "Command",
    "Contributor",
    "Inspection",
    "Ledger",
    "LifeEvent",
    "ListedAlarm",
    "ListedStep",
    "Load",
    "NewInspection",
    "NewLifeEvent",
    "OrderFilter",
    "OwnRule",
    "Peer",
    "Role",
    "SetLimit",
    "Taken",
    "Thing",
]
