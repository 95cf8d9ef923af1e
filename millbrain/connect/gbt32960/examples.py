"""Frames to try in the inspector, built by our own encoder around invented vehicles.

They show one thing each: a whole 2016 report, what the 2025 edition changed, markers, a login, a
command's answer, and the faults that a receiver meets. None is copied from a recording.
"""

from functools import cache
from typing import Any, Final

from millbrain.connect.gbt32960.codec import encode

_COMMAND: Final = 0xFE
_VEHICLE_2016: Final[dict[str, Any]] = {
    "status": 1, "charge": 3, "mode": 1, "speed_kmh": 46.3, "odo_km": 18_204.7, "v": 352.8,
    "a": 41.2, "soc": 68, "dcdc": 1, "gear": 14, "brake_force": False, "drive_force": True,
    "insul_kohm": 5120, "accel": 22, "brake": 0,
}  # fmt: skip
_VEHICLE_2025: Final = {
    k: v for k, v in _VEHICLE_2016.items() if k not in ("accel", "brake")
}  # the 2025 edition sends no pedals
_MOTOR_2016: Final = {"no": 1, "state": 1, "ctrl_c": 41, "rpm": 4120, "nm": 63.5, "motor_c": 52,
                      "v": 352.0, "a": 40.8}  # fmt: skip
_MOTOR_2025: Final = {k: v for k, v in _MOTOR_2016.items() if k not in ("v", "a")}
_ALARMS_NONE: Final = {"level": 0, "flags": [], "ess": [], "motor": [], "engine": [], "other": []}


def _cells(weak: int = -1) -> list[float | None]:
    """96 cells around 3.675 V; cell number `weak` hangs 62 mV below."""
    return [
        round(3.675 + (i * 7 % 5 - 2) / 1000 - (0.062 if i == weak else 0), 3) for i in range(96)
    ]


def _temps() -> list[int]:
    return [24 + i % 3 for i in range(16)]


def _report_2016(cells: list[float | None]) -> list[dict[str, Any]]:
    known = [c for c in cells if c is not None]
    high, low = max(known), min(known)
    return [
        {"t": 1, "v": _VEHICLE_2016},
        {"t": 2, "v": [_MOTOR_2016]},
        {"t": 5, "v": {"valid": True, "lon": 106.551234, "lat": 29.563012}},
        {"t": 6, "v": {"vmax": [1, cells.index(high) + 1, high],
                       "vmin": [1, cells.index(low) + 1, low],
                       "tmax": [1, 3, 26], "tmin": [1, 1, 24]}},
        {"t": 7, "v": _ALARMS_NONE},
        {"t": 8, "v": [{"sub": 1, "v": 352.8, "a": 41.2, "cells_total": 96, "start": 1, "n": 96,
                        "cells_v": cells}]},
        {"t": 9, "v": [{"sub": 1, "temps_c": _temps()}]},
    ]  # fmt: skip


def _report_2025() -> list[dict[str, Any]]:
    alarms = _ALARMS_NONE | {"level": 4, "flags": [10, 23], "ess": ["00000A17"],
                             "general_levels": [[10, 2], [23, 4]]}  # fmt: skip
    return [
        {"t": 1, "v": _VEHICLE_2025},
        {"t": 2, "v": [_MOTOR_2025]},
        {"t": 5, "v": {"valid": True, "sys": 2, "lon": 106.551234, "lat": 29.563012}},
        {"t": 6, "v": alarms},
        {"t": 7, "v": [{"sub": 1, "v": 352.8, "a": 41.2, "cells_total": 96,
                        "cells_v": _cells(weak=40)}]},
        {"t": 8, "v": [{"sub": 1, "temps_c": _temps()}]},
    ]  # fmt: skip


def _frame(edition: int, command: int, vin: str, data: dict[str, Any], **more: Any) -> str:
    resp = more.pop("resp", _COMMAND)
    at = {"time": "2026-05-20T08:30:15+08:00"}
    message = {"ver": edition, "cmd": command, "resp": resp, "id": vin, "data": at | data, **more}
    return encode(message).hex()


_VIN_2016: Final = "LMBDEMA16TA000016"
_VIN_2025: Final = "LMBDEMA25TA000025"


@cache
def examples() -> list[dict[str, str]]:
    """Return the examples: title, title_zh, hex."""
    report = _frame(2016, 2, _VIN_2016, {"infos": _report_2016(_cells())})
    marked = _report_2016([None, *_cells()[1:]])
    marked[0] = {"t": 1, "v": _VEHICLE_2016 | {"a": None, "soc": None, "insul_kohm": None}}
    login = {"serial": 1, "iccid": "89860000000000000016", "n": 1, "m": 0, "codes": []}
    wrong = _frame(2016, 2, _VIN_2016, {"infos": _report_2016(_cells())}, bcc_ok=False)
    logout = _frame(2016, 4, _VIN_2016, {"serial": 1})
    rows = (
        ("2016 report", "2016版实时信息", report),
        ("2025 report with a thermal event", "2025版热事件报警",
         _frame(2025, 2, _VIN_2025, {"infos": _report_2025()})),
        ("values marked invalid", "含无效值", _frame(2016, 2, _VIN_2016, {"infos": marked})),
        ("login", "车辆登入", _frame(2016, 1, _VIN_2016, login)),
        ("check byte wrong", "校验码错误", wrong),
        ("cut off", "截断报文", report[: len(report) * 3 // 5]),
        ("two frames with stray bytes between", "两帧之间夹杂字节",
         f"{logout} 00 ff 0d 0a {report}"),
    )  # fmt: skip
    return [{"title": en, "title_zh": zh, "hex": text} for en, zh, text in rows]
