"""Inspection lane: a vehicle judged by the items and limits of GB/T 44500-2024."""

from typing import Final

from millbrain.core.rooms import App, Level

ROOM: Final = App(
    key="inspection",
    title="Inspection lane",
    title_zh="检验线",
    reads=("vehicle_report",),
    writes=(),
    records=("inspection", "inspection_limit"),
    level=Level.USABLE,
)
