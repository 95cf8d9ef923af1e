"""Orders as JSON, both ways, for the process that prints. Pure."""

from dataclasses import asdict
from typing import Any

import orjson

from millbrain.identify.labels.fields import Design, Line, Stock
from millbrain.identify.labels.sheets import Label, Order


def order_json(order: Order) -> bytes:
    """Write an order."""
    return orjson.dumps(asdict(order))


def read_order(raw: bytes) -> Order:
    """Read what `order_json` wrote."""
    told: dict[str, Any] = orjson.loads(raw)
    design, stock = told.pop("design"), told.pop("stock")
    lines = tuple(Line(**line) for line in design.pop("lines"))
    sizes: dict[str, Any] = {
        name: tuple(one) if isinstance(one, list) else one for name, one in stock.items()
    }
    labels = tuple(Label(**label) for label in told.pop("labels"))
    return Order(Design(**design, lines=lines), Stock(**sizes), labels, **told)
