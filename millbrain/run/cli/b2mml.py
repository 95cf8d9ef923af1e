"""`millbrain b2mml`: production orders in, performance out, through the API of the web process."""

from pathlib import Path
from typing import Annotated

import typer
import urllib3

from millbrain.core.errors import LinkError, SettingsError
from millbrain.run import run_files
from millbrain.run.cli.options import Config, Data, out
from millbrain.run.settings import load

Token = Annotated[
    str, typer.Option(envvar="MILLBRAIN_TOKEN", help="API token of an account that may do it.")
]


def import_(
    file: Annotated[Path, typer.Argument(help="OperationsSchedule or WorkSchedule, XML.")],
    token: Token,
    data: Data = None,
    config: Config = None,
) -> None:
    """Enter the orders of a schedule; the same file again changes nothing.

    Example: `millbrain b2mml import schedule.xml --token $TOKEN`
    """
    try:
        raw = file.read_bytes()
    except OSError as e:
        raise SettingsError(f"{file} cannot be read: {e}") from e
    out.print_json(_ask("POST", "", token, data, config, raw).decode())


def export_(
    file: Annotated[Path, typer.Argument(help="XML file to write.")],
    token: Token,
    data: Data = None,
    config: Config = None,
    form: Annotated[str, typer.Option(help="operations or work.")] = "operations",
) -> None:
    """Write what became of the open orders as OperationsPerformance or WorkPerformance.

    Example: `millbrain b2mml export performance.xml --token $TOKEN --form work`
    """
    file.write_bytes(_ask("GET", f"/performance?form={form}", token, data, config))
    out.print(f"{file} written", highlight=False)


def _ask(
    method: str, path: str, token: str, data: Path | None, config: Path | None, body: bytes = b""
) -> bytes:
    settings = load(data, config)
    found = run_files.read(settings.run_file("web"))
    if not found:
        raise SettingsError(f"no web process is running on {settings.data}; start `millbrain web`")
    scheme = "https" if settings.web.tls_key else "http"
    url = f"{scheme}://{settings.web.host}:{found['ports']['web']}/api/v1/production/b2mml{path}"
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/xml"}
    try:
        answer = urllib3.request(method, url, body=body or None, headers=headers, timeout=60)
    except urllib3.exceptions.HTTPError as e:
        raise LinkError(f"the web process does not answer: {e}") from e
    if answer.status != 200:
        raise LinkError(f"the web process refused ({answer.status}): {answer.data.decode()[:500]}")
    return answer.data
