"""GB/T 32960.3, editions 2016 and 2025: how electric vehicles report to a monitoring centre."""

from typing import Any, Final

from millbrain.core.pages import Page
from millbrain.core.rooms import Driver, Level


def _inspect(hex: str = "") -> dict[str, Any]:
    """Explain pasted hex; the inspector is imported on first use, so that the card stays light."""
    from millbrain.connect.gbt32960.inspect import inspect

    return inspect(hex)


def _examples() -> list[dict[str, str]]:
    """Return frames to try."""
    from millbrain.connect.gbt32960.examples import examples

    return examples()


ROOM: Final = Driver(
    key="gbt32960",
    title="Electric vehicles (GB/T 32960)",
    title_zh="新能源汽车（GB/T 32960）",
    standards=("GB/T 32960.3-2016", "GB/T 32960.3-2025"),
    port=32960,
    level=Level.PROVEN,
    start="millbrain.connect.gbt32960.driver:start",
    pages=(
        Page(
            path="/inspector",
            title="Frame inspector",
            title_zh="报文解析",
            template="page.html",
            answers={"inspect": _inspect, "examples": _examples},
            within="/intake",
        ),
    ),
)
