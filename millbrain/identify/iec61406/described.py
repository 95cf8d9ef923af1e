"""The operation of identification links, declared."""

from typing import Final

from millbrain.core.faces.described import Given, Operation

OPERATIONS: Final = (
    Operation("GET", "/{identifier}", "Any identifier: its record, for programs and for people",
              dict.fromkeys((200, 307, 401, 404, 406, 504), None),
              (Given("identifier", "path"), Given("view"), Given("lang"),
               Given("Accept", "header")), proof="basic"),
)  # fmt: skip
