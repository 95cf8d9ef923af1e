"""Alarms: which findings an operator must know of, until when, and how loudly."""

from typing import Final

from millbrain.core.rooms import App, Level

ROOM: Final = App(
    key="alarms",
    title="Alarms",
    title_zh="告警管理",
    reads=("finding",),
    writes=(),
    level=Level.USABLE,
)
