"""Orders: who must do what until when, from the call-out to the vehicle that is healthy again."""

from typing import Final

from millbrain.core.rooms import App, Level, Parameter

_HOURS: Final = (
    ("dispatch_h", "Working hours until a raised order is dispatched", "派发时限（工作小时）", 8),
    ("accept_h", "Working hours until it is accepted", "接单时限（工作小时）", 8),
    ("start_h", "Working hours until the work begins", "开工时限（工作小时）", 24),
    ("repair_h", "Working hours until the work is done", "完工时限（工作小时）", 40),
    ("rise_h", "Working hours between two escalations", "逐级升级间隔（工作小时）", 4),
    ("danger_dispatch_h", "For danger every hour counts: dispatch", "危险级：派发（小时）", 1),
    ("danger_accept_h", "... accept", "危险级：接单（小时）", 1),
    ("danger_start_h", "... begin the work", "危险级：开工（小时）", 4),
    ("danger_repair_h", "... be done", "危险级：完工（小时）", 24),
    ("danger_rise_h", "... between two escalations", "危险级：升级间隔（小时）", 1),
)  # fmt: skip

ROOM: Final = App(
    key="orders",
    title="Work orders",
    title_zh="工单",
    reads=(),  # alarms and orders lie in the ledger, not in the warehouse
    writes=(),
    level=Level.USABLE,
    parameters=(
        *(Parameter(name, text, zh, value, 0.1, 2_000) for name, text, zh, value in _HOURS),
        Parameter("verify_days", "Days until the data must have judged a repair",
                  "数据验证期限（天）", 30, 1, 365),
        Parameter("clean_days", "Clean days after a repair until an order is closed",
                  "关闭前须连续无异常天数", 7, 1, 90, whole=True),
        Parameter("return_days", "Days after a repair in which the same finding reopens its order",
                  "同一结论复发重开工单的期限（天）", 90, 1, 730),
        Parameter("auto_severity", "Least severity that is dispatched at once; 5 = none",
                  "自动派发的最低严重程度（5 为不自动派发）", 3, 0, 5, whole=True),
        Parameter("look_s", "Pause between two looks at what the data say of a repair",
                  "两次查看验证结论的间隔", 60, 1, 86_400),
    ),
)  # fmt: skip
