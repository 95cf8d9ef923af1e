"""The operations of the node's console over HTTP, declared."""

from typing import Final

from millbrain.core.faces.described import (
    ANY,
    NUMBER,
    REFUSED,
    TEXT,
    Given,
    Operation,
    Schema,
    either,
    entity,
    listed,
)
from millbrain.core.nodes.prefixes import APPLICATION

_BASE: Final = "/api/v1/node"
_ONE: Final = f"{_BASE}/applications/{{prefix}}"
_NO: Final[dict[int, Schema | None]] = {
    400: REFUSED, 401: REFUSED, 403: REFUSED, 404: REFUSED, 409: REFUSED, 503: REFUSED,
}  # fmt: skip
_LIMIT: Final = either(NUMBER, {"type": "null"})
_APPLICATION: Final = entity({
    "prefix": TEXT, "organisation": TEXT, "contact": TEXT,
    "state": {"enum": list(APPLICATION.states)}, "title": TEXT, "title_zh": TEXT, "site": TEXT,
    "reason": TEXT, "changed_ms": NUMBER, "handles_max": _LIMIT, "prefixes_max": _LIMIT,
    "actions": listed(TEXT),
})  # fmt: skip
_PREFIX: Final = (Given("prefix", "path"),)
_ACTION: Final = Given("action", "path", {"enum": list(APPLICATION.actions)})
_TAKEN_DOWN: Final = entity({"target": TEXT, "reason": TEXT}, is_open=False)

OPERATIONS: Final = (
    Operation("GET", f"{_BASE}/applications", "Applications by prefix",
              {200: listed(_APPLICATION, 500)} | _NO,
              (Given("state"), Given("organisation"), Given("text"), Given("after"),
               Given("count", schema=NUMBER)), proof="basic"),
    Operation("POST", f"{_BASE}/applications", "Applies for a prefix", {200: _APPLICATION} | _NO,
              body=entity({"prefix": TEXT, "organisation": TEXT}, is_open=False, contact=TEXT),
              proof="basic"),
    Operation("GET", _ONE, "One application", {200: _APPLICATION} | _NO, _PREFIX, proof="basic"),
    Operation("GET", f"{_ONE}/history", "The steps that were taken", {200: listed(ANY)} | _NO,
              _PREFIX, proof="basic"),
    Operation("PUT", f"{_ONE}/quotas", "Sets quotas", {200: _APPLICATION} | _NO, _PREFIX,
              entity({}, is_open=False, handles_max=_LIMIT, prefixes_max=_LIMIT), "basic"),
    Operation("POST", f"{_ONE}/{{action}}", "Takes a step", {200: _APPLICATION} | _NO,
              (*_PREFIX, _ACTION),
              entity({}, is_open=False, reason=TEXT, site=TEXT, http_port=NUMBER), "basic"),
    Operation("GET", f"{_BASE}/takedowns", "What is no longer answered",
              {200: listed(ANY)} | _NO, proof="basic"),
    Operation("POST", f"{_BASE}/takedowns", "Takes down", {200: entity({"target": TEXT})} | _NO,
              body=_TAKEN_DOWN, proof="basic"),
    Operation("DELETE", f"{_BASE}/takedowns", "Ends a takedown",
              {200: entity({"target": TEXT})} | _NO, body=_TAKEN_DOWN, proof="basic"),
    Operation("GET", f"{_BASE}/audit", "Lines of the audit trail",
              {200: entity({"lines": listed(ANY)})} | _NO,
              (Given("prefix"), Given("after", schema={"type": "integer", "minimum": 0})),
              proof="basic"),
)  # fmt: skip
