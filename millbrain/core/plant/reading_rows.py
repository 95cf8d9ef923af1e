"""From parallel arrays to rows of table `reading`, for rooms that read many values at once."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from millbrain.core.columns import Columns


def reading_rows(
    link: str,
    things: NDArray[Any],
    signals: NDArray[Any],
    device_ms: NDArray[np.int64],
    received_ms: int,
    values: NDArray[np.float64],
    quality: NDArray[np.uint8],
    texts: Sequence[bytes] | None = None,
) -> Columns:
    """Return rows of `reading`; every array has shape (rows,).

    Parameters
    ----------
    link
        Key of the connection.
    things, signals
        Names as UTF-8: NumPy ``S`` or objects of ``bytes``.
    device_ms, received_ms
        Instants [ms since 1970 UTC].
    values
        NaN = no value.
    quality
        192 good, 64 uncertain, 0 bad.
    texts
        Of signals that are texts, empty elsewhere; None = no row has one.
    """
    rows = len(values)
    missing = np.isnan(values)
    columns: dict[str, Any] = {
        "thing": things,
        "signal": signals,
        "device_at": device_ms,
        "received_at": np.full(rows, received_ms, np.int64),
        "value": np.where(missing, 0.0, values),
        "quality": quality,
        "link": np.full(rows, link.encode()),
        "frame_count": np.ones(rows, np.uint8),
    }
    if texts is not None:
        columns["text"] = np.array(texts, np.object_)
    return Columns(rows, columns, {"value": missing})
