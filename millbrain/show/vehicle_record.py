"""The digital health record of one vehicle: one document out of ledger and warehouse.

Every part says where it comes from (`source`) and what instant it describes (`as_of`). A part whose
table or room this installation does not have says so by `is_there: false` and holds nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

from millbrain.core.alarms import LIFECYCLE as ALARM_STATES
from millbrain.core.forms import FormField
from millbrain.core.life.events import LIFE_KINDS
from millbrain.core.life.inspections import CONCLUSIONS, Conclusion
from millbrain.core.life.static import ANNEX, STATIC_FIELDS
from millbrain.core.lifecycle import Lifecycle
from millbrain.core.times import iso
from millbrain.core.work.orders import LIFECYCLE as ORDER_STATES
from millbrain.record.ledger import AlarmFilter, LifeEvent, Thing
from millbrain.record.ledger.order_queries import OrderFilter
from millbrain.show.queries import record as queries
from millbrain.show.queries.rows import now_ms
from millbrain.show.services import Services

FORMAT: Final = "millbrain.vehicle-record/1"
ENTRIES_MAX: Final = 500  # alarms, orders, inspections of one record
_ROOM_TABLES: Final = ("battery_health", "battery_charge", "finding")

Part = dict[str, Any]


def vehicle_record(vin: str, operator: str, use: Services) -> Part:
    """Return the record of a vehicle that the caller may see.

    operator: organisation that the caller is limited to, empty = none.
    """
    thing = use.ledger.things.get(vin)
    there = queries.tables_there(use.warehouse, _ROOM_TABLES)
    return {
        "format": FORMAT,
        "vin": vin,
        "as_of": iso(now_ms()),
        "static": _static(vin, thing, use),
        "packs": _part("link_event: pack codes of logins", queries.packs(use.warehouse, vin)),
        "operation": _operation(vin, use, there),
        "health": _health(vin, use, there),
        "findings": _part(
            "finding", queries.findings(use.warehouse, vin) if "finding" in there else [],
            is_there="finding" in there,
        ),
        "alarms": _alarms(vin, operator, use),
        "orders": _orders(vin, operator, use),
        "inspections": _inspections(vin, operator, use),
        "events": _events(use.ledger.life_events.of(vin)),
    }  # fmt: skip


def _part(source: str, entries: Sequence[Any], *, is_there: bool = True, **more: Any) -> Part:
    return {
        "source": source, "as_of": iso(now_ms()), "is_there": is_there, **more,
        "entries": list(entries),
    }  # fmt: skip


def _static(vin: str, thing: Thing | None, use: Services) -> Part:
    """Return what the vehicle is: the register's columns, annex A's fields, and all else it has."""
    fields, others = static_values(thing.attributes if thing else {})
    head = asdict(thing) if thing else {"id": vin}
    head.pop("attributes", None)
    return {
        "source": f"register of things; fields of {ANNEX}", "as_of": iso(now_ms()),
        "is_there": thing is not None, "thing": head, "fields": fields, "others": others,
        "terminal": queries.terminal(use.warehouse, vin),
    }  # fmt: skip


def static_values(attributes: Mapping[str, Any]) -> tuple[list[Part], dict[str, Any]]:
    """Split a thing's attributes into annex A's fields and all others."""
    left = dict(attributes)
    fields: list[Part] = []
    for field in STATIC_FIELDS:
        key = next((k for k in left if _means(field, k)), None)
        if key is not None:
            fields.append(
                {"name": field.name, "title": field.title, "title_zh": field.title_zh,
                 "unit": field.unit, "value": left.pop(key)}
            )  # fmt: skip
    return fields, left


def _means(field: FormField, heading: str) -> bool:
    bare = heading.strip().lower()
    return bare == field.name or bare.partition("[")[0].strip() in field.spellings()


def _operation(vin: str, use: Services, there: frozenset[str]) -> Part:
    months = queries.operation(use.warehouse, vin, use.settings.time_zone)
    whole = queries.summed(months) | queries.odometer(use.warehouse, vin)
    charges = queries.charges(use.warehouse, vin) if "battery_charge" in there else None
    return _part("vehicle_report, battery_charge", months, whole=whole, charges=charges)


def _health(vin: str, use: Services, there: frozenset[str]) -> Part:
    is_there = "battery_health" in there
    rows = queries.health(use.warehouse, vin) if is_there else []
    return _part("battery_health (estimated, with its uncertainty)", rows, is_there=is_there)


def _state(lifecycle: Lifecycle, state: str) -> dict[str, str]:
    english, chinese = lifecycle.states[state]
    return {"state": state, "state_en": english, "state_zh": chinese}


def _alarms(vin: str, operator: str, use: Services) -> Part:
    """Return every alarm of the vehicle, ended ones too, with the steps that people took."""
    wanted = AlarmFilter(operator=operator, thing=vin, states=tuple(ALARM_STATES.states))
    found, total = use.ledger.alarms.page(wanted, 0, ENTRIES_MAX)
    entries = [
        {
            "id": listed.alarm.id, **_state(ALARM_STATES, listed.alarm.state),
            "priority": listed.alarm.priority,
            "kind": listed.alarm.finding.kind, "app": listed.alarm.finding.app,
            "pack_no": listed.alarm.finding.pack_no, "cell_no": listed.alarm.finding.cell_no,
            "sentence": listed.alarm.finding.sentence,
            "sentence_zh": listed.alarm.finding.sentence_zh,
            "began_at": listed.alarm.began_at, "raised_at": listed.alarm.raised_at,
            "ended_at": listed.alarm.ended_at, "acknowledged_by": listed.alarm.acknowledged_by,
            "order": use.ledger.orders.of_alarm(listed.alarm.id),
        }
        for listed in found
    ]  # fmt: skip
    return _part("ledger: alarms", entries, total=total)


def _orders(vin: str, operator: str, use: Services) -> Part:
    """Return every work order of the vehicle with what was done, newest first."""
    found, total = use.ledger.orders.page(
        OrderFilter(organisation=operator, thing=vin), size=ENTRIES_MAX
    )
    entries = []
    for order in found:
        steps = use.ledger.orders.history(order.id)
        plain = {name: getattr(order, name) for name in (
            "number", "severity", "title", "title_zh", "assignee", "raised_at",
            "state_at", "repaired_at", "inspection", "clean_days")}  # fmt: skip
        plain |= _state(ORDER_STATES, order.state)
        entries.append(plain | {"steps": [asdict(step) for step in steps]})
    return _part("ledger: work orders", entries, total=total)


def _inspections(vin: str, operator: str, use: Services) -> Part:
    found, total = use.ledger.inspections.page(vin=vin, operator=operator, size=ENTRIES_MAX)
    entries = [
        {
            "id": i.id, "bench": i.bench, "record_no": i.record_no, "version": i.version,
            "tested_at": i.tested_at, "conclusion": i.conclusion,
            "conclusion_en": CONCLUSIONS[Conclusion(i.conclusion)][0],
            "conclusion_zh": CONCLUSIONS[Conclusion(i.conclusion)][1],
            "edition": i.opinion.get("edition"), "reasons": i.opinion.get("reasons", []),
            "measured": i.measured, "entered_by": i.entered_by, "entered_at": i.entered_at,
        }
        for i in found
    ]  # fmt: skip
    return _part("ledger: inspections", entries, total=total)


def _events(events: Sequence[LifeEvent]) -> Part:
    """Return repairs, recalls, accidents, violations and claims, each kind with its fields."""
    by_kind: dict[str, Any] = {}
    for key, kind in LIFE_KINDS.items():
        entries = [event_json(e) for e in events if e.kind == key]
        fields = [field.as_json() for field in kind.fields]
        by_kind[key] = _part(
            "ledger: imports", entries, title=kind.title, title_zh=kind.title_zh, fields=fields
        )
    return by_kind


def event_json(event: LifeEvent) -> Part:
    """Return an event as the API carries it: `as_of` is when it was entered."""
    return {
        "id": event.id, "kind": event.kind, "vin": event.vin, "at": event.at,
        "source": event.source, "reference": event.reference, "version": event.version,
        "fields": dict(event.fields), "entered_by": event.entered_by, "as_of": event.entered_at,
    }  # fmt: skip
