"""From the facts of a notice to the words of its receiver, by the templates of `templates.toml`."""

import re
import tomllib
from collections.abc import Mapping
from datetime import datetime, tzinfo
from functools import cache
from pathlib import Path
from typing import Final

from millbrain.core.findings import SEVERITIES
from millbrain.core.work.notices import Delivery, Target
from millbrain.core.work.orders import ACTIONS, ESCALATION, STATES
from millbrain.decide.notices.channel import Message

TEMPLATES: Final = Path(__file__).with_name("templates.toml")
_VALUE_MAX: Final = 500  # characters of one fact inside a text


class _Facts(dict[str, str]):
    """Facts of which an unknown one is an empty text."""

    def __missing__(self, name: str) -> str:
        return ""


def message_of(delivery: Delivery, target: Target, zone: tzinfo, site: str) -> Message:
    """Return what a target reads of a delivery.

    zone: of the instants in it. site: address of the pages, empty = no link. A repeat says so in
    its title, and carries the same delivery id.
    """
    template = template_of(delivery.topic)
    ending = "_zh" if target.language == "zh" else ""
    facts = _facts(delivery, target.language, zone)
    title = _filled(template["title" + ending], facts)
    text = _filled(template["text" + ending], facts)
    if delivery.attempt > 1:
        repeat = f"（第 {delivery.attempt} 次发送）" if ending else f" (attempt {delivery.attempt})"
        title += repeat
    if site and delivery.topic.startswith("order."):
        text += f"\n{site.rstrip('/')}/orders/{delivery.subject}"
    return Message(title, text, delivery.content)


@cache
def templates() -> tuple[Mapping[str, str], ...]:
    """Return the declared templates, in order."""
    return tuple(tomllib.loads(TEMPLATES.read_text("utf-8"))["template"])


def template_of(topic: str) -> Mapping[str, str]:
    """Return the first template whose topic fits."""
    return next(t for t in templates() if _fits(t["topic"], topic))


def _fits(pattern: str, topic: str) -> bool:
    return topic.startswith(pattern[:-1]) if pattern.endswith("*") else pattern == topic


def _facts(delivery: Delivery, language: str, zone: tzinfo) -> Mapping[str, str]:
    content = delivery.content
    detail = content.get("detail", {})
    in_words = 1 if language == "zh" else 0
    ending = "_zh" if in_words else ""
    names = {
        "severity_name": SEVERITIES[delivery.severity][in_words],
        "state_name": STATES.get(content.get("state", ""), ("", ""))[in_words],
        "level_name": ESCALATION[min(content.get("level", 0), len(ESCALATION) - 1)][in_words],
        "subject": delivery.subject,
        "due_at": _local(detail.get("due_at", ""), zone),
    }
    action = ACTIONS.get(content.get("action", ""))
    if action:
        names["action_name"] = action.title_zh if in_words else action.title
    plain = {k: str(v) for k, v in {**detail, **content}.items() if isinstance(v, str | int)}
    own = {k: plain[k + ending] for k in ("title", "sentence") if plain.get(k + ending)}
    return _Facts(plain | own | names)


def _filled(template: str, facts: Mapping[str, str]) -> str:
    """Put facts into a template; a fact is one line, and never a template itself."""
    short = _Facts({k: " ".join(v.split())[:_VALUE_MAX] for k, v in facts.items()})
    filled = template.format_map(short)
    return re.sub(r"\n\s*\n", "\n", filled).strip()


def _local(instant: str, zone: tzinfo) -> str:
    return (
        datetime.fromisoformat(instant).astimezone(zone).strftime("%Y-%m-%d %H:%M")
        if instant
        else ""
    )
