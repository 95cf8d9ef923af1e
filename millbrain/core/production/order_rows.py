"""Production orders as the warehouse holds them, beside the facts that name them.

A machine says under which order it works (`order_operation`: order and step, parted by the last
``/``), and says it long before or long after somebody enters that order. So what an order makes is
joined when it is asked, and stands nowhere in what was told of machines: an order that is entered
or put right later needs no hour to be told again.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from millbrain.core.columns import Columns
from millbrain.core.plant.plant import Plant
from millbrain.core.production.orders import ProductionOrder
from millbrain.core.tables import Column, Table

PRODUCTION_ORDER: Final = Table(
    "production_order",
    "Production orders as the ledger knows them, without their projected dates; the newest version"
    " holds",
    "生产订单（来自台账，不含预计完工时间），以最新版本为准",
    (
        Column("order_number", "text", "Its number, as machines name it too", "订单号"),
        Column("product", "name", "Product that is made", "产品"),
        Column("revision", "name", "Revision of the product", "产品版本"),
        Column("title", "text", "What is made, English", "名称（英文）"),
        Column("title_zh", "text", "What is made, Chinese", "名称（中文）"),
        Column("quantity_count", "u64", "Pieces that are ordered", "数量"),
        Column("customer", "text", "Reference of the customer", "客户"),
        Column("line", "name", "Line that makes it, empty = any", "生产线"),
        Column("state", "name", "State of its life cycle", "状态"),
        Column("due_at", "at_ms", "When it is needed", "需求日期", missing=True),
        Column("promised_at", "at_ms", "When the customer was told to have it", "承诺日期",
               missing=True),
        Column("entered_at", "at_ms", "When it was entered", "录入时刻", missing=True),
        Column("released_at", "at_ms", "When it was released", "下达时刻", missing=True),
        Column("started_at", "at_ms", "When it was first reported on", "开工时刻", missing=True),
        Column("completed_at", "at_ms", "When its last operation was finished", "完工时刻",
               missing=True),
        Column("operator", "name", "Organisation it belongs to, empty = the centre's own",
               "所属单位"),
        Column("is_simulated", "u8", "1 = a simulated order", "模拟订单"),
        Column("version", "u64", "Changes of it in the ledger", "变更次数"),
        Column("as_of", "at_ms", "When this version was written", "版本时刻"),
    ),
    order_by=("order_number",),
    newest_by="as_of",
)  # fmt: skip

_TEXTS: Final = ("product", "revision", "title", "title_zh", "customer", "line", "state",
                 "operator")  # fmt: skip
_INSTANTS: Final = tuple(c.name for c in PRODUCTION_ORDER.columns if c.missing)


def titled(order: ProductionOrder, plants: Sequence[Plant]) -> ProductionOrder:
    """Return an order with the titles of its product where nobody gave it any."""
    if order.title or order.title_zh:
        return order
    product = next((p.products[order.product] for p in plants if order.product in p.products), None)
    return replace(order, title=product.title, title_zh=product.title_zh) if product else order


def order_columns(orders: Sequence[ProductionOrder], as_of_ms: int) -> Columns:
    """Return orders as rows of `production_order`; as_of_ms: [ms since 1970 UTC]."""
    values: dict[str, Any] = {n: _bytes([getattr(o, n) for o in orders]) for n in _TEXTS}
    values |= {n: _instants([getattr(o, n) for o in orders]) for n in _INSTANTS}
    values |= {
        "order_number": _bytes([o.number for o in orders]),
        "quantity_count": np.array([o.quantity for o in orders], np.uint64),
        "is_simulated": np.array([o.simulated for o in orders], np.uint8),
        "version": np.array([o.version for o in orders], np.uint64),
        "as_of": np.full(len(orders), as_of_ms, np.int64),
    }
    missing = {n: np.array([getattr(o, n) is None for o in orders], np.bool_) for n in _INSTANTS}
    return Columns(len(orders), values, missing)


def _bytes(texts: Sequence[str]) -> NDArray[Any]:
    found = np.empty(len(texts), object)
    found[:] = [text.encode() for text in texts]
    return found


def _instants(found: Sequence[datetime | None]) -> NDArray[np.int64]:
    return np.array([round(at.timestamp() * 1000) if at else 0 for at in found], np.int64)
