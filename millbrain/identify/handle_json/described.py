"""The operations of the Handle HTTP JSON API, declared."""

from typing import Final

from millbrain.core.faces.described import (
    ANY,
    NUMBER,
    TEXT,
    Given,
    Operation,
    Schema,
    either,
    entity,
    listed,
)

_TOLD: Final = entity({"responseCode": NUMBER}, handle=TEXT, values=listed(ANY), message=TEXT)
_ANSWERS: Final[dict[int, Schema | None]] = dict.fromkeys(
    (200, 201, 307, 400, 401, 403, 404, 409, 422, 503, 504), _TOLD
)
_HANDLE: Final = Given("handle", "path")
_DATA: Final = either(TEXT, entity({"format": TEXT, "value": ANY}))
_VALUE: Final = entity({"index": NUMBER, "type": TEXT, "data": _DATA}, ttl=NUMBER)
_BODY: Final = either(listed(_VALUE), entity({"values": listed(_VALUE)}))
_INDEX: Final = Given("index")
_PATH: Final = "/api/handles/{handle}"

OPERATIONS: Final = (
    Operation("GET", _PATH, "The values of a handle", _ANSWERS, (_HANDLE, _INDEX, Given("type")),
              proof="basic"),
    Operation("PUT", _PATH, "Creates, replaces or changes", _ANSWERS,
              (_HANDLE, _INDEX, Given("overwrite", schema={"enum": ["true", "false"]})), _BODY,
              "basic"),
    Operation("DELETE", _PATH, "Deletes, or removes values", _ANSWERS, (_HANDLE, _INDEX),
              proof="basic"),
    Operation("GET", "/api/handles", "Handles of a prefix", _ANSWERS,
              (Given("prefix", is_required=True), Given("page", schema=NUMBER),
               Given("pageSize", schema=NUMBER)), proof="basic"),
)  # fmt: skip
