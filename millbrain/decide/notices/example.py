"""What a WeCom robot is told of an order that is late, the second time it is tried."""

from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

from millbrain.core.work.notices import Delivery, Target
from millbrain.decide.notices.words import message_of


def example() -> str:
    """Return the text of a repeated notice."""
    noted = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
    target = Target(
        1, "值班台", "", "wecom", "https://qyapi.weixin.qq.com/…", "zh", (), (), 0, 1, time(0),
        time(0), 20, "active", 0, None, None, None, "", {},
    )  # fmt: skip
    content = {
        "number": "WO-2026-000001", "thing": "LDPGABAC2JN361504", "state": "dispatched", "level": 1,
        "title": "Cell 82 loses charge at rest", "title_zh": "82 号单体静置掉电",
        "assignee": "North", "detail": {"due_at": "2026-11-20T09:00:00+00:00"},
    }  # fmt: skip
    delivery = Delivery(
        1, "uid", 1, "order.escalate", "WO-2026-000001", "battery", 3, content, noted, 2, "waiting",
        noted, None, "",
    )  # fmt: skip
    message = message_of(delivery, target, ZoneInfo("Asia/Shanghai"), "https://millbrain.example")
    return f"{message.title}\n{message.text}"


if __name__ == "__main__":
    print(example())
