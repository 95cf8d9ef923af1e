"""A pack of 96 cells in which the 40th loses charge: from reports to the finding, in 30 lines."""

import numpy as np

from millbrain.analyse.battery.calc.days import days_of
from millbrain.analyse.battery.calc.inputs import pack_reports
from millbrain.analyse.battery.calc.judge import judge
from millbrain.analyse.battery.calc.sums import Sums
from millbrain.analyse.battery.model import Rules
from millbrain.core.columns import Columns, Ragged
from millbrain.core.findings import Finding

CELLS, REPORTS_A_DAY, DAYS = 96, 300, 12


def example() -> list[Finding]:
    """Return what is found after twelve days."""
    random = np.random.default_rng(7)
    rows = DAYS * REPORTS_A_DAY
    day, step = np.divmod(np.arange(rows), REPORTS_A_DAY)
    soc = 95 - 70 * step / REPORTS_A_DAY
    curve = 3_400 + 4 * soc + 500 * np.clip(soc / 100 - 0.6, 0, 1) ** 1.5
    slope = np.gradient(curve[:REPORTS_A_DAY], soc[:REPORTS_A_DAY])[step]
    cells = curve[:, None] + random.normal(0, 1, (rows, CELLS)) + random.normal(0, 2, CELLS)
    cells[:, 39] -= (3 + 0.2 * day) * slope
    columns = Columns(rows, {
        "vin": np.full(rows, b"LNEVTEST0N0000001"),
        "device_at": (1_700_000_000 + day * 86_400 + step * 30).astype(np.uint32),
        "current_a": np.where(step % 3 == 0, 0, 40).astype(np.float32),
        "soc_pct": np.rint(soc).astype(np.uint8),
        "cells_mv": Ragged(np.arange(0, rows * CELLS + 1, CELLS, dtype=np.int32),
                           np.rint(cells).astype(np.uint16).reshape(-1)),
    })  # fmt: skip
    rules = Rules()
    sums = Sums(rules.rest_a, rules.leak_ohm_per_v)
    sums.watch(pack_reports(columns))
    return [finding for pack in days_of(sums.slots()) for finding in judge(pack, rules)]


if __name__ == "__main__":
    for finding in example():
        print(finding.sentence, finding.sentence_zh, sep="\n")
