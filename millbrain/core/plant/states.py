"""What a machine is doing, as one code list: every indicator of ISO 22400 is summed over it.

A machine brings its state as the signal `machine_state` (the code), the pieces it made as the
counters `good_count`, `scrap_count` and `rework_count`, and its energy as the counter `energy_kwh`.
"""

from enum import IntEnum
from typing import Final


class MachineState(IntEnum):
    """State of a machine; the code is what the signal `machine_state` carries."""

    OFFLINE = 0
    PRODUCING = 1
    IDLE = 2
    SETUP = 3
    DOWN = 4
    MAINTENANCE = 5
    BLOCKED = 6
    STARVED = 7


STATE_SIGNAL: Final = "machine_state"
SCRAP_REASON_SIGNAL: Final = "scrap_reason"  # text: why the newest rejected piece was rejected
REASON_SIGNAL: Final = "stop_reason"  # text: a code of the plant's reason tree
ORDER_SIGNAL: Final = "order_operation"  # text: the order and operation under way
GOOD_SIGNAL: Final = "good_count"
SCRAP_SIGNAL: Final = "scrap_count"
REWORK_SIGNAL: Final = "rework_count"
ENERGY_SIGNAL: Final = "energy_kwh"
CYCLE_SIGNAL: Final = "cycle_s"  # time that the last piece took

# state -> (English, Chinese)
STATE_TITLES: Final = {
    MachineState.OFFLINE: ("offline", "离线"),
    MachineState.PRODUCING: ("producing", "生产"),
    MachineState.IDLE: ("idle", "待机"),
    MachineState.SETUP: ("set-up", "换型调整"),
    MachineState.DOWN: ("down", "故障停机"),
    MachineState.MAINTENANCE: ("maintenance", "计划保养"),
    MachineState.BLOCKED: ("blocked", "下游堵塞"),
    MachineState.STARVED: ("starved", "缺料等待"),
}
