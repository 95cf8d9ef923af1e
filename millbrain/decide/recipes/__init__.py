"""Recipes: from a scanned part to the parameters of its machine, or to the reason why not."""

from typing import Final

from millbrain.core.rooms import App, Level

ROOM: Final = App(
    key="recipes",
    title="Scan to parameters",
    title_zh="扫码下参",
    reads=(),  # recipes and scans lie in the ledger, not in the warehouse
    writes=(),
    level=Level.SKETCH,
    records=("recipe", "scan_station", "qualification", "known_part", "scan"),
)
