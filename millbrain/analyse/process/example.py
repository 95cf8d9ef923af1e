"""A bore that drifts by half a sigma a piece: which rules see it, and what the sentence says."""

import numpy as np

from millbrain.analyse.process.calc.judge import Readings, judge
from millbrain.analyse.process.calc.telling import findings
from millbrain.core.findings import Finding
from millbrain.core.plant.charted import Charted


def example() -> list[Finding]:
    """Return the findings of one characteristic."""
    bore = Charted(
        "MW-L03-M07", "bore_mm", "Bore diameter", "孔径", unit="mm", lower=9.97, upper=10.03
    )
    good = 10.0 + np.random.default_rng(5).normal(0.0, 0.005, 60)
    drift = 10.0 + 0.0025 * np.arange(1, 9)
    values = np.concatenate((good, drift))
    at_ms = 1_767_225_600_000 + 60_000 * np.arange(len(values))
    readings = Readings(at_ms, values, np.full(len(values), np.nan))
    return list(findings(bore, judge(bore, readings, readings), 25, 50).values())


if __name__ == "__main__":
    for finding in example():
        print(finding.sentence, finding.sentence_zh, sep="\n")
