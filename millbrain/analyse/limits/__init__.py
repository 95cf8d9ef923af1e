"""Limits of signals: which values of the plant's tags are beyond what somebody set."""

from typing import Final

from millbrain.analyse.limits.model import KINDS, PARAMETERS
from millbrain.core.rooms import App, Level

ROOM: Final = App(
    key="limits",
    title="Limits of signals",
    title_zh="信号限值",
    reads=("reading",),
    writes=("finding",),
    level=Level.USABLE,
    parameters=PARAMETERS,
    start="millbrain.analyse.limits.app:start",
    kinds=KINDS,
)
