"""The documents and their code blocks, read once."""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
_BLOCK: Final = re.compile(
    r"(?:^<!-- needs: (?P<needs>\w+) -->\n)?^```(?P<language>\w+)\n(?P<text>.*?)^```", re.M | re.S
)


@dataclass(frozen=True)
class CodeBlock:
    """One code block: where it stands, its language, and what it needs beyond Python."""

    path: str
    line: int
    language: str
    needs: str
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}"


@cache
def documents() -> dict[str, str]:
    """Return every document that a reader meets: path -> text."""
    top = [p for p in ROOT.glob("*.md")]
    paths = sorted([*top, *(ROOT / "docs").rglob("*.md"), *rooms()])
    return {p.relative_to(ROOT).as_posix(): p.read_text("utf-8") for p in paths}


def rooms() -> list[Path]:
    return list((ROOT / "millbrain").rglob("README.md"))


def blocks(language: str) -> list[CodeBlock]:
    return [
        CodeBlock(path, text.count("\n", 0, m.start()) + 1, language, m["needs"] or "", m["text"])
        for path, text in documents().items()
        for m in _BLOCK.finditer(text)
        if m["language"] == language
    ]
