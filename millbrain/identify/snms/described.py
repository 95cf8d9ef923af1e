"""The operations of the dialect, declared."""

from typing import Final

from millbrain.core.faces.described import (
    ANY,
    NUMBER,
    TEXT,
    TRUTH,
    Given,
    Operation,
    Schema,
    either,
    entity,
    listed,
)
from millbrain.identify.snms import fields as f

_NOTHING: Final[Schema] = {"type": "null"}


def _told(data: Schema) -> dict[int, Schema | None]:
    """Return the answers: one form for every outcome."""
    status: Schema = {"enum": [f.OK, f.LOGIN, f.FAILED, f.DENIED, f.BROKEN]}
    told = entity({"message": TEXT, "status": status, "data": either(_NOTHING, data)},
                  is_open=False)  # fmt: skip
    return {200: told, 422: told}


_HANDLE: Final[Schema] = {"type": "string", "maxLength": f.HANDLE_CHARACTERS_MAX,
                          "pattern": r"^[0-9]{1,3}(\.[0-9]{1,6}){0,3}/[!-~]{1,40}$"}  # fmt: skip
_VERSION: Final[Schema] = {"type": "string", "minLength": 1, "maxLength": 128}
_VALUE: Final = entity(
    {"index": {"type": "integer", "minimum": 1, "maximum": 2**31 - 1},
     "type": {"type": "string", "minLength": 1, "maxLength": f.TYPE_CHARACTERS_MAX},
     "data": entity({"format": {"const": "string"},
                     "value": {"type": "string", "maxLength": f.VALUE_CHARACTERS_MAX}})},
    auth=TEXT,
)  # fmt: skip
_ROW: Final = entity({"handle": _HANDLE, "templateVersion": _VERSION, "value": listed(_VALUE)})
_ITEM: Final = entity(
    {"name": TEXT, "idType": {"type": "string", "minLength": 1, "maxLength": 128},
     "metadata": entity({"minLength": NUMBER, "maxLength": NUMBER}, type={"const": "string"})},
    idIndex=NUMBER, required=TRUTH, state={"enum": [0, 1]},
)  # fmt: skip
_TEMPLATE: Final = entity(
    {"prefix": TEXT, "version": _VERSION, "items": listed(_ITEM, 500)},
    industryCategory=TEXT, industrySpecific=TEXT, industryTrade=TEXT, industrySubclass=TEXT,
    type={"enum": [1, 2]}, description=TEXT,
)  # fmt: skip
_NAMED: Final = entity({"prefix": TEXT, "version": _VERSION})
_LOGIN: Final = entity({"username": TEXT, "password": TEXT})
_RESULTS: Final = listed(entity({"handle": TEXT, "msg": TEXT}))
_ONCE: Final = (Given("Idempotency-Key", "header", {"type": "string", "maxLength": 255}),)
_BATCH: Final = listed(_ROW, f.ROWS_MAX)
_DATA: Final = "/identityv2/data"

_CODED: Final = entity({"code": NUMBER, "message": TEXT})
_DOIP: Final[dict[int, Schema | None]] = {200: _CODED, 422: _CODED}
_TARGET: Final = (
    Given("targetId", schema=_HANDLE, is_required=True),
    Given("operationId", schema={"enum": [
        "0.DOIP/Op.Create", "0.DOIP/Op.Update", "0.DOIP/Op.Delete", "0.DOIP/Op.Retrieve",
        "0.DOIP.EXTEND/Op.Update.Non.Overlay"]}, is_required=True),
)  # fmt: skip
_INSTANCE: Final = entity({"type": _HANDLE, "attributes": entity({"content": entity({})})})

OPERATIONS: Final = (
    Operation("POST", "/identity/token", "Logs in with name and password", _told(ANY),
              body=_LOGIN),
    Operation("POST", "/identity/token/v1", "Logs in with the hash of password and day",
              _told(ANY), body=_LOGIN),
    Operation("GET", f.TEMPLATE_PATH, "A template", _told(ANY),
              (Given("prefix", is_required=True), Given("version", is_required=True)),
              proof="bearer"),
    Operation("POST", f.TEMPLATE_PATH, "Enters a template", _told(TRUTH), body=_TEMPLATE,
              proof="bearer"),
    Operation("PUT", f.TEMPLATE_PATH, "Widens a template", _told(TRUTH), body=_TEMPLATE,
              proof="bearer"),
    Operation("DELETE", f.TEMPLATE_PATH, "Withdraws a template", _told(TRUTH), body=_NAMED,
              proof="bearer"),
    Operation("GET", f"{_DATA}/detail", "An identifier", _told(ANY),
              (Given("handle", schema=_HANDLE, is_required=True),), proof="bearer"),
    Operation("POST", _DATA, "Registers an identifier", _told(TRUTH), _ONCE, _ROW, "bearer"),
    Operation("PUT", _DATA, "Updates an identifier", _told(TRUTH), _ONCE, _ROW, "bearer"),
    Operation("DELETE", _DATA, "Deletes an identifier", _told(TRUTH), _ONCE,
              entity({"handle": _HANDLE}), "bearer"),
    Operation("POST", f"{_DATA}/batchCreate", "Registers up to 2,000", _told(_RESULTS), _ONCE,
              _BATCH, "bearer"),
    Operation("PUT", f"{_DATA}/batchUpdate", "Updates up to 2,000", _told(_RESULTS), _ONCE, _BATCH,
              "bearer"),
    Operation("DELETE", f"{_DATA}/batchDelete", "Deletes up to 2,000", _told(_RESULTS), _ONCE,
              listed(_HANDLE, f.ROWS_MAX), "bearer"),
    Operation("GET", "/api/v1/doip/public/challenge", "A challenge to sign", _DOIP,
              (Given("handle", schema=_HANDLE, is_required=True),)),
    Operation("POST", "/api/v1/doip/public/verify-response", "A token for a signed challenge",
              _DOIP, body=entity({"handle": _HANDLE, "signature": TEXT})),
    Operation("GET", "/api/v1/doip", "An identifier", _DOIP, _TARGET, proof="bearer"),
    Operation("POST", "/api/v1/doip", "Creates, updates, deletes", _DOIP, (*_TARGET, *_ONCE),
              _INSTANCE, "bearer"),
    Operation("GET", "/api/v1/open/handle/page", "Identifiers that follow a template", _DOIP,
              (Given("metaHandle", schema=_HANDLE, is_required=True), Given("page", schema=NUMBER),
               Given("size", schema=NUMBER)), proof="bearer"),
)  # fmt: skip
