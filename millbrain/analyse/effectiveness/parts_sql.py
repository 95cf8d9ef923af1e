"""The text by which every query of the room reads parts, with each machine's place beside them."""

from typing import Final

from millbrain.analyse.effectiveness.tables import MACHINE_HOUR

_LISTS: Final = tuple(c.name for c in MACHINE_HOUR.columns if c.name.startswith("part_"))
# Newest versions of hours, one row a part. A WHERE over machine and hour_at may follow.
PARTS: Final = (
    f"SELECT machine, hour_at, until_at, as_of, {', '.join(_LISTS)} "
    f"FROM machine_hour FINAL ARRAY JOIN {', '.join(_LISTS)}"
)
