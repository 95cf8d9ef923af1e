"""How the API writes identifiers, cursors and results (IDTA-01002-3-1, HTTP/REST). Pure."""

import base64
import binascii
from collections.abc import Sequence
from typing import Any

import orjson


def encoded(text: str) -> str:
    """Return a text as it stands in addresses: UTF-8 in base64url, without padding."""
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decoded(text: str, what: str) -> str:
    """Read what `encoded` writes, with or without padding.

    Raises
    ------
    ValueError
        It is no base64url of UTF-8.
    """
    bare = text.rstrip("=")
    try:
        return base64.b64decode(bare + "=" * (-len(bare) % 4), b"-_", validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise ValueError(f"{what} {text[:80]!r}: UTF-8 in base64url was expected") from error


def asset_links(texts: Sequence[str]) -> list[Any]:
    """Read the values of `assetIds`: each a link, or a list of them, as JSON in base64url.

    Raises
    ------
    ValueError
        One is none of these.
    """
    found: list[Any] = []
    for text in texts:
        told = orjson.loads(decoded(text, "assetIds"))
        found += told if isinstance(told, list) else [told]
    return found


def page(result: Sequence[Any], after: str) -> dict[str, Any]:
    """Return a page of a list; after: where the next begins, '' = nowhere."""
    return {"paging_metadata": {"cursor": encoded(after)} if after else {}, "result": list(result)}


def result(code: str, words: str, at: str, correlation: str) -> dict[str, Any]:
    """Return what went wrong, as the specification has it."""
    message = {"code": code, "correlationId": correlation, "messageType": "Error", "text": words,
               "timestamp": at}  # fmt: skip
    return {"messages": [message]}
