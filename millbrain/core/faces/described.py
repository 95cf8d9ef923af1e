"""The HTTP faces as one OpenAPI document: each room declares its operations once, as data.

A room's card names a tuple of `Operation` (`Face.describes`); the resolver serves the document of
all of them at ``/openapi.json``, and the tests send every operation what its schema allows and what
it does not.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

Schema = Mapping[str, Any]
TEXT: Final[Schema] = {"type": "string"}
NUMBER: Final[Schema] = {"type": "integer"}
TRUTH: Final[Schema] = {"type": "boolean"}
ANY: Final[Schema] = {}
JSON: Final = "application/json"
_SECURITY: Final[Mapping[str, Schema]] = {
    "basic": {"type": "http", "scheme": "basic",
              "description": "index:handle, percent-encoded, and the secret of that HS_SECKEY"},
    "bearer": {"type": "http", "scheme": "bearer", "description": "token of /identity/token"},
    "letter": {"type": "apiKey", "in": "header", "name": "Authorization",
               "description": "Millbrain-Report prefix:HMAC-SHA256"},
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Given:
    """A parameter of a request. where: path, query or header."""

    name: str
    where: str = "query"
    schema: Schema = field(default_factory=lambda: TEXT)
    is_required: bool = False


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path.

    title: what it does, one line. given: parameters. body: schema of a JSON body, None = none.
    answers: schema of the body by status, None = of another media type or none. proof: who may ask:
    basic, bearer, letter; empty = everybody.
    """

    method: str
    path: str
    title: str
    answers: Mapping[int, Schema | None]
    given: tuple[Given, ...] = ()
    body: Schema | None = None
    proof: str = ""
    media: str = JSON


def listed(of: Schema, most: int | None = None) -> Schema:
    """Return the schema of a list."""
    return {"type": "array", "items": of} | ({} if most is None else {"maxItems": most})


def either(*schemas: Schema) -> Schema:
    """Return the schema of what fits one of several."""
    return {"anyOf": list(schemas)}


def entity(needed: Mapping[str, Schema], *, is_open: bool = True, **others: Schema) -> Schema:
    """Return the schema of an object. needed: members that must be there; others may if open."""
    return {
        "type": "object", "properties": {**needed, **others}, "required": list(needed),
        "additionalProperties": is_open,
    }  # fmt: skip


REFUSED: Final = entity({"error": TEXT})


def document(operations: Iterable[Operation], version: str) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of some operations."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _told(operation)
    return {
        "openapi": "3.1.0", "info": {"title": "Millbrain resolver", "version": version},
        "paths": paths, "components": {"securitySchemes": dict(_SECURITY)},
    }  # fmt: skip


def _told(operation: Operation) -> dict[str, Any]:
    parameters = [
        {"name": g.name, "in": g.where, "schema": g.schema,
         "required": g.is_required or g.where == "path"}
        for g in operation.given
    ]  # fmt: skip
    answers = {
        str(status): {"description": "" if status < 300 else "refused or led elsewhere"}
        | ({} if schema is None else {"content": {operation.media: {"schema": schema}}})
        for status, schema in operation.answers.items()
    }
    told: dict[str, Any] = {"summary": operation.title, "responses": answers}
    if parameters:
        told["parameters"] = parameters
    if operation.body is not None:
        told["requestBody"] = {"required": True, "content": {JSON: {"schema": operation.body}}}
    if operation.proof:
        told["security"] = [{operation.proof: []}]
    return told
