"""A real MQTT broker for tests: Mosquitto on a throw-away folder and a free port."""

import shutil
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

PLACES = ("/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin")
READY_S_MAX = 10
# What a plant's broker needs so that nothing is lost: the README of connect/sparkplug explains it.
CONFIG = """\
listener {port} 127.0.0.1
allow_anonymous true
persistence true
persistence_location {folder}/
autosave_interval 1
max_queued_messages 0
max_inflight_messages 1000
upgrade_outgoing_qos true
"""


def mosquitto() -> str:
    """Return the broker's program; the test is skipped where there is none."""
    path = shutil.which("mosquitto") or shutil.which("mosquitto", path=":".join(PLACES))
    if not path:
        pytest.skip("Mosquitto is not installed (Debian: apt-get install mosquitto)")
    return path


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@dataclass
class Broker:
    """One Mosquitto that a test starts, kills and starts again on the same port."""

    folder: Path
    more: str = ""
    port: int = field(default_factory=free_port)
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> "Broker":
        program = mosquitto()
        self.folder.mkdir(parents=True, exist_ok=True)
        config = self.folder / "mosquitto.conf"
        text = CONFIG.format(port=self.port, folder=self.folder)
        config.write_text(f"user {_user()}\n{text}{self.more}", "utf-8")
        self.process = subprocess.Popen(
            [program, "-c", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        end = time.monotonic() + READY_S_MAX
        while time.monotonic() < end:
            assert self.process.poll() is None, "Mosquitto ended at once"
            try:
                socket.create_connection(("127.0.0.1", self.port), 0.2).close()
                return self
            except OSError:
                time.sleep(0.02)
        raise AssertionError("Mosquitto was not ready in time")

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        """Stop it as an operator would: it writes what it holds."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(10)

    @property
    def endpoint(self) -> str:
        return f"mqtt://127.0.0.1:{self.port}"


def _user() -> str:
    """Mosquitto gives up root's rights for this account; a test's folder belongs to the caller."""
    import getpass

    return getpass.getuser()
