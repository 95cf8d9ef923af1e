"""Open-circuit voltage over state of charge, the shape of text books and no product's data sheet.

NCM (ternary) rises all the way; LFP is flat from 20 to 95 % and steep at both ends.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

NCM: Final = "ncm"
LFP: Final = "lfp"
STEP_PCT: Final = 0.05
LOWEST_PCT: Final = -30.0
HIGHEST_PCT: Final = 108.0

_NCM_PCT = (-30, -5, 0, 3, 6, 10, 15, 20, 30, 40, 50, 60, 70, 80, 90, 100, 108)
_NCM_MV = (2_000, 2_700, 3_050, 3_330, 3_430, 3_490, 3_540, 3_575, 3_625, 3_665, 3_725, 3_820,
           3_915, 4_005, 4_090, 4_185, 4_290)  # fmt: skip
_LFP_PCT = (-30, -3, 0, 2, 5, 10, 15, 20, 30, 40, 50, 60, 65, 70, 80, 90, 95, 98, 99, 100, 100.5,
            101.5, 108)  # fmt: skip
_LFP_MV = (1_800, 2_400, 2_700, 2_950, 3_080, 3_190, 3_222, 3_247, 3_281, 3_291, 3_297, 3_308,
           3_322, 3_331, 3_333, 3_335, 3_339, 3_356, 3_378, 3_440, 3_520, 3_650, 3_900)  # fmt: skip


def _table(pct: tuple[float, ...], mv: tuple[float, ...]) -> NDArray[np.float32]:
    grid = np.arange(LOWEST_PCT, HIGHEST_PCT + STEP_PCT, STEP_PCT)
    return np.asarray(np.interp(grid, pct, mv), np.float32)


TABLES: Final[Mapping[str, NDArray[np.float32]]] = {
    NCM: _table(_NCM_PCT, _NCM_MV),
    LFP: _table(_LFP_PCT, _LFP_MV),
}


def ocv_mv(chemistry: str, soc_pct: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the open-circuit voltage [mV] of cells at `soc_pct`, clipped to -30 to 108 %."""
    table = TABLES[chemistry]
    place = (soc_pct - np.float32(LOWEST_PCT)) * np.float32(1 / STEP_PCT)
    np.clip(place, 0, len(table) - 1, out=place)
    return table[place.astype(np.int32)]
