"""`millbrain bench`: runs a benchmark of benchmarks/ and prints its figures."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Final

from millbrain.core.errors import NotFoundError

FOLDER: Final = Path(__file__).resolve().parents[2] / "benchmarks"


# Those with a duration, and those with a number of records.
TIMED: Final = ("ingest", "tags")
SIZED: Final = ("resolve", "register", "resolve_codec", "scan", "trace")


def run_bench(what: str, *, as_json: bool, seconds: float, records: int = 0) -> None:
    """Run one benchmark by the name of its file; records: of those that have some, 0 = usual."""
    known = sorted(p.stem for p in FOLDER.glob("*.py") if not p.stem.startswith("_"))
    if what not in known:
        raise NotFoundError(f"there is no benchmark {what!r}; known are {', '.join(known)}")
    module = _load(what)
    if what in TIMED:
        module.main(as_json=as_json, seconds=seconds)
    elif records and what in SIZED:
        module.main(as_json=as_json, records=records)
    else:
        module.main(as_json=as_json)


def _load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"benchmarks.{name}", FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
