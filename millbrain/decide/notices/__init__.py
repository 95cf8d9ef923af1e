"""Notices: what the ledger's outbox holds goes out, at least once, repeats marked."""

from typing import Final

from millbrain.core.rooms import App, Level, Parameter

ROOM: Final = App(
    key="notices",
    title="Notices",
    title_zh="通知",
    reads=(),  # the outbox lies in the ledger, not in the warehouse
    writes=(),
    level=Level.USABLE,
    parameters=(
        Parameter("pause_s", "Pause after a first failure; it doubles with every further one",
                  "首次失败后的等待时间，逐次加倍", 5, 1, 600),
        Parameter("pause_s_max", "Longest pause between two tries",
                  "两次尝试之间的最长等待", 3_600, 10, 86_400),
        Parameter("park_after", "Failures in a row after which a target is parked",
                  "连续失败多少次后暂停该目标", 5, 1, 100, whole=True),
        Parameter("probe_s", "Pause between two probes of a parked target",
                  "暂停后两次试探的间隔", 900, 10, 86_400),
    ),
)  # fmt: skip
