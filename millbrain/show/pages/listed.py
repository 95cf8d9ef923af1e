"""The pages of our own, declared as data; rooms bring theirs in their cards."""

from dataclasses import dataclass
from functools import partial
from typing import Final

from millbrain.core.pages import Query


@dataclass(frozen=True, slots=True)
class PlainPage:
    """A page of our own. key: its name in the navigation, empty where it has no entry.

    queries: what a room's page asks for. way: whether it stands in the row of ways that the pages
    of one key share.
    """

    path: str
    template: str
    title: str
    key: str = ""
    title_zh: str = ""
    queries: tuple[Query, ...] = ()
    way: bool = False


_identifiers = partial(PlainPage, key="identifiers", way=True)
_plant = partial(PlainPage, key="plant", way=True)

PAGES: Final = (
    PlainPage("/", "overview.html", "Overview", "overview"),
    PlainPage("/vehicles", "vehicles.html", "Vehicles", "vehicles"),
    PlainPage("/vehicles/{vin}", "vehicle.html", "Vehicle", "vehicles"),
    PlainPage("/vehicles/{vin}/record", "vehicle_record.html", "Health record", "vehicles"),
    PlainPage("/vehicles/{vin}/replay", "replay.html", "Accident replay", "vehicles"),
    PlainPage("/lane", "lane.html", "Inspection lane", "lane"),
    PlainPage("/lane/{id}", "inspection.html", "Inspection", "lane"),
    PlainPage("/alarms", "alarms.html", "Alarms", "alarms"),
    PlainPage("/orders", "orders.html", "Work orders", "orders"),
    PlainPage("/orders/notices", "notices.html", "Notices", "orders"),
    PlainPage("/orders/{number}", "order.html", "Work order", "orders"),
    _identifiers("/identifiers", "identifiers.html", "Resolve"),
    PlainPage("/identifiers/record", "identifier_record.html", "Record", "identifiers"),
    _identifiers("/identifiers/trace", "identifier_trace.html", "Trace"),
    _identifiers("/identifiers/recall", "identifier_recall.html", "Recall list"),
    _identifiers("/identifiers/templates", "identifier_templates.html", "Templates"),
    _identifiers("/identifiers/nodes", "identifier_nodes.html", "Nodes and prefixes"),
    _identifiers("/identifiers/statistics", "identifier_statistics.html", "Statistics"),
    _identifiers("/identifiers/labels", "identifier_labels.html", "Labels"),
    _plant("/plant/production", "production.html", "Production orders"),
    PlainPage("/plant/production/{number}", "production_order.html", "Production order", "plant"),
    _plant("/plant/andon", "andon.html", "Andon"),
    _plant("/plant/pay", "plant_pay.html", "Pay"),
    _plant("/plant/report", "plant_report.html", "Shift report"),
    PlainPage("/cards", "cards.html", "Job cards"),
    _plant("/connections", "connections.html", "Connections"),
    PlainPage("/connections/{key}", "connection.html", "Connection", "plant"),
    _plant("/trend", "trend.html", "Trend"),
    _plant("/plant/limits", "plant_limits.html", "Signal limits"),
    PlainPage("/scan", "scan.html", "Scan"),
    PlainPage("/intake", "intake.html", "Intake", "intake", way=True),
    PlainPage("/system", "system.html", "System", "system"),
    PlainPage("/dictionary", "dictionary.html", "Data dictionary", "system"),
    PlainPage("/account", "account.html", "Account"),
)
