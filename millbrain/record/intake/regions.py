"""Which region a position lies in, estimated as the nearest region centre."""

import math
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

_Degrees = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Regions:
    """Centres of the regions that vehicles are counted in.

    codes: one per region, dtype S. longitude_deg, latitude_deg: centres, float64, shape (regions,).
    reach_km: a position farther than that from every centre lies in no region.
    """

    codes: NDArray[np.bytes_]
    longitude_deg: _Degrees
    latitude_deg: _Degrees
    reach_km: float = 150.0

    def nearest(self, longitude_deg: _Degrees, latitude_deg: _Degrees) -> NDArray[np.int64]:
        """Return the index of the nearest region of each position, -1 where there is none.

        longitude_deg, latitude_deg: shape (positions,), NaN = unknown. Distances are those of a
        local plane: exact enough to choose among centres a few ten kilometres apart.
        """
        out = np.empty(len(longitude_deg), np.int64)
        _nearest(
            longitude_deg, latitude_deg, self.longitude_deg, self.latitude_deg, self.reach_km, out
        )
        return out


@njit(cache=True, nogil=True)
def _nearest(
    longitude_deg: _Degrees,
    latitude_deg: _Degrees,
    centre_longitude_deg: _Degrees,
    centre_latitude_deg: _Degrees,
    reach_km: float,
    out: NDArray[np.int64],
) -> None:
    km_per_deg = 111.2
    for row in range(len(out)):
        narrow = math.cos(math.radians(latitude_deg[row]))
        best, nearest = (reach_km / km_per_deg) ** 2, -1
        for region in range(len(centre_longitude_deg)):
            east = (longitude_deg[row] - centre_longitude_deg[region]) * narrow
            north = latitude_deg[row] - centre_latitude_deg[region]
            square = east * east + north * north
            if square < best:  # False for NaN
                best, nearest = square, region
        out[row] = nearest
