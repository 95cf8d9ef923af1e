"""The options of a connection, read and judged."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from millbrain.connect.sparkplug.client import Broker, read_endpoint
from millbrain.connect.sparkplug.fields import NAMESPACE
from millbrain.connect.sparkplug.messages import read_address
from millbrain.connect.sparkplug.topics_json import Rule, read_rules
from millbrain.core.errors import SettingsError
from millbrain.core.plant.secrets import Secrets
from millbrain.core.plant.tags import Connection, Tag, Wrong

SESSION_H: Final = 168.0  # a long holiday
SESSION_H_MAX: Final = 24 * 365


@dataclass(frozen=True, slots=True)
class Options:
    """What a connection asks for."""

    broker: Broker
    rules: tuple[Rule, ...]
    pattern: str
    create: bool


def read_options(connection: Connection, secrets: Secrets | None = None) -> Options:
    """Return the options of a connection, with its secrets where they are given.

    Raises
    ------
    SettingsError
        One of them is not allowed.
    """
    given = connection.options
    host, port, tls = read_endpoint(connection.endpoint)
    rules = read_rules(_text(given, "json"))
    version = _number(given, "mqtt", 5, (3, 5))
    if version not in (3, 5):
        raise SettingsError(f"option mqtt is {version:g}; 3 or 5 is allowed")
    broker = Broker(
        host, port, tls,
        client_id=_text(given, "client_id") or f"millbrain-{connection.key}",
        version=int(version),
        user=_text(given, "user"),
        password=secrets.get(connection.key, "password") if secrets else "",
        ca=_text(given, "ca"),
        certificate=_text(given, "certificate"),
        key=_text(given, "key"),
        session_s=int(_number(given, "session_h", SESSION_H, (0, SESSION_H_MAX)) * 3600),
        host_id=_text(given, "host_id"),
        filters=(*_filters(_text(given, "groups")), *(r.subscribed for r in rules)),
    )  # fmt: skip
    return Options(broker, rules, _text(given, "thing") or "{-2}", bool(given.get("create", True)))


def check(connection: Connection, tags: Sequence[Tag]) -> list[Wrong]:
    """Return what is not allowed about a connection and its tags."""
    found: list[Wrong] = []
    try:
        read_options(connection)
    except SettingsError as e:
        found.append(Wrong("options", str(e), "what the option's description says"))
    for tag in tags:
        if "#" not in tag.address and not read_address(tag.address)[0]:
            allowed = "group/node/device:metric, or topic#path of a JSON topic"
            found.append(Wrong("address", tag.address, allowed, tag.address))
    return found


def _filters(groups: str) -> tuple[str, ...]:
    names = [g.strip() for g in groups.split(",") if g.strip()]
    if names == ["-"]:
        return ()
    wrong = next((n for n in names if set(n) & set("/+#")), "")
    if wrong:
        raise SettingsError(
            f"option groups: {wrong!r} is no group; a name without / + # is allowed"
        )
    return tuple(f"{NAMESPACE}/{name}/#" for name in names) or (f"{NAMESPACE}/#",)


def _text(given: Mapping[str, Any], name: str) -> str:
    return str(given.get(name, "")).strip()


def _number(
    given: Mapping[str, Any], name: str, default: float, allowed: tuple[float, float]
) -> float:
    value = given.get(name, "")
    try:
        number = default if value == "" else float(value)
    except ValueError:
        number = float("nan")
    if not allowed[0] <= number <= allowed[1]:
        raise SettingsError(
            f"option {name} is {value!r}; {allowed[0]:g} to {allowed[1]:g} is allowed"
        )
    return number
