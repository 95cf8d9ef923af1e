"""The form of a table of production orders: imports, API, pages and documents read this list."""

import re
from typing import Final

from millbrain.core import limits
from millbrain.core.forms import FormField

NUMBER: Final = re.compile(r"[A-Za-z0-9._:-]{1,64}")  # stands in addresses and on labels

ORDER_FORM: Final = (
    FormField("number", "id", "Order", "订单号", is_required=True,
              headings=("order number", "order no", "工单号", "生产订单")),
    FormField("product", "id", "Product", "产品", is_required=True,
              headings=("item", "material", "物料", "产品编码", "物料编码")),
    FormField("quantity", "whole", "Quantity", "数量", is_required=True, low=1,
              high=limits.ORDER_PIECES_MAX, headings=("qty", "计划数量", "订单数量")),
    FormField("revision", "text", "Revision", "版本", longest=32, headings=("rev", "图纸版本")),
    FormField("title", "text", "Title", "名称", longest=128, headings=("description",)),
    FormField("title_zh", "text", "Title in Chinese", "中文名称", longest=128),
    FormField("customer", "text", "Customer reference", "客户参考号", longest=128,
              headings=("customer", "客户", "客户订单号")),
    FormField("due_at", "at", "Needed at", "需求日期", headings=("due", "due date", "交期")),
    FormField("promised_at", "at", "Promised at", "承诺日期",
              headings=("promised", "承诺交期")),
    FormField("priority", "whole", "Priority", "优先级", low=1, high=9),
    FormField("line", "id", "Line", "产线", headings=("line or cell", "生产线")),
    FormField("release", "truth", "Release at once", "立即下达"),
)  # fmt: skip
