"""Draws the alarm's life cycle from its declaration: a picture, and the table in the document.

`python tools/draw_alarm_states.py` writes both; a test compares them with `core.alarms`.
"""

import re
import sys
from collections import defaultdict
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from millbrain.core.alarms import ISA_LETTERS, LIFECYCLE  # noqa: E402  # after the path is set

PICTURE: Final = ROOT / "docs" / "concepts" / "alarm-states.svg"
DOCUMENT: Final = ROOT / "docs" / "concepts" / "alarms.md"
_BEGIN: Final = "<!-- table: made by tools/draw_alarm_states.py -->"
_END: Final = "<!-- end of table -->"
_WIDTH: Final = 200
_CENTRED: Final = ' text-anchor="middle"'
_HEIGHT: Final = 46
# Middle of each box: the way of an alarm goes down, what is latched stands right, hidden below.
_PLACES: Final = {
    "delayed": (130, 50), "unacknowledged": (130, 190), "acknowledged": (130, 390),
    "returned_unacknowledged": (450, 325), "latched_unacknowledged": (770, 190),
    "latched_acknowledged": (770, 390), "normal": (450, 530), "suppressed": (130, 660),
    "shelved": (450, 660), "out_of_service": (770, 660),
}  # fmt: skip
_HIDDEN: Final = frozenset(("suppressed", "shelved", "out_of_service"))
_NOTES: Final = (
    (240, 54, "gone before its delay is over: normal"),
    (450, 612, "Every announced state can be suppressed by design, shelved or taken out of service."
     " Afterwards: B, E if latched, A if the condition is gone."),
)  # fmt: skip
_STYLE: Final = (
    "text{font:13px system-ui,sans-serif;fill:#16191c}.zh{font-size:11px;fill:#565b61}"
    ".say{font-size:11px;fill:#565b61;paint-order:stroke;stroke:#f6f5f1;stroke-width:4px}"
    "rect{fill:#fcfbf8;stroke:#16191c}path{fill:none;stroke:#868b91}"
)


def table() -> str:
    """Return the transition table as Markdown, one row for each state and action."""
    lines = [
        "| from | | what happens | condition | to | |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for step in LIFECYCLE.steps:
        action = LIFECYCLE.actions[step.action]
        who = "" if action.role else " (platform)"
        for source in step.sources:
            names = [f"{LIFECYCLE.states[s][0]} {LIFECYCLE.states[s][1]}" for s in
                     (source, step.target)]  # fmt: skip
            lines.append(
                f"| {names[0]} | {ISA_LETTERS[source]} | {action.title} {action.title_zh}{who} |"
                f" {step.when.replace('!', 'not ').replace('_', ' ')} | {names[1]} |"
                f" {ISA_LETTERS[step.target]} |"
            )
    return "\n".join(lines)


def picture() -> str:
    """Return the states and the steps between them as SVG."""
    says: dict[tuple[str, str], list[str]] = defaultdict(list)
    for step in LIFECYCLE.steps:
        for source in step.sources:
            word = step.action + (" (latched)" if step.when == "is_latched" else "")
            if not {source, step.target} & _HIDDEN and step.action != "drop":
                says[source, step.target].append(word)
    arrows = [_arrow(a, b, ", ".join(words)) for (a, b), words in says.items()]
    boxes = [_box(state) for state in LIFECYCLE.states]
    notes = [
        f'<text x="{x}" y="{y}" class="zh"{"" if i == 0 else _CENTRED}>{text}</text>'
        for i, (x, y, text) in enumerate(_NOTES)
    ]
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 900 720" role="img">'
        f"<title>States of an alarm, with the letters of ISA-18.2</title><style>{_STYLE}</style>"
        '<defs><marker id="a" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7"'
        ' orient="auto"><path d="M0 0 8 4 0 8" style="stroke:#565b61"/></marker></defs>'
        '<rect width="900" height="720" style="fill:#f6f5f1;stroke:none"/>\n'
        + "\n".join((*arrows, *boxes, *notes))
        + "\n</svg>\n"
    )


def document(text: str) -> str:
    """Return the document with the table of today."""
    pattern = re.compile(f"{re.escape(_BEGIN)}.*{re.escape(_END)}", re.DOTALL)
    return pattern.sub(lambda _: f"{_BEGIN}\n{table()}\n{_END}", text)


def _box(state: str) -> str:
    x, y = _PLACES[state]
    title, title_zh = LIFECYCLE.states[state]
    return (
        f'<rect x="{x - _WIDTH // 2}" y="{y - _HEIGHT // 2}" width="{_WIDTH}" height="{_HEIGHT}"'
        f' rx="4"/><text x="{x}" y="{y - 3}" text-anchor="middle">{ISA_LETTERS[state]} {title}'
        f'</text><text x="{x}" y="{y + 14}" text-anchor="middle" class="zh">{title_zh}</text>'
    )


def _edge(x: int, y: int, towards_x: int, towards_y: int) -> tuple[float, float]:
    """Return where the line from a box's middle to another one leaves the box."""
    dx, dy = towards_x - x, towards_y - y
    share = min(
        _WIDTH / 2 / abs(dx) if dx else 9.0,
        _HEIGHT / 2 / abs(dy) if dy else 9.0,
    )
    return x + dx * share, y + dy * share


def _arrow(source: str, target: str, words: str) -> str:
    (x1, y1), (x2, y2) = _PLACES[source], _PLACES[target]
    start, end = _edge(x1, y1, x2, y2), _edge(x2, y2, x1, y1)
    # There and back are two curves: each bends to its own right.
    bend_x, bend_y = (y1 - y2) * 0.12, (x2 - x1) * 0.12
    middle = ((start[0] + end[0]) / 2 + bend_x, (start[1] + end[1]) / 2 + bend_y)
    say_x, say_y = (middle[0] * 2 + start[0] + end[0]) / 4, (middle[1] * 2 + start[1] + end[1]) / 4
    anchor = "middle"
    if x1 == x2:  # beside an upright arrow, below its middle, where a level one may cross it
        anchor = "end" if bend_x < 0 else "start"
        say_x, say_y = say_x + (-5 if bend_x < 0 else 5), say_y + 28
    return (
        f'<path d="M{start[0]:.0f} {start[1]:.0f}Q{middle[0]:.0f} {middle[1]:.0f} {end[0]:.0f}'
        f' {end[1]:.0f}" marker-end="url(#a)"/><text x="{say_x:.0f}" y="{say_y:.0f}"'
        f' text-anchor="{anchor}" class="say">{words}</text>'
    )


def main() -> None:
    """Write the picture and the table."""
    PICTURE.write_text(picture(), "utf-8")
    DOCUMENT.write_text(document(DOCUMENT.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main()
