"""Sparkplug B 3.0 and plain JSON topics over MQTT 5 or 3.1.1: edge nodes tell their metrics."""

from typing import Final

from millbrain.core.rooms import Driver, Level

ROOM: Final = Driver(
    key="sparkplug",
    title="Machines over MQTT (Sparkplug B, JSON)",
    title_zh="MQTT 设备（Sparkplug B、JSON）",
    standards=("Eclipse Sparkplug 3.0", "MQTT 5.0", "MQTT 3.1.1"),
    port=0,
    level=Level.USABLE,
    start="millbrain.connect.sparkplug.driver:start",
    check="millbrain.connect.sparkplug.options:check",
    endpoint="mqtt://127.0.0.1:1883",
    secrets=("password",),
    options={
        "mqtt": ("MQTT version: 5 or 3", "MQTT 版本：5 或 3"),
        "client_id": (
            "Client identifier, under which the broker keeps our session; empty = made of the key",
            "客户端标识，代理据此保留会话；留空则由连接名生成",
        ),
        "user": ("User name at the broker", "代理服务器用户名"),
        "ca": ("PEM file of the authority that signed the broker's certificate",
               "签发代理证书的 CA 文件（PEM）"),
        "certificate": ("PEM file of our certificate", "本端证书文件（PEM）"),
        "key": ("PEM file of its private key", "本端私钥文件（PEM）"),
        "session_h": ("How long the broker keeps for us what it received [h]",
                      "代理为本端保留消息的时长 [h]"),
        "host_id": ("Our name as primary host; its STATE tells edge nodes when to keep values back",
                    "主应用标识：边缘节点据其 STATE 决定是否缓存转发"),
        "groups": ("Sparkplug groups to listen to, separated by commas; empty = all, - = none",
                   "监听的 Sparkplug 组，逗号分隔；留空为全部，- 为不监听"),
        "thing": ("Which names of the path make the thing: {1} the group, {-2} the device or node",
                  "由路径中的哪些名称组成对象标识：{1} 为组，{-2} 为设备或节点"),
        "create": ("Whether what is heard becomes tags by itself", "是否自动将听到的量建为测点"),
        "json": ("Rules for plain JSON topics, as JSON text; the room's README tells how",
                 "普通 JSON 主题的映射规则（JSON 文本），写法见该协议说明"),
    },
)  # fmt: skip
