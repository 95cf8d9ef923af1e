"""Production: orders into operations, reports of job cards, who may begin what, calls for help."""

from typing import Final

from millbrain.core.rooms import App, Level, Parameter

ROOM: Final = App(
    key="production",
    title="Production",
    title_zh="生产执行",
    reads=(),  # orders, reports and calls lie in the ledger, not in the warehouse
    writes=(),
    level=Level.USABLE,
    parameters=(
        Parameter("acknowledge_min", "Minutes until a call that nobody answered is escalated",
                  "呼叫无人响应时的升级时限（分钟）", 5, 0.1, 1_440),
        Parameter("stop_min", "The same of a call that stops the line",
                  "停线呼叫的升级时限（分钟）", 2, 0.1, 1_440),
        Parameter("resolve_min", "Minutes until a call that was answered but not solved is "
                  "escalated", "已响应但未解决时的升级时限（分钟）", 30, 0.1, 1_440),
        Parameter("project_s", "Pause between two projections of completion",
                  "两次完工预测之间的间隔（秒）", 20, 1, 3_600),
    ),
    records=("production_order", "production_step", "order_operation", "operation_station",
             "production_report", "lot_move", "andon_call", "andon_step"),
)  # fmt: skip
