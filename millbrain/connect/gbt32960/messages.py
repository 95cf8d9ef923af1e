"""Declared layouts of the data units that are not realtime blocks, and of blocks with own length.

Realtime blocks are in `fields`; parameters of query, set and control are in `params`.
"""

from typing import Final

from millbrain.connect.gbt32960.fields import EDITION_2016, EDITION_2025, SIGNATURES
from millbrain.connect.gbt32960.walk import Blob, Piece, Stamp, Text, Texts
from millbrain.core.wire import Field, Many

_TIME: Final = Stamp("time")
_SERIAL: Final = Field("serial", "W", "serial number of the login", "登入流水号", low=1,
                       high=65_531, marks=False)  # fmt: skip
_ICCID: Final = Text("iccid", 20, "ICCID of the SIM card", "ICCID")
_SIGN_OFF: Final = (_TIME, _SERIAL)

LOGIN_2016: Final[tuple[Piece, ...]] = (
    _TIME, _SERIAL, _ICCID,
    Field("n", "B", "storage subsystems", "可充电储能子系统数", high=250, marks=False),
    Field("m", "B", "length of a storage code", "可充电储能系统编码长度", high=50, marks=False,
          unit="bytes"),
    Texts("codes", "n", "m", "storage code", "可充电储能系统编码"),
)  # fmt: skip
LOGIN_2025: Final[tuple[Piece, ...]] = (
    _TIME, _SERIAL, _ICCID,
    Many("packs", "packs of each BMS", "各电池管理系统的动力蓄电池包数",
         Field("n", "B", "battery management systems", "电池管理系统数", high=20, marks=False),
         Field("packs", "B", "packs", "动力蓄电池包数", high=50, marks=False), count_key="n"),
    Texts("codes", "packs", 24, "pack code (GB/T 34014)", "动力蓄电池包编码"),
)  # fmt: skip
PLATFORM_LOGIN: Final[tuple[Piece, ...]] = (
    _TIME, _SERIAL,
    Text("user", 12, "platform user", "平台用户名"),
    Text("password", 20, "platform password", "平台密码"),
    Field("enc_rule", "B", "encryption rule", "加密规则", view="code", low=1, high=5, marks=False),
)  # fmt: skip

# Units of commands (flag FE) by (edition, command); what is not here is kept as hex.
UNITS: Final[dict[tuple[int, int], tuple[Piece, ...]]] = {
    (EDITION_2016, 0x01): LOGIN_2016,
    (EDITION_2025, 0x01): LOGIN_2025,
    **{(edition, 0x05): PLATFORM_LOGIN for edition in (EDITION_2016, EDITION_2025)},
    **{(e, c): _SIGN_OFF for e in (EDITION_2016, EDITION_2025) for c in (0x04, 0x06)},
}
UNIT_CLAUSES: Final = {
    0x01: "32960.3-2016 table 6", 0x04: "32960.3-2016 table 19", 0x05: "32960.3-2016 table 20",
    0x06: "32960.3-2016 table 21",
}  # fmt: skip

CUSTOM: Final[tuple[Piece, ...]] = (
    Field("len", "W", "length of the custom block", "自定义数据长度", marks=False, unit="bytes"),
    Blob("raw", "len", "custom data", "自定义数据"),
)
SIGNATURE: Final[tuple[Piece, ...]] = (
    Field("sig_type", "B", "signature algorithm", "签名算法", view="code", low=1, high=3,
          codes={n: (name, name) for n, name in SIGNATURES.items()}),
    Field("r_len", "W", "length of R", "签名R值长度", marks=False, unit="bytes"),
    Blob("r", "r_len", "signature R", "签名R值"),
    Field("s_len", "W", "length of S", "签名S值长度", marks=False, unit="bytes"),
    Blob("s", "s_len", "signature S", "签名S值"),
)  # fmt: skip

# Units that `codec.decode` keeps as hex, for `params.explain` and the inspector -----------------
_KEY_KINDS: Final = {2: ("RSA", "RSA"), 3: ("AES", "AES"), 4: ("SM2", "SM2"), 5: ("SM4", "SM4")}
ACTIVATION: Final[tuple[Piece, ...]] = (
    _TIME,
    Text("chip_id", 16, "security chip id", "安全芯片ID", pad=b" "),
    Field("key_len", "W", "length of the public key", "公钥长度", marks=False, unit="bytes"),
    Blob("public_key", "key_len", "public key", "公钥"),
    Text("vin", 17, "VIN", "VIN"),
    Field("sig_mark", "B", "start of the signature", "签名起始标识", view="code", low=0xFF,
          high=0xFF),
    *SIGNATURE,
)  # fmt: skip
ACTIVATION_ANSWER: Final[tuple[Piece, ...]] = (
    Field("state", "B", "activation state", "激活状态", view="code", low=1, high=2,
          codes={1: ("ok", "成功"), 2: ("failed", "失败")}),
    Field("info", "B", "reason", "激活信息", view="code", high=2,
          codes={0: ("none", "无"), 1: ("chip already active", "芯片已激活"),
                 2: ("VIN duplicate", "VIN重复")}),
)  # fmt: skip
KEY_EXCHANGE: Final[tuple[Piece, ...]] = (
    Field("key_type", "B", "kind of key", "密钥类型", view="code", low=2, high=5, codes=_KEY_KINDS),
    Field("key_len", "W", "length of the key", "密钥长度", marks=False, unit="bytes"),
    Blob("key", "key_len", "key", "密钥"),
    Stamp("valid_from", "valid from", "启用时间"),
    Stamp("valid_to", "valid to", "失效时间"),
)  # fmt: skip
RARE_UNITS: Final = {0x09: ACTIVATION, 0x0A: ACTIVATION_ANSWER, 0x0B: KEY_EXCHANGE}
