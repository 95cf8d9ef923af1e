"""A bearing that runs hot, and cools down again."""

import numpy as np

from millbrain.analyse.limits import calc
from millbrain.core.columns import Columns
from millbrain.core.plant.readings import GOOD
from millbrain.core.plant.signal_limits import SignalLimits


def example() -> list[tuple[float, int, int]]:
    """Return the values that crossed a limit, each with the level before and after."""
    limits = (SignalLimits("PUMP-1", "bearing_degc", high=80, high_high=95, deadband=5, number=1),)
    values = np.array([70.0, 82, 79, 96, 74, 60])  # 79 is inside, but not by more than 5
    rows = Columns(6, {
        "thing": np.full(6, b"PUMP-1"), "signal": np.full(6, b"bearing_degc"),
        "device_at": np.arange(6) * 1000 + 1, "value": values,
        "quality": np.full(6, GOOD, np.uint8),
    })  # fmt: skip
    series = calc.Finder(limits).series(rows)
    found = calc.judge(calc.bounds_of(limits), calc.State.blank(1), series, rows)
    return list(zip(found.value.tolist(), found.before.tolist(), found.after.tolist(), strict=True))


if __name__ == "__main__":
    print(*example(), sep="\n")
