"""Tags of plants: readings pushed, committed with fsync, queryable; engine and senders share it.

    millbrain bench tags [--seconds 20] [--json]
    python benchmarks/tags.py [--seconds 20] [--json] [--only http|opcua|sparkplug|pages]

Each part starts an engine of its own in an empty folder and its senders beside it. Over HTTP what
the senders were told is compared with what is stored: a reading missing or doubled is an error. Its
bound is a bare embedded ClickHouse that is given the same rows by itself, in commits of the same
size with the same fsync, in the same run; that of OPC UA a bare client of the same server. A part
that fails is named, the others go on.
"""

import argparse
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parent))

from _engine import Figure, show
from _tags_http import figures as http
from _tags_page import figures as pages
from opcua import measure as opcua
from sparkplug import measure as sparkplug

PARTS: Final[Mapping[str, Callable[[float], list[Figure]]]] = {
    "http": http, "opcua": opcua, "sparkplug": sparkplug, "pages": pages,
}  # fmt: skip


def main(*, as_json: bool = False, seconds: float = 20.0, only: str = "") -> None:
    """Run the parts, one after the other, and print their figures; name those that failed."""
    figures, failed = [], []
    for name, part in PARTS.items():
        if only in ("", name):
            try:
                figures += part(seconds)
            except (RuntimeError, OSError, SystemExit) as error:
                failed.append(f"{name}: {error}")
    show(figures, as_json=as_json)
    if failed:
        raise SystemExit("these parts failed: " + "; ".join(failed))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--only", default="", choices=["", *PARTS])
    asked = parser.parse_args()
    main(as_json=asked.json, seconds=asked.seconds, only=asked.only)
