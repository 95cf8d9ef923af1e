"""Why a device or a value is not there, in words, English and Chinese."""

import errno
import socket
from typing import Final

from millbrain.connect.modbus.fields import EXCEPTIONS

Words = tuple[str, str]
_CAUSES: Final[dict[int, Words]] = {
    errno.ECONNREFUSED: ("nothing listens there; is the device on, is the port right?",
                         "该端口无人监听；请检查设备是否上电、端口是否正确"),
    errno.EHOSTUNREACH: ("no way leads to this address; look at cable and network",
                         "网络不可达；请检查网线和网络"),
    errno.ENETUNREACH: ("no way leads to this network; look at the route of this machine",
                        "网络不可达；请检查本机路由"),
    errno.ECONNRESET: ("the device closed the connection; does it allow one more client?",
                       "设备关闭了连接；是否已达到客户端数量上限？"),
}  # fmt: skip


def unreachable(endpoint: str, error: BaseException, again_s: float) -> Words:
    """Say why no connection came about, and when it is tried again."""
    english, chinese = _cause(error)
    return (
        f"{endpoint} cannot be reached: {english}; tried again in {again_s:.2g} s",
        f"无法连接 {endpoint}：{chinese}；{again_s:.2g} 秒后重试",
    )


def _cause(error: BaseException) -> Words:
    if isinstance(error, TimeoutError):
        return ("it does not answer; is the address right, is a firewall between?",
                "没有应答；请检查地址是否正确、是否有防火墙")  # fmt: skip
    if isinstance(error, socket.gaierror):
        return "no such name is known to this machine", "本机无法解析该主机名"
    number = error.errno if isinstance(error, OSError) else None
    if number in _CAUSES:
        return _CAUSES[number]
    return str(error) or type(error).__name__, str(error) or type(error).__name__


def silent(endpoint: str, unit: int, timeout_ms: int, again_s: float) -> Words:
    """Say that a station does not answer on a connection that stands."""
    return (
        f"station {unit} at {endpoint} gave no answer within {timeout_ms} ms; is the station "
        f"number right, is the framing right? Asked again in {again_s:.2g} s",
        f"{endpoint} 的站号 {unit} 在 {timeout_ms} ms 内没有应答；请检查站号与帧格式；"
        f"{again_s:.2g} 秒后重试",
    )


def partly(missing: int, total: int, first: Words) -> Words:
    """Say that a device is connected and some of its tags bring nothing."""
    return (
        f"connected, but {missing} of {total} tags bring no value; {first[0]}",
        f"已连接，但 {total} 个测点中有 {missing} 个没有数值；{first[1]}",
    )


def refused(code: int) -> Words:
    """Say what an exception code means and what to do."""
    unknown = ("unknown exception", "look into the device's manual", "请查阅设备手册")
    name, advice, advice_zh = EXCEPTIONS.get(code, unknown)
    return (f"the device answered exception {code}, {name}: {advice}",
            f"设备返回异常码 {code}（{name}）：{advice_zh}")  # fmt: skip


NO_TAGS: Final[Words] = ("connected; it has no tags yet: add or browse some",
                         "已连接；尚无测点，请添加或浏览")  # fmt: skip
NO_NUMBER: Final[Words] = "the device sent no number (NaN)", "设备发来的不是数（NaN）"
SILENT_TAG: Final[Words] = "its station does not answer", "所在站点没有应答"
OFF_LINE: Final[Words] = "the device is not connected", "设备未连接"
