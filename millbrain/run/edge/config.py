"""The settings file of an edge: TOML, checked before anything starts.

name = "line-3"                       # in the keys of our pushes
data = "edge-data"                    # folder of the buffer, beside this file unless absolute
[centre]
url = "http://192.0.2.10:8200/push/line-3"
token_file = "token.txt"              # or token = "..."
[buffer]
gib_max = 20.0
hours_max = 120.0
when_full = "hold"                    # or "drop": oldest of the least important
[[connection]]
key = "line-3"
room = "sparkplug"
endpoint = "mqtt://127.0.0.1:1883"
[[rule]]
thing = "MW-*"
signal = "overheated"
when = "temperature_degc > 80"
for_s = 5
action = {signal = "feed_enable", value = 0}
"""

import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from millbrain.core.errors import SettingsError
from millbrain.core.plant.tags import Connection, Tag, TagKind
from millbrain.run.edge.buffer import Bounds
from millbrain.run.edge.expressions import Expression
from millbrain.run.edge.rules import Action, Derived, Model, Rule, model_of
from millbrain.run.settings import LOOPBACK, Port


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class CentrePart(_Part):
    """Where readings go."""

    url: str = Field(pattern="^https?://", description="Push path of a connection of room http.")
    token: str = ""
    token_file: str = ""
    ca: str = ""


class BufferPart(_Part):
    """How much waits on disk while the centre is away."""

    gib_max: float = Field(default=20.0, gt=0, le=10_000)
    hours_max: float = Field(default=120.0, gt=0, le=24 * 366)
    when_full: Literal["hold", "drop"] = "hold"


class ForwardPart(_Part):
    """How the two lanes share the way to the centre."""

    share: float = Field(default=0.8, ge=0.05, le=1.0)
    live_s: float = Field(default=5.0, ge=1, le=3600)


class ConnectionPart(_Part):
    """A connection with its tags; what is heard beyond them is found by the room itself."""

    key: str
    room: str
    endpoint: str
    title: str = ""
    options: dict[str, Any] = {}
    secrets: dict[str, str] = {}
    tag: list[dict[str, Any]] = []


class ImportancePart(_Part):
    """Importance of series whose ``thing/signal`` fits a pattern; more is kept longer."""

    series: str
    number: int = Field(ge=0, le=9)


class ActionPart(_Part):
    """A write at a machine when a rule becomes true."""

    signal: str
    value: float | str
    thing: str = ""


class RulePart(_Part):
    """A local alarm: 1 while the condition has held for so long."""

    signal: str
    when: str
    thing: str = "*"
    for_s: float = Field(default=0.0, ge=0, le=86_400)
    action: ActionPart | None = None


class DerivedPart(_Part):
    """A local signal computed of others of the same thing."""

    signal: str
    value: str
    thing: str = "*"


class StatusPart(_Part):
    """The status page."""

    host: str = LOOPBACK
    port: Port = 8190


class EdgeConfig(_Part):
    """All settings of one edge."""

    name: str = Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._-]+$")
    data: Path = Path("edge-data")
    centre: CentrePart
    buffer: BufferPart = BufferPart()
    forward: ForwardPart = ForwardPart()
    status: StatusPart = StatusPart()
    connection: list[ConnectionPart] = []
    importance: list[ImportancePart] = []
    rule: list[RulePart] = []
    derive: list[DerivedPart] = []
    model: list[dict[str, Any]] = []
    rooms: dict[str, dict[str, Any]] = {}

    def bounds(self) -> Bounds:
        """Return the bounds of the buffer."""
        part = self.buffer
        return Bounds(int(part.gib_max * (1 << 30)), part.hours_max * 3600, part.when_full)

    def connections(self) -> list[Connection]:
        """Return the connections."""
        return [
            Connection(c.key, c.room, c.title, c.endpoint, dict(c.options))
            for c in self.connection
        ]  # fmt: skip

    def tags(self) -> list[Tag]:
        """Return the tags that the file declares; SettingsError where one is none."""
        try:
            return [
                Tag(connection=c.key, **tag | {"kind": TagKind(tag.get("kind", TagKind.NUMBER))})
                for c in self.connection
                for tag in c.tag
            ]
        except (TypeError, ValueError) as e:
            raise SettingsError(f"a [[connection.tag]]: {e}") from e

    def rules(self) -> list[Rule]:
        """Return the rules; SettingsError where a condition is none."""
        return [
            Rule(r.thing, r.signal, Expression(r.when), r.for_s, _action(r.action))
            for r in self.rule
        ]

    def derived(self) -> list[Derived]:
        """Return the derived signals; SettingsError where an expression is none."""
        return [Derived(d.thing, d.signal, Expression(d.value)) for d in self.derive]

    def models(self) -> list[Model]:
        """Return the models; SettingsError where one is none."""
        return [model_of(m) for m in self.model]


def _action(part: ActionPart | None) -> Action | None:
    return Action(part.signal, part.value, part.thing) if part else None


def load_edge(path: Path) -> EdgeConfig:
    """Return the settings of a file; paths in it are beside it.

    Raises
    ------
    SettingsError
        The file is none, or something in it is not allowed.
    """
    try:
        told = tomllib.loads(path.read_text("utf-8"))
        config = EdgeConfig(**told)
    except OSError as e:
        raise SettingsError(f"settings file {path} cannot be read: {e.strerror}") from e
    except (tomllib.TOMLDecodeError, TypeError) as e:
        raise SettingsError(f"{path} is no settings file: {e}") from e
    except ValidationError as e:
        said = "; ".join(
            f"{'.'.join(str(p) for p in w['loc'])}: {w['msg']} (found {w.get('input')!r})"
            for w in e.errors()
        )
        raise SettingsError(f"{path}: {said}") from e
    centre = config.centre
    if centre.token_file:
        token = (path.parent / centre.token_file).read_text("utf-8").strip()
        centre = centre.model_copy(update={"token": token})
    for part in (config.tags, config.rules, config.derived, config.models):
        part()
    return config.model_copy(update={"data": path.parent / config.data, "centre": centre})
