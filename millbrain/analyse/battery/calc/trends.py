"""Drift of a cell over days, by the median of pairwise slopes (Theil 1950, Sen 1968)."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def drift_mv_per_day(day: NDArray[np.int64], deviation_mv: Floats) -> Floats:
    """Return the drift of each cell [mV/day], NaN where fewer than three days are known.

    day: shape (days,), whole days. deviation_mv: shape (days, cells), NaN = not observed.
    """
    i, j = np.triu_indices(len(day), 1)
    apart = (day[j] - day[i]).astype(np.float64)
    known = np.isfinite(deviation_mv).sum(axis=0) >= 3
    result = np.full(deviation_mv.shape[1], np.nan)
    if not known.any():
        return result
    slopes = (deviation_mv[j][:, known] - deviation_mv[i][:, known]) / apart[:, None]
    result[known] = np.nanmedian(slopes, axis=0)
    return result
