"""The repository's own text, read once, for the tidy rules."""

import ast
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
PYTHON_FOLDERS: Final = ("millbrain", "tests", "tools", "benchmarks", "examples")
TEXT_SUFFIXES: Final = frozenset(
    (".py", ".md", ".toml", ".sh", ".html", ".css", ".js", ".po", ".sql", ".json", ".tsv", ".svg")
)
NOT_OURS: Final = frozenset(
    (".git", ".venv", "node_modules", "build", "data", "vendor", "screenshots")
)


@dataclass(frozen=True)
class Source:
    """One Python file: where it is, its text and its syntax tree."""

    path: str
    text: str
    tree: ast.Module

    @classmethod
    def of(cls, text: str, path: str = "millbrain/record/sample.py") -> "Source":
        return cls(path, text, ast.parse(text))


def is_ours(path: Path) -> bool:
    parts = path.relative_to(ROOT).parts
    return not any(p in NOT_OURS or p.endswith((".egg-info", "_cache")) for p in parts)


@cache
def files() -> tuple[Path, ...]:
    """Every text file of the repository that is not installed, generated data or a cache."""
    named = {ROOT / "Makefile", ROOT / ".ci" / "run", ROOT / "LICENSE"}
    found = (p for p in ROOT.rglob("*") if p.is_file() and is_ours(p))
    return tuple(sorted(p for p in found if p.suffix in TEXT_SUFFIXES or p in named))


@cache
def python() -> tuple[Source, ...]:
    """Every Python file of ours."""
    folders = [ROOT / f for f in PYTHON_FOLDERS]
    paths = [p for p in files() if p.suffix == ".py" and any(f in p.parents for f in folders)]
    texts = [(p, p.read_text("utf-8")) for p in paths]
    return tuple(Source(p.relative_to(ROOT).as_posix(), t, ast.parse(t)) for p, t in texts)


@cache
def package() -> tuple[Source, ...]:
    """The Python files that are shipped."""
    return tuple(s for s in python() if s.path.startswith("millbrain/"))
