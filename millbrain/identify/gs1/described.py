"""The operations of the GS1 resolver, declared."""

from typing import Final

from millbrain.core.faces.described import ANY, TEXT, Given, Operation, entity
from millbrain.core.gs1 import PRIMARY

_ASKED: Final = (Given("rest", "path"), Given("linkType"), Given("context"))
_ANSWERS: Final = dict.fromkeys((200, 307, 400, 401, 404), None)

OPERATIONS: Final = (
    Operation("GET", "/.well-known/gs1resolver", "What this resolver is",
              {200: entity({"resolverRoot": TEXT, "supportedPrimaryKeys": ANY})}),
    *(Operation("GET", f"/{ai}/{{rest}}", f"Resolves an identity of ({ai})", _ANSWERS, _ASKED,
                proof="basic") for ai in PRIMARY),
)  # fmt: skip
