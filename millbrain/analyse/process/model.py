"""The rules of the room: how much is looked at, what is remembered, which findings there are."""

from typing import Final

from millbrain.core.rooms import Parameter

CAPABILITY: Final = "capability"
APP: Final = "process"

PARAMETERS: Final = (
    Parameter("look_s", "Pause between two looks for new readings", "检查新测点数据的间隔",
              5.0, 0.1, 3600.0),
    Parameter("window_points_count", "Points of a chart that are judged", "参与判定的点数",
              200, 30, 2_000, whole=True),
    Parameter("watch_points_count", "A finding closes after so many points without the pattern",
              "连续多少点无异常后关闭结论", 25, 1, 500, whole=True),
    Parameter("capability_values_count", "Fewer values say nothing of the capability",
              "能力评价所需最少数据个数", 50, 10, 2_000, whole=True),
)  # fmt: skip

# Kinds stand here as text too, so that the card needs no numerical library.
KINDS: Final = {
    "nelson_1": ("beyond a control limit", "超出控制限"),
    "nelson_2": ("nine on one side", "连续9点同侧"),
    "nelson_3": ("six rising or falling", "连续6点递增或递减"),
    "nelson_4": ("fourteen up and down", "连续14点交替"),
    "nelson_5": ("two of three beyond two sigma", "3点中2点超2σ"),
    "nelson_6": ("four of five beyond one sigma", "5点中4点超1σ"),
    "nelson_7": ("fifteen within one sigma", "连续15点在1σ内"),
    "nelson_8": ("eight outside one sigma", "连续8点在1σ外"),
    "we_1": ("beyond a control limit", "超出控制限"),
    "we_2": ("two of three beyond two sigma", "3点中2点超2σ"),
    "we_3": ("four of five beyond one sigma", "5点中4点超1σ"),
    "we_4": ("eight on one side", "连续8点同侧"),
    CAPABILITY: ("process not capable", "过程能力不足"),
}
