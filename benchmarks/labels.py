"""Labels: sheets of 1,000, every label read back, by CPU time.

    millbrain bench labels [--json]        python benchmarks/labels.py [--json]

The goal is 100 a second of a core: 1,000 labels in 10 s. Time is CPU time of the process that
prints; the kinds take their turns, the median of three rounds is told.
"""

import argparse
import statistics
import sys
import time
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parent))

from _engine import Figure, show

from millbrain.identify.labels import choices, sheets

LABELS: Final = 1_000
GOAL_HZ: Final = 100
ROUNDS: Final = 3
KINDS: Final = (
    ("part", "a4-3x8", "pdf", "88.100.1/P{:08}"),
    ("link", "a4-3x8", "pdf", "https://id.example.cn/88.100.1/P{:08}"),
    ("case", "a4-3x8", "pdf", "88.100.1/P{:08}"),
    ("gs1-item", "a4-3x8", "pdf", "(01)09506000134352(21)S{:06}"),
    ("part", "roll-40x30", "zpl", "88.100.1/P{:08}"),
    ("link", "roll-60x40", "zpl", "https://id.example.cn/88.100.1/P{:08}"),
)


def main(*, as_json: bool = False) -> None:
    """Run the benchmark and print its figures."""
    rounds = [[_cpu_s(*kind) for kind in KINDS] for _ in range(ROUNDS)]
    medians = map(statistics.median, zip(*rounds, strict=True))
    show(
        [
            Figure(
                f"labels_{design}_{kind}".replace("-", "_"),
                LABELS / took_s,
                "labels/cpu_s",
                GOAL_HZ,
            )
            for (design, _, kind, _), took_s in zip(KINDS, medians, strict=True)
        ],
        as_json=as_json,
    )


def _cpu_s(design: str, stock: str, kind: str, code: str) -> float:
    labels = [
        sheets.label(f"88.100.1/P{n:08}", code.format(n), {"MODEL": "NC250"}) for n in range(LABELS)
    ]
    wanted = sheets.order(
        {"format": kind, "dpi": 300}, choices.designs()[design], choices.stocks()[stock], labels
    )
    started = time.process_time()
    made = sheets.printed(wanted)
    took_s = time.process_time() - started
    assert made.labels == LABELS
    return took_s


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    main(as_json=parser.parse_args().json)
