"""What is measured of a part. Apart from the kernels: pages sum parts up without compiling them."""

from dataclasses import dataclass, fields
from typing import Final

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Parts:
    """Parts in order of time, shape (n,). hour: begin of the hour [ms]; others as their names."""

    hour: NDArray[np.int64]
    day: NDArray[np.int32]
    shift: NDArray[np.int32]
    busy: NDArray[np.uint8]
    job: NDArray[np.int32]
    state: NDArray[np.uint8]
    reason: NDArray[np.int32]
    time_ms: NDArray[np.int64]
    starts_count: NDArray[np.int64]
    micro_count: NDArray[np.int64]
    micro_ms: NDArray[np.int64]
    good: NDArray[np.float64]
    scrap: NDArray[np.float64]
    rework: NDArray[np.float64]
    ideal_ms: NDArray[np.float64]
    ideal_good_ms: NDArray[np.float64]
    energy_kwh: NDArray[np.float64]

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.hour)


MEASURES: Final = tuple(f.name for f in fields(Parts))[7:]
