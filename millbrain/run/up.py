"""What `millbrain up` does: engine, web, resolver, and a demonstration city marked as simulated."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from rich.console import Console

from millbrain.core.errors import MillbrainError
from millbrain.record.ledger import Ledger
from millbrain.run import run_files
from millbrain.run.demo import fill, fill_cell, fill_lane
from millbrain.run.processes import Supervisor
from millbrain.run.production.demo import fill_production
from millbrain.run.settings import Settings, prepare_data_folder

# Process and what it calls a port -> the section and the name of its setting.
_PORTS: Final = {
    ("engine", "gbt32960"): ("gbt32960", "port"),
    ("engine", "http"): ("http", "port"),
    ("engine", "clickhouse"): ("clickhouse", "port"),
    ("web", "web"): ("web", "port"),
    ("controllers", "controllers"): ("demo", "controllers_port"),
    ("resolver", "handle"): ("handle", "port"),
    ("resolver", "http"): ("resolver", "http_port"),
}
Ports = Mapping[str, Mapping[str, int]]  # process -> what it calls a port -> the port it took


def run_up(settings: Settings, out: Console) -> None:
    """Start everything, print where to look, and watch until told to stop."""
    for name in ("engine", "web", "resolver", "controllers"):
        found = run_files.read(settings.run_file(name))
        if found:
            raise MillbrainError(
                f"{name} already runs on {settings.data} as process {found['pid']}; "
                f"stop it first, or choose another folder with --data"
            )
    prepare_data_folder(settings)
    password = _first_run(settings)
    supervisor = Supervisor(settings)
    ports: dict[str, Mapping[str, int]] = {}

    def start(process: str) -> None:
        nonlocal settings
        ports[process] = supervisor.start(process, [process, *_place(settings)])
        settings = settled(settings, {process: ports[process]})

    try:
        with out.status("starting the engine (a first start compiles for about a minute) ..."):
            start("engine")
        with out.status("starting the pages ..."):
            start("web")
        if settings.resolver.enabled:
            if settings.demo.enabled:
                with out.status("writing the identifiers of the demonstration ..."):
                    fill(settings)
                    start("controllers")
                    fill_cell(settings, ports["controllers"]["controllers"])
            with out.status("starting the resolver ..."):
                start("resolver")
        if settings.demo.enabled:
            fill_lane(settings)
            fill_production(settings)
            supervisor.start("demo", ["play", *_city(settings)], waits=False)
            if settings.plant.simulate:
                supervisor.start("plant", ["plant", *_plant(settings)], waits=False)
        _place(settings)
        out.print(_where(settings, ports, password), highlight=False, soft_wrap=True, markup=False)
        supervisor.watch()
    finally:
        supervisor.stop()


def _first_run(settings: Settings) -> str | None:
    """Create the administrator on a first run; return the password, which is never shown again."""
    ledger = Ledger(settings.ledger_url)
    try:
        ledger.migrate()
        return ledger.accounts.first_run()
    finally:
        ledger.close()


def settled(settings: Settings, ports: Ports) -> Settings:
    """Return the settings with ports that were left to chance as they were first taken.

    A child that falls starts again where the others, and the vehicles, look for it.
    """
    for (process, name), (section, field) in _PORTS.items():
        if name in ports.get(process, {}):
            placed = getattr(settings, section).model_copy(update={field: ports[process][name]})
            settings = settings.model_copy(update={section: placed})
    return settings


def _place(settings: Settings) -> list[str]:
    """Options that give a child the same settings; what came from the command line goes along."""
    config = settings.data / "run" / "settings.toml"
    write_in_force(settings, config)
    return ["--data", str(settings.data), "--config", str(config)]


def write_in_force(settings: Settings, path: Path) -> None:
    """Write the settings in force as TOML, private to the owner since URLs may hold passwords."""
    lines: list[str] = [f'time_zone = "{settings.time_zone}"']
    for name, section in settings.model_dump(mode="json", exclude={"data", "time_zone"}).items():
        lines.append(f"[{name}]")
        lines += [f"{key} = {_toml(value)}" for key, value in section.items() if value is not None]
    path.touch(mode=0o600)
    path.write_text("\n".join(lines) + "\n", "utf-8")


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {_toml(v)}" for key, v in value.items()) + "}"
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    escaped = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _city(settings: Settings) -> list[str]:
    demo = settings.demo
    return [
        *_place(settings),
        "--user", "sim-city",
        "--vehicles", str(demo.vehicles),
        "--period", str(demo.period_s),
        "--speed", "true",
        "--history-days", str(demo.history_days),
        "--history-vehicles", str(demo.history_vehicles),
    ]  # fmt: skip


def _plant(settings: Settings) -> list[str]:
    plant = settings.plant
    return [
        "simulate", plant.pack, *_place(settings), "--register",
        "--speed", str(plant.speed_ratio),
        "--history-days", str(plant.history_days),
        "--opcua-port", str(plant.opcua_port),
        "--modbus-port", str(plant.modbus_port),
        "--mqtt-port", str(plant.mqtt_port),
        *([] if plant.all_machines else ["--quick"]),
    ]  # fmt: skip


def _where(settings: Settings, ports: Ports, password: str | None) -> str:
    """Return what is printed once everything runs: where to look, and what is simulated."""
    scheme = "https" if settings.web.tls_key else "http"
    pages = f"{scheme}://{settings.web.host}:{ports['web']['web']}"
    engine = ports["engine"]
    login = (
        f"account admin, admin password: {password}  (shown only this once)"
        if password
        else "account admin, with the password of the first run"
    )
    rows = {
        "pages": pages,
        "login": login,
        "vehicles": f"GB/T 32960 on {settings.gbt32960.host}:{engine.get('gbt32960', 0)}",
        "readings": f"pushed to http://{settings.http.host}:{engine['http']}"
        if "http" in engine
        else "",
        "SQL": f"ClickHouse HTTP on {settings.clickhouse.host}:{engine['clickhouse']}",
        "identifiers": _identifiers(settings, ports),
        "machines": _machines(settings, ports, pages),
        "data": str(settings.data.absolute()),
        "city": _told_city(settings),
        "stop": "Ctrl-C",
    }
    told = "".join(f"{name:13}{text}\n" for name, text in rows.items() if text)
    return f"\nMillbrain is up\n\n{told}"


def _identifiers(settings: Settings, ports: Ports) -> str:
    resolver = settings.resolver
    if not (resolver.enabled and settings.handle.enabled):
        return "resolver.enabled or handle.enabled is false"
    own = ports["resolver"]
    return (
        f"Handle (UDP, TCP) on {settings.handle.host}:{own['handle']}, "
        f"HTTP on {resolver.http_host}:{own['http']}, as {resolver.role} node"
    )


def _machines(settings: Settings, ports: Ports, pages: str) -> str:
    """Return what of the demonstration's machines runs; all of it is simulated."""
    told = []
    plant = settings.plant
    if settings.demo.enabled and plant.simulate:
        which = "all" if plant.all_machines else "some"
        told.append(
            f"{which} of {plant.pack}, simulated (仿真数据), over OPC UA, Modbus and Sparkplug; "
            "connected by themselves"
        )
    if "controllers" in ports:
        told.append(f"scan parts at {pages}/scan")
    return "; ".join(told)


def _told_city(settings: Settings) -> str:
    demo = settings.demo
    if not demo.enabled:
        return "no demonstration city"
    told = (
        f"{demo.vehicles} simulated vehicles of a demonstration city report every "
        f"{demo.period_s:g} s; everything about them is simulated (仿真数据)"
    )
    if demo.history_days:
        told += (
            f"; on the first start {demo.history_vehicles} of them send "
            f"{demo.history_days:g} days of history at once"
        )
    return told
