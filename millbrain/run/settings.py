"""Every setting of the platform, declared once with its default, range and meaning.

Order of precedence, last wins: the defaults below, ``millbrain.toml`` in the data folder (or the
file given with --config), environment variables (``MILLBRAIN_WEB__PORT=8081``), command-line
options. The reference page of the documentation is made from this module.
"""

import json
import os
import secrets
import tomllib
from datetime import date, time
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from millbrain.core import limits
from millbrain.core.errors import SettingsError
from millbrain.core.nodes import Role
from millbrain.core.work.working_time import DAY_SHIFT

Port = Annotated[int, Field(ge=0, le=65_535)]
LOOPBACK = "127.0.0.1"


class Section(BaseModel):
    """One table of the settings file; unknown keys are refused, since they are mostly typos."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Gbt32960Settings(Section):
    """Reception of vehicles and enterprise platforms over GB/T 32960."""

    enabled: bool = Field(default=True, description="Whether the port is opened at all.")
    host: str = Field(default=LOOPBACK, description="Address to listen on.")
    port: Port = Field(default=32960, description="TCP port; 0 takes any free one and prints it.")
    auth_peers: bool = Field(
        default=True, description="Platform logins are checked against the peers."
    )
    vehicle_links: Literal["open", "closed"] = Field(
        default="open",
        description="Whether vehicles may connect directly.",
    )


class SparkplugSettings(Section):
    """Machines over MQTT; the brokers are connections, kept in the ledger."""

    enabled: bool = Field(default=True, description="Whether any broker is connected to.")


class OpcuaSettings(Section):
    """Connections to OPC UA servers; the servers themselves are registered, not set here."""

    enabled: bool = Field(default=True, description="Whether connections are made at all.")


class ModbusSettings(Section):
    """Modbus devices; which ones stands in the register of connections."""

    enabled: bool = Field(default=True, description="Whether the connections of the room run.")


class HttpSettings(Section):
    """Readings that gateways and programs of a plant push over HTTP."""

    enabled: bool = Field(default=True, description="Whether the port is opened at all.")
    host: str = Field(default=LOOPBACK, description="Address to listen on.")
    port: Port = Field(default=8200, description="TCP port; 0 takes any free one and prints it.")


class FilesSettings(Section):
    """Files in watched folders; which ones stands in the register of connections."""

    enabled: bool = Field(default=True, description="Whether the connections of the room run.")
    folders: list[Path] = Field(
        default=[], description="Folders besides `rooms/files` of the data folder that a "
        "connection may watch, and all below them.",
    )  # fmt: skip


class IntakeSettings(Section):
    """The path from a decoded frame to a committed row."""

    raw_frames_hz: int = Field(
        default=limits.RAW_FRAMES_HZ_MAX, ge=0, le=1_000_000,
        description="Raw frames kept per second [1/s]; reports beyond are stored all the same.",
    )  # fmt: skip


class ClickHouseSettings(Section):
    """The warehouse: embedded and served by the engine, or a ClickHouse server."""

    host: str = Field(
        default=LOOPBACK, description="Address on which the engine serves ClickHouse HTTP."
    )
    port: Port = Field(default=8123, description="Port of that; 0 takes any free one.")
    url: str = Field(
        default="", description="URL of a ClickHouse server to use instead of the embedded one."
    )
    form: Literal["plain", "replicated"] = Field(
        default="plain",
        description="Form of the tables on a server: plain, or replicated and distributed.",
    )
    anonymous_read: bool = Field(
        default=True,
        description="User `default` may read without a password; only while host is loopback.",
    )


class LedgerSettings(Section):
    """Accounts, things, commands, audit."""

    url: str = Field(
        default="", description="SQLAlchemy URL; empty means SQLite in the data folder."
    )


class AnalyseSettings(Section):
    """The apps that the engine runs over what arrives."""

    battery: bool = Field(default=True, description="Whether battery health is analysed.")
    limits: bool = Field(default=True, description="Whether limits of signals are watched.")
    energy: bool = Field(default=True, description="Whether days of meters are computed.")
    process: bool = Field(
        default=True, description="Whether the characteristics of characteristics.toml are charted."
    )
    effectiveness: bool = Field(
        default=True, description="Whether states, OEE and losses of machines are told."
    )
    plants: list[str] = Field(
        default=["machining-works", "engine-plant"], max_length=100,
        description="Packs whose machines, lines and calendars are known.",
    )  # fmt: skip
    rules: dict[str, dict[str, float]] = Field(
        default={},
        description="Parameters of an app by its name, e.g. `[analyse.rules.battery]`.",
    )
    workers: int = Field(
        default=0, ge=0, le=256,
        description="Processes of a backfill; 0 = as many as the machine has processors.",
    )  # fmt: skip
    ray: str = Field(
        default="",
        description="Where a backfill runs: empty = processes of its own, `auto` or an address = "
        "a Ray cluster.",
    )


class DecideSettings(Section):
    """Work orders and notices: working time, rules, and the address that links lead to."""

    orders: dict[str, float] = Field(
        default={}, description="Parameters of work orders by name, such as `clean_days`."
    )
    production: dict[str, float] = Field(
        default={}, description="Parameters of production by name, such as `acknowledge_min`."
    )
    notices: dict[str, float] = Field(
        default={}, description="Parameters of the sender of notices by name."
    )
    shifts: list[tuple[time, time]] = Field(
        default=list(DAY_SHIFT), min_length=1, max_length=6,
        description="Shifts of a working day, local time, each from and to.",
    )  # fmt: skip
    holidays: list[date] = Field(
        default=[], description="Free weekdays besides the public holidays that are known."
    )
    working_days: list[date] = Field(
        default=[], description="Days that are worked though free by calendar or holiday."
    )
    site: str = Field(
        default="", description="Address of the pages as people reach it, for links in notices."
    )
    prefix: str = Field(
        default="", max_length=128,
        description="Prefix that events of scans belong to; empty = that of the scanned part.",
    )  # fmt: skip


class WebSettings(Section):
    """Pages and JSON API."""

    host: str = Field(default=LOOPBACK, description="Address to listen on.")
    port: Port = Field(default=8080, description="Port; 0 takes any free one.")
    tls_certificate: Path | None = Field(
        default=None, description="PEM file; with tls_key turns TLS on."
    )
    tls_key: Path | None = Field(default=None, description="PEM file of the private key.")


class ResolverSettings(Section):
    """The identifiers of this node, who administers it, and its HTTP port."""

    enabled: bool = Field(default=True, description="Whether `millbrain up` starts the resolver.")
    http_host: str = Field(default=LOOPBACK, description="Address of the HTTP faces.")
    http_port: Port = Field(default=8000, description="Port of that; 0 takes any free one.")
    cache_mib: int = Field(
        default=256, ge=8, le=1 << 20, description="Memory for decoded records [MiB]."
    )
    administrators: tuple[str, ...] = Field(
        default=(), description="Identities with every right, as 300:88.100.1/admin."
    )
    role: Role = Field(
        default=Role.ENTERPRISE,
        description="Part in the tree of nodes: top, secondary, enterprise, or recursive, which "
        "asks the others on behalf of clients.",
    )
    upstream: tuple[str, ...] = Field(
        default=(),
        description="Nodes that a recursive node asks first, host:port or udp:host:port.",
    )
    remember_mib: int = Field(
        default=64, ge=1, le=1 << 20, description="Memory for answers of other nodes [MiB]."
    )
    negative_s: float = Field(
        default=60, ge=0, le=86_400,
        description="How long it is remembered that an identifier does not exist [s].",
    )  # fmt: skip
    stale_s: float = Field(
        default=86_400, ge=0, le=30 * 86_400,
        description="How long after its time an answer is given while no node can be asked [s].",
    )  # fmt: skip
    try_s: float = Field(
        default=1, gt=0, le=60, description="Longest wait for an answer of one other node [s]."
    )
    wait_s: float = Field(
        default=4, gt=0, le=60, description="Longest wait of a client for other nodes in all [s]."
    )
    report_to: str = Field(
        default="",
        description="HTTP address of the node above, to which counts are reported; empty = none.",
    )
    report_prefix: str = Field(
        default="", description="Prefix by which this node reports: that of its holder."
    )
    report_key: str = Field(default="", description="Key that the node above has for that prefix.")
    report_s: float = Field(
        default=60, ge=0.1, le=86_400, description="Time between two reports [s]."
    )


class HandleSettings(Section):
    """Resolution over the Handle protocol, UDP and TCP."""

    enabled: bool = Field(default=True, description="Whether the port is opened at all.")
    host: str = Field(default=LOOPBACK, description="Address to listen on.")
    port: Port = Field(default=2641, description="UDP and TCP port; 0 takes any free one.")
    announced: str = Field(
        default="", description="Address that clients are told; empty means host."
    )


class PlantSettings(Section):
    """The simulated machines that `millbrain up` starts with the demonstration."""

    pack: str = Field(
        default="machining-works", description="Folder under packs/ that describes the plant."
    )
    simulate: bool = Field(
        default=True, description="Whether the demonstration has simulated machines."
    )
    all_machines: bool = Field(
        default=False,
        description="All machines of the pack; else those of its quick servers, about twenty.",
    )
    speed_ratio: float = Field(
        default=1.0, ge=0.1, le=3600, description="Seconds that pass in the plant in one of ours."
    )
    history_days: float = Field(
        default=7.0, ge=0, le=90,
        description="Days before the first start that they tell at once; 0 = none.",
    )  # fmt: skip
    opcua_port: Port = Field(
        default=4840, description="Port of the first simulated OPC UA server; 0 = any."
    )
    modbus_port: Port = Field(
        default=5020, description="Port of the first simulated Modbus server; 0 = any."
    )
    mqtt_port: Port = Field(
        default=1883,
        description="Port of the MQTT broker; one is started where nobody listens; 0 = any.",
    )


class DemoSettings(Section):
    """The demonstration city that `millbrain up` starts; everything in it is simulated."""

    enabled: bool = Field(default=True, description="Whether `millbrain up` starts it.")
    pack: str = Field(default="chongqing", description="Folder under packs/ that describes it.")
    vehicles: int = Field(default=2000, ge=1, le=800_000, description="Simulated vehicles.")
    period_s: float = Field(
        default=10.0, gt=0, le=600, description="Seconds between reports of a vehicle."
    )
    history_days: float = Field(
        default=30.0, ge=0, le=90,
        description="Days before the first start that some of them report at once; 0 = none.",
    )  # fmt: skip
    history_vehicles: int = Field(
        default=120, ge=0, le=2000,
        description="Vehicles that have such a history, a handful of them with a weak battery.",
    )  # fmt: skip
    controllers_port: Port = Field(
        default=4800, description="Port of the simulated controllers of machines; 0 = any."
    )


class Settings(BaseSettings):
    """All settings of one installation."""

    model_config = SettingsConfigDict(
        env_prefix="MILLBRAIN_", env_nested_delimiter="__", extra="forbid", frozen=True
    )

    data: Path = Field(default=Path("data"), description="Folder of the stores, secrets and logs.")
    time_zone: str = Field(
        default="Asia/Shanghai", description="Zone in which days begin and pages show time."
    )
    gbt32960: Gbt32960Settings = Gbt32960Settings()
    sparkplug: SparkplugSettings = SparkplugSettings()
    opcua: OpcuaSettings = OpcuaSettings()
    modbus: ModbusSettings = ModbusSettings()
    http: HttpSettings = HttpSettings()
    files: FilesSettings = FilesSettings()
    intake: IntakeSettings = IntakeSettings()
    clickhouse: ClickHouseSettings = ClickHouseSettings()
    ledger: LedgerSettings = LedgerSettings()
    analyse: AnalyseSettings = AnalyseSettings()
    decide: DecideSettings = DecideSettings()
    web: WebSettings = WebSettings()
    resolver: ResolverSettings = ResolverSettings()
    handle: HandleSettings = HandleSettings()
    demo: DemoSettings = DemoSettings()
    plant: PlantSettings = PlantSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let the environment win over the file, whose values come in as initial ones."""
        return env_settings, init_settings

    @property
    def ledger_url(self) -> str:
        """The ledger's SQLAlchemy URL with the default filled in."""
        return self.ledger.url or f"sqlite:///{self.data.absolute() / 'ledger.sqlite'}"

    def run_file(self, process: str) -> Path:
        """Where a process writes its id and the ports it really took."""
        return self.data / "run" / f"{process}.json"


def load(data: Path | None = None, config: Path | None = None, **options: Any) -> Settings:
    """Read the settings; `options` are command-line values, ``section__key=value``.

    Raises
    ------
    SettingsError
        Naming each wrong setting, what was found and what is allowed.
    """
    folder = data or Path(os.environ.get("MILLBRAIN_DATA", "data"))
    path = config or folder / "millbrain.toml"
    if config and not config.exists():
        raise SettingsError(f"settings file {config} does not exist")
    try:
        values = tomllib.loads(path.read_text("utf-8")) if path.exists() else {}
        settings = Settings(**values).model_copy(update={"data": folder})
        return _with_options(settings, {k: v for k, v in options.items() if v is not None})
    except tomllib.TOMLDecodeError as e:
        raise SettingsError(f"{path} is not valid TOML: {e}") from e
    except ValidationError as e:
        raise SettingsError(f"settings ({path} and environment): {_sentences(e)}") from e


def _with_options(settings: Settings, options: dict[str, Any]) -> Settings:
    """Command-line options win over the environment."""
    sections: dict[str, Any] = {}
    for name, value in options.items():
        section, _, key = name.partition("__")
        old: Section = getattr(settings, section)
        now = sections.get(section, old.model_dump())
        sections[section] = now | {key: value}
    checked = {
        name: type(getattr(settings, name)).model_validate(v) for name, v in sections.items()
    }
    return settings.model_copy(update=checked)


def _sentences(error: ValidationError) -> str:
    return "; ".join(
        f"{'.'.join(str(p) for p in e['loc'])}: {e['msg']} (found {e.get('input')!r})"
        for e in error.errors()
    )


def prepare_data_folder(settings: Settings) -> str:
    """Create the data folder and its secret if they are missing; return the internal key.

    The key lets the processes of one installation trust one another; it never leaves the folder,
    which only its owner may read.
    """
    settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name in ("run", "log"):
        (settings.data / name).mkdir(exist_ok=True)
    path = settings.data / "secrets.json"
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        key: str = json.loads(path.read_text("utf-8"))["internal_key"]
        return key
    key = secrets.token_urlsafe(32)
    with os.fdopen(handle, "w", encoding="utf-8") as f:
        json.dump({"internal_key": key}, f)
        f.flush()
        os.fsync(f.fileno())
    return key
