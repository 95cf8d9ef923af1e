"""The operations of the room, declared."""

from typing import Final

from millbrain.core.faces.described import (
    ANY,
    NUMBER,
    REFUSED,
    TEXT,
    TRUTH,
    Given,
    Operation,
    Schema,
    either,
    entity,
    listed,
)

_BASE: Final = "/api/v1/node"
_NO: Final[dict[int, Schema | None]] = {
    400: REFUSED, 401: REFUSED, 403: REFUSED, 404: REFUSED, 409: REFUSED,
}  # fmt: skip
_DAY: Final[Schema] = {"type": "string", "format": "date"}
_PAIRS: Final = listed(listed(NUMBER))
_LETTER: Final = entity(
    {"stream": TEXT, "reports": listed(ANY, 20), "lost": _PAIRS},
)  # fmt: skip

OPERATIONS: Final = (
    Operation("GET", f"{_BASE}/statistics", "Sums of counts",
              {200: entity({"from": TEXT, "to": TEXT, "by": listed(TEXT),
                            "rows": listed(entity({"count": NUMBER})), "as_of_ms": NUMBER})} | _NO,
              (Given("from", schema=_DAY), Given("to", schema=_DAY), Given("prefix"),
               Given("kind"), Given("node"), Given("by")), proof="basic"),
    Operation("GET", f"{_BASE}/log", "Samples of answers",
              {200: entity({"samples": listed(ANY), "last": ANY})} | _NO, (Given("after"),),
              proof="basic"),
    Operation("GET", f"{_BASE}/reports", "What is to be told above, and what was told from below",
              {200: entity({"outbox": entity({}), "senders": listed(ANY)})} | _NO, proof="basic"),
    Operation("POST", f"{_BASE}/reports", "A letter of a node below",
              {200: entity({"stream": TEXT, "have": NUMBER, "missing": _PAIRS})} | _NO,
              body=_LETTER, proof="letter"),
    Operation("PUT", f"{_BASE}/reports/{{prefix}}/key", "Lets a prefix be reported",
              {200: entity({"prefix": TEXT, "is_set": TRUTH})} | _NO, (Given("prefix", "path"),),
              entity({"key": either(TEXT)}, is_open=False), "basic"),
)  # fmt: skip
