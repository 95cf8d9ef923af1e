"""Why something did not work, as sentences in both languages; asyncua's errors end here."""

import asyncio
import socket
from typing import Final

from asyncua import ua

from millbrain.core.errors import FrameError, LinkError, MillbrainError

# status code name -> (English, Chinese): what to do about it
_ADVICE: Final = {
    "BadUserAccessDenied": ("the server refuses this user; check user and password",
                            "服务器拒绝该用户，请检查用户名和密码"),
    "BadIdentityTokenRejected": ("the server refuses this user; check user and password",
                                 "服务器拒绝该用户，请检查用户名和密码"),
    "BadIdentityTokenInvalid": ("the server does not take this way to log in; check user and "
                                "security", "服务器不接受此登录方式，请检查用户与安全设置"),
    "BadSecurityChecksFailed": ("the server does not trust our certificate; accept it at the "
                                "server", "服务器不信任本平台证书，请在服务器上核准"),
    "BadCertificateUntrusted": ("the server does not trust our certificate; accept it at the "
                                "server", "服务器不信任本平台证书，请在服务器上核准"),
    "BadCertificateUriInvalid": ("the server finds another application in our certificate; delete "
                                 "the own certificate of the room, a fresh one is made",
                                 "服务器认为证书与应用不符，请删除本房间证书以重新生成"),
    "BadCertificateTimeInvalid": ("a certificate is out of date, or a clock is wrong",
                                  "证书已过期或时钟有误"),
    "BadSecurityPolicyRejected": ("the server does not take this security policy",
                                  "服务器不支持该安全策略"),
    "BadTooManySessions": ("the server has no session left; others must log out first",
                           "服务器会话已满，请先断开其他客户端"),
    "BadTooManySubscriptions": ("the server has no subscription left",
                                "服务器订阅数已满"),
    "BadTooManyMonitoredItems": ("the server watches no more nodes; enable fewer tags",
                                 "服务器监视项已满，请减少启用的测点"),
    "BadMonitoredItemFilterUnsupported": ("the server knows no deadband",
                                          "服务器不支持死区"),
    "BadNodeIdUnknown": ("the node is not there any more; browse the server and take its new "
                         "address", "节点已不存在，请重新浏览服务器并更新地址"),
    "BadNodeIdInvalid": ("the server takes this for no node id", "节点标识无效"),
    "BadNotReadable": ("the node may not be read by this user", "该用户无权读取节点"),
    "BadNotWritable": ("the node may not be written", "节点不可写"),
    "BadTypeMismatch": ("the node holds another type", "节点数据类型不符"),
    "BadOutOfRange": ("the machine does not take this value", "设备不接受该数值"),
    "BadServerHalted": ("the server stops", "服务器正在停止"),
    "BadOutOfService": ("the node is out of service", "节点已停用"),
    "BadHistoryOperationUnsupported": ("the server keeps no history of this node",
                                       "服务器没有该节点的历史数据"),
    "BadSensorFailure": ("the sensor has failed", "传感器故障"),
    "BadDeviceFailure": ("the device behind the server has failed", "服务器后面的设备故障"),
    "BadCommunicationError": ("the server does not reach the device behind it",
                              "服务器无法与设备通信"),
    "BadNotConnected": ("the device behind the server is not connected",
                        "服务器后面的设备未连接"),
    "BadWaitingForInitialData": ("the server has no value yet", "服务器尚无数值"),
}  # fmt: skip


def of_status(code: int) -> tuple[str, str]:
    """Return what a status code says, in English and Chinese.

    >>> of_status(0x80340000)[0].split(":")[0]
    'BadNodeIdUnknown'
    """
    name, meaning = ua.status_codes.get_name_and_doc(code & 0xFFFF0000)
    english, chinese = _ADVICE.get(name, (meaning.rstrip(".").lower(), meaning))
    return f"{name}: {english}", f"{name}：{chinese}"


def of_error(error: BaseException, where: str) -> tuple[str, str]:
    """Return why a connection failed, in English and Chinese. where: host and port."""
    match error:
        case ua.UaStatusCodeError():
            return of_status(error.code)
        case ConnectionRefusedError():
            return (f"nothing listens at {where}; is the server started, is the port right?",
                    f"{where} 无服务监听，请检查服务器是否启动、端口是否正确")  # fmt: skip
        case socket.gaierror():
            return (f"the name of {where} is not known to this network",
                    f"网络中无法解析 {where} 的主机名")  # fmt: skip
        case asyncio.TimeoutError() | TimeoutError():
            return (f"{where} did not answer in time; is it an OPC UA server, is the way free?",
                    f"{where} 未在时限内应答，请检查网络及其是否为 OPC UA 服务器")  # fmt: skip
        case MillbrainError() | FrameError():
            return str(error), _chinese(error)
        case ConnectionError() | OSError():
            return (f"the connection to {where} broke: {error or type(error).__name__}",
                    f"与 {where} 的连接中断：{error or type(error).__name__}")  # fmt: skip
    return (
        f"{where}: {type(error).__name__}: {error}",
        f"{where}：{type(error).__name__}：{error}",
    )


class WhyError(LinkError):
    """A counterpart cannot be used; says why in both languages."""

    def __init__(self, english: str, chinese: str) -> None:
        super().__init__(english)
        self.chinese = chinese


def _chinese(error: BaseException) -> str:
    return error.chinese if isinstance(error, WhyError) else str(error)
