"""Two hours of a meter around midnight: to which day each belongs, how high the peak was."""

import numpy as np

from millbrain.analyse.energy.calc import Day, Intervals, days


def example() -> list[Day]:
    """Return the days of eight quarter-hours; the fourth ends at midnight, Beijing time."""
    at_ms = 1_514_732_400_000 + 900_000 * np.arange(1, 9)
    energy = np.array([3.0, 4.0, 5.0, 6.0, 7.0, 2.0, 1.0, 1.0])
    none = np.full(8, np.nan)
    return days(Intervals(at_ms, energy, energy / 2, none, none, ["light"] * 8), 8.0, 900)


if __name__ == "__main__":
    for day in example():
        print(np.datetime64(day.day, "D"), day.energy_kwh, "kWh, peak", day.peak_kw, "kW")
