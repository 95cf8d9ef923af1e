"""What the room finds, and what an operator may set of it."""

from typing import Final

from millbrain.core.rooms import Parameter

APP: Final = "limits"
HIGH: Final = "high"
LOW: Final = "low"
KINDS: Final = {
    HIGH: ("above its limit", "超过上限"),
    LOW: ("below its limit", "低于下限"),
}
PARAMETERS: Final = (
    Parameter("look_s", "Pause between two looks at what came in", "两次检查之间的间隔",
              0.5, 0.05, 60.0),
    Parameter("behind_s", "Readings so old at the start are looked at again", "启动时回看的时长",
              600.0, 0.0, 86_400.0),
)  # fmt: skip
