"""Ledgers on both databases: SQLite always, PostgreSQL where its binaries are installed."""

import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from millbrain.record.ledger import Ledger

_FOLDERS = ("/usr/local/bin", *sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin")))[::-1])
_ACCOUNT = "postgres"  # initdb refuses to run as root


def _binary(name: str) -> str:
    return shutil.which(name, path=os.pathsep.join((*_FOLDERS, os.environ.get("PATH", "")))) or ""


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _run(folder: Path, *command: str) -> None:
    """Run a command of PostgreSQL, as its own account where we are root."""
    user = _ACCOUNT if os.geteuid() == 0 else None
    environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "HOME": str(folder)}
    # pg_ctl's server inherits the output: a pipe would stay open for as long as it runs.
    with (folder / "output").open("ab") as output:
        subprocess.run(command, check=True, user=user, env=environment, cwd=folder, stdout=output,
                       stderr=output, stdin=subprocess.DEVNULL, timeout=60)  # fmt: skip


def _cluster_folder() -> Path:
    """Make a folder that the server's account may enter, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp(prefix="millbrain-postgres-"))
    if os.geteuid() == 0:
        try:
            account = pwd.getpwnam(_ACCOUNT)
        except KeyError:
            folder.rmdir()
            pytest.skip(
                f"PostgreSQL refuses root and there is no account {_ACCOUNT!r} to run it as"
            )
        os.chown(folder, account.pw_uid, account.pw_gid)
    return folder


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """URL of a PostgreSQL server of our own on a free loopback port, stopped at the end."""
    initdb, pg_ctl = _binary("initdb"), _binary("pg_ctl")
    if not (initdb and pg_ctl):
        pytest.skip("PostgreSQL is not installed (apt-get install postgresql); SQLite is tested")
    folder = _cluster_folder()
    data, port = folder / "data", _free_port()
    _run(
        folder, initdb, "-D", str(data), "-U", "millbrain", "-A", "trust", "-E", "UTF8", "--no-sync"
    )
    options = (
        f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories= -c fsync=off"
    )
    _run(folder, pg_ctl, "-D", str(data), "-o", options, "-w", "-l", str(folder / "log"), "start")
    yield f"postgresql://millbrain@127.0.0.1:{port}"
    # pg_ctl signals the process whose id stands in this cluster's own postmaster.pid.
    _run(folder, pg_ctl, "-D", str(data), "-m", "immediate", "-w", "stop")
    shutil.rmtree(folder)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    server = request.getfixturevalue("postgres")
    name = f"t_{secrets.token_hex(6)}"
    engine = sa.create_engine(
        server.replace("postgresql:", "postgresql+psycopg:") + "/postgres",
        isolation_level="AUTOCOMMIT",
    )
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    engine.dispose()
    return f"{server}/{name}"


@pytest.fixture
def ledger(url: str) -> Iterator[Ledger]:
    """An empty ledger of the newest form."""
    opened = Ledger(url)
    opened.migrate()
    yield opened
    opened.close()
