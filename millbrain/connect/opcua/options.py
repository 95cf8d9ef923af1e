"""What may stand in a connection of this room, checked before anything is tried."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from millbrain.connect.opcua import addresses
from millbrain.core import limits
from millbrain.core.errors import SettingsError
from millbrain.core.plant.tags import Connection, Tag, Wrong

POLICIES: Final = (  # as asyncua names them; the newest three are what OPC 10000-7 still advises
    "Aes256Sha256RsaPss", "Aes128Sha256RsaOaep", "Basic256Sha256", "Basic256", "Basic128Rsa15",
)  # fmt: skip
MODES: Final = ("SignAndEncrypt", "Sign")
NONE: Final = "None"
BEST: Final = "best"
SECURITIES: Final = (NONE, BEST, *(f"{p}_{m}" for p in POLICIES for m in MODES))
_FINGERPRINT: Final = re.compile(r"[0-9a-f]{64}")
ADDRESS_ALLOWED: Final = addresses.ALLOWED
_TRUTHS: Final = {True: True, False: False, "true": True, "false": False, "": False}


@dataclass(frozen=True, slots=True)
class Options:
    """Options of one connection. trusted_sha256: 64 lower-case digits, '' = none approved."""

    endpoint: str
    security: str = NONE
    user: str = ""
    plain_password: bool = False
    trusted_sha256: str = ""
    trust_first_use: bool = False
    publishing_ms: int = 500
    queue: int = 100
    items_per_call: int = 1000
    history: bool = False


def read(connection: Connection) -> Options:
    """Return the options of a connection.

    Raises
    ------
    SettingsError
        Naming each that is wrong, what was found and what is allowed.
    """
    wrong = check(connection, ())
    if wrong:
        raise SettingsError("; ".join(str(w) for w in wrong))
    given = connection.options
    return Options(
        connection.endpoint,
        security=str(given.get("security") or NONE),
        user=str(given.get("user") or ""),
        plain_password=_truth(given, "plain_password"),
        trusted_sha256=_fingerprint(given.get("trusted_sha256")),
        trust_first_use=_truth(given, "trust_first_use"),
        publishing_ms=_whole(given, "publishing_ms"),
        queue=_whole(given, "queue"),
        items_per_call=_whole(given, "items_per_call"),
        history=_truth(given, "history"),
    )


_BOUNDS: Final = {  # option -> default, smallest, largest
    "publishing_ms": (500, limits.OPCUA_PUBLISHING_MS_MIN, 60_000),
    "queue": (100, 1, limits.OPCUA_QUEUE_MAX),
    "items_per_call": (1000, 1, limits.OPCUA_ITEMS_PER_CALL_MAX),
}
_NAMES: Final = frozenset(
    (*_BOUNDS, "security", "user", "password", "plain_password", "trusted_sha256",
     "trust_first_use", "history")
)  # fmt: skip


def check(connection: Connection, tags: Sequence[Tag]) -> list[Wrong]:
    """Return what this room does not take of a connection and its tags (`Driver.check`)."""
    return _check_options(connection.endpoint, connection.options) + [
        Wrong("address", tag.address, ADDRESS_ALLOWED, tag.address)
        for tag in tags if not addresses.is_right(tag.address)
    ]  # fmt: skip


def _check_options(endpoint: str, given: Mapping[str, Any]) -> list[Wrong]:
    wrong = []
    if not _is_endpoint(endpoint):
        allowed = "opc.tcp://host:port/path without user or password"
        wrong.append(Wrong("endpoint", endpoint, allowed))
    names = f"one of {', '.join(sorted(_NAMES))}"
    wrong += [Wrong(f"options.{n}", str(given[n]), names) for n in given if n not in _NAMES]
    if (security := given.get("security") or NONE) not in SECURITIES:
        wrong.append(Wrong("options.security", str(security), f"one of {', '.join(SECURITIES)}"))
    shown = _fingerprint(given.get("trusted_sha256"))
    if shown and not _FINGERPRINT.fullmatch(shown):
        wrong.append(Wrong("options.trusted_sha256", shown, "64 hexadecimal digits"))
    for name in ("plain_password", "trust_first_use", "history"):
        if given.get(name, False) not in _TRUTHS:
            wrong.append(Wrong(f"options.{name}", str(given[name]), "true or false"))
    for name, (_, low, high) in _BOUNDS.items():
        if not _is_whole(given.get(name, low), low, high):
            allowed = f"a whole number from {low} to {high}"
            wrong.append(Wrong(f"options.{name}", str(given[name]), allowed))
    return wrong


def _is_endpoint(endpoint: str) -> bool:
    try:
        parts = urlsplit(endpoint)
        port = parts.port
    except ValueError:
        return False
    return parts.scheme == "opc.tcp" and bool(parts.hostname and port) and "@" not in parts.netloc


def _truth(given: Mapping[str, Any], name: str) -> bool:
    return _TRUTHS[given.get(name, False)]


def _whole(given: Mapping[str, Any], name: str) -> int:
    return int(given.get(name, _BOUNDS[name][0]))


def _is_whole(value: Any, low: int, high: int) -> bool:
    try:
        return low <= int(value) <= high and float(value) == int(value)
    except (TypeError, ValueError):
        return False


def _fingerprint(value: Any) -> str:
    return str(value or "").replace(":", "").replace(" ", "").lower()
