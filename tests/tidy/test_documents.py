"""Documents have a title, links that lead somewhere, and a drawing that is true."""

import re
from pathlib import Path

from tests.tidy import sources
from tests.tidy.sources import ROOT

ARCHITECTURE_LINES_MAX = 200  # a line per folder, and two pages of words
UNLISTED = {"__pycache__"}


def markdown() -> list[tuple[str, str]]:
    paths = [p for p in sources.files() if p.suffix == ".md"]
    return [(p.relative_to(ROOT).as_posix(), p.read_text("utf-8")) for p in paths]


def title_missing(path: str, text: str) -> bool:
    first = next((line for line in text.splitlines() if line.strip()), "")
    return not re.match(r"# \S", first)


def without_code(text: str) -> str:
    return re.sub(r"`[^`\n]*`", "", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S))


def dead_links(path: str, text: str) -> list[str]:
    found = []
    for target in re.findall(r"\[[^\]]*\]\(([^)\s]+)\)", without_code(text)):
        if re.match(r"[a-z]+:|#", target):
            continue
        file = (ROOT / path).parent / target.partition("#")[0]
        if not file.exists():
            found.append(f"{path}: the link to {target} leads nowhere")
    return found


def test_every_document_has_a_title() -> None:
    untitled = [p for p, t in markdown() if title_missing(p, t)]
    assert not untitled, f"a document begins with '# Title', so that lists can name it: {untitled}"


def test_no_link_is_dead() -> None:
    dead = [d for p, t in markdown() for d in dead_links(p, t)]
    assert not dead, "\n" + "\n".join(dead)


def architecture() -> str:
    return (ROOT / "ARCHITECTURE.md").read_text("utf-8")


def test_architecture_is_short() -> None:
    lines = architecture().count("\n")
    assert lines <= ARCHITECTURE_LINES_MAX, (
        f"ARCHITECTURE.md has {lines} lines; more than {ARCHITECTURE_LINES_MAX} are not read"
    )


def drawn_folders() -> set[str]:
    tree = re.search(r"^```tree\n(.*?)^```", architecture(), re.M | re.S)
    assert tree, "ARCHITECTURE.md draws the folders in a block marked ```tree"
    return {line.split()[0].rstrip("/") for line in tree.group(1).splitlines() if line.strip()}


def real_folders() -> set[str]:
    """Top folders, the stages, what stands in a stage, and the rooms."""
    top = {f for f in ROOT.iterdir() if is_drawn(f)}
    stages = {f for f in (ROOT / "millbrain").iterdir() if is_drawn(f)}
    inner = {f for s in stages for f in s.iterdir() if is_drawn(f)}
    docs = {f for f in (ROOT / "docs").iterdir() if is_drawn(f)}
    return {f.relative_to(ROOT).as_posix() for f in top | stages | inner | docs}


def is_drawn(folder: Path) -> bool:
    if not folder.is_dir() or folder.name.startswith(".") or folder.name in UNLISTED:
        return False
    return sources.is_ours(folder) and any(f.is_file() for f in folder.rglob("*"))


def test_the_drawing_is_the_house() -> None:
    missing = sorted(real_folders() - drawn_folders())
    gone = sorted(drawn_folders() - real_folders())
    assert not missing, f"folders that ARCHITECTURE.md does not draw: {missing}"
    assert not gone, f"ARCHITECTURE.md draws folders that do not exist: {gone}"


def test_every_file_in_the_reading_order_exists() -> None:
    listed = re.findall(r"^\d+\. `([^`]+)`", architecture(), re.M)
    gone = [f for f in listed if not (ROOT / f).exists()]
    assert listed, "ARCHITECTURE.md lists the files in reading order as '1. `path` what it is'"
    assert not gone, f"the reading order names files that do not exist: {gone}"
