"""The status of an edge in words: as a page, and as lines of the command line."""

import html
from collections.abc import Mapping
from typing import Any, Final

_WORDS: Final = (
    ("name", "edge", "边缘节点"), ("connected", "centre reached", "已连接中心"),
    ("rows_waiting", "readings waiting", "待发送测点值"), ("bytes", "buffer [MB]", "缓存 [MB]"),
    ("oldest_age_s", "oldest waits [s]", "最早一条已等待 [s]"),
    ("live_age_s", "last live push took [s]", "最近实时推送耗时 [s]"),
    ("accepted", "accepted", "已接收"), ("delivered", "delivered", "已送达"),
    ("duplicate", "known already", "重复"), ("rejected", "refused by the centre", "中心拒收"),
    ("refused", "refused here", "本地拒收"), ("dropped", "dropped since full", "缓存满丢弃"),
)  # fmt: skip
_STYLE: Final = (
    "body{font:15px system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem;"
    "color-scheme:light dark}table{border-collapse:collapse;width:100%}td,th{text-align:left;"
    "padding:.3rem .6rem;border-bottom:1px solid #8884}.bad{color:#c33}"
)


def facts(status: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Return the figures of a status: English, Chinese, value."""
    flat = {**status["buffer"], **status["forward"], "name": status["name"]}
    flat["bytes"] = f"{flat['bytes'] / 1e6:.1f} / {flat['bytes_max'] / 1e6:.0f}"
    flat["connected"] = "yes / 是" if flat["connected"] else f"no / 否: {flat['why']}"
    return [(en, zh, str(flat[name])) for name, en, zh in _WORDS]


def warnings(status: Mapping[str, Any]) -> list[str]:
    """Return what an operator should know at once."""
    buffer = status["buffer"]
    found = [buffer["trouble"]] if buffer["trouble"] else []
    if buffer["full"] and buffer["when_full"] == "hold":
        found.append("the buffer is full: nothing more is accepted until the centre takes some "
                     "(缓存已满，暂停接收)")  # fmt: skip
    if buffer["dropped"]:
        found.append(f"{buffer['dropped']} readings were dropped, as when_full says "
                     f"(缓存满，已丢弃 {buffer['dropped']} 条)")  # fmt: skip
    return found


def page(status: Mapping[str, Any]) -> str:
    """Return the status page, in both languages."""
    rows = "".join(
        f"<tr><th>{html.escape(en)} · {zh}</th><td>{html.escape(value)}</td></tr>"
        for en, zh, value in facts(status)
    )
    links = "".join(
        f"<tr><td>{html.escape(c['connection'])}</td><td>{c['room']}</td><td>{c['phase']}</td>"
        f"<td>{c['values']}</td><td>{c['troubles']}</td>"
        f"<td>{html.escape(c['why'])} {html.escape(c['why_zh'])}</td></tr>"
        for c in status["connections"]
    )
    refused = "".join(
        f"<tr><td>{html.escape(r['link'])}</td><td>{html.escape(r['reason'])}</td>"
        f"<td>{r['values']}</td><td>{html.escape(r['detail'])}</td></tr>"
        for r in status["refusals"]
    )
    ordered = "".join(
        f"<tr><td>{html.escape(a['rule'])}</td><td>{html.escape(a['thing'])}</td>"
        f"<td>{html.escape(a['signal'])} := {html.escape(str(a['value']))}</td>"
        f"<td>{'done / 已执行' if a['agrees'] else html.escape(a['why'])}</td></tr>"
        for a in reversed(status["actions"])
    )
    alerts = "".join(f"<p class=bad>{html.escape(w)}</p>" for w in warnings(status))
    return (
        f"<!doctype html><meta charset=utf-8><meta http-equiv=refresh content=5>"
        f"<meta name=viewport content='width=device-width'><title>{html.escape(status['name'])}"
        f"</title><style>{_STYLE}</style><h1>{html.escape(status['name'])}</h1>{alerts}"
        f"<table>{rows}</table><h2>Orders of rules · 规则动作</h2><table>{ordered}</table>"
        f"<h2>Connections · 连接</h2><table><tr><th>key</th><th>room</th>"
        f"<th>phase</th><th>values</th><th>troubles</th><th>why</th></tr>{links}</table>"
        f"<h2>Refused · 拒收</h2><table>{refused}</table>"
    )
