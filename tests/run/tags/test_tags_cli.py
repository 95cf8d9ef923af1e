"""`millbrain tags` and `millbrain connections`: sheets and the register, also without an engine."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from millbrain.record.ledger import Ledger
from millbrain.run.cli import app
from millbrain.run.cli import tags as tag_commands
from millbrain.run.tags.secrets import SecretFiles

MAP = """
[[tag]]
address = "holding:100:f32"
thing = "MW-L03-M07"
signal = "spindle_speed_rpm"
unit = "r/min"
[[tag]]
address = "coil:3"
thing = "MW-L03-M07"
signal = "door"
kind = "truth"
"""


@pytest.fixture
def run(tmp_path: Path) -> "Commands":
    return Commands(tmp_path / "data")


class Commands:
    """Runs commands on one data folder."""

    def __init__(self, data: Path) -> None:
        self.data = data

    def __call__(self, *arguments: str, code: int = 0) -> str:
        done = CliRunner().invoke(app, [*arguments, "--data", str(self.data)])
        assert done.exit_code == code, done.output
        return " ".join(done.output.split())

    def tags(self, key: str) -> list[tuple[str, str]]:
        ledger = Ledger(f"sqlite:///{self.data / 'ledger.sqlite'}")
        found = [(t.address, t.signal) for t in ledger.tags.tags(key)]
        ledger.close()
        return found


def connect(run: Commands) -> None:
    run("connections", "add", "line-3", "modbus", "127.0.0.1:5020", "-o", "unit_id=7")


def test_a_register_map_goes_in_and_comes_out(run: Commands, tmp_path: Path) -> None:
    connect(run)
    sheet = tmp_path / "map.toml"
    sheet.write_text(MAP)
    assert "would be: 2 added" in run("tags", "import", str(sheet), "-c", "line-3", "--check")
    assert run.tags("line-3") == []
    assert "2 added, 0 changed" in run("tags", "import", str(sheet), "-c", "line-3")
    assert "0 added, 0 changed, 2 unchanged" in run("tags", "import", str(sheet), "-c", "line-3")
    for name in ("tags.xlsx", "tags.csv"):
        out = tmp_path / name
        assert "2 tags of 1 connections" in run("tags", "export", str(out))
        assert "0 added, 0 changed, 2 unchanged" in run("tags", "import", str(out))


def test_a_wrong_row_is_named_and_nothing_is_done(run: Commands, tmp_path: Path) -> None:
    connect(run)
    sheet = tmp_path / "map.csv"
    sheet.write_text("address,thing,signal\nholding:1,M7,a\nregister:1,M7,b\n")
    said = run("tags", "import", str(sheet), "-c", "line-3", code=1)
    assert "row 3, address: found 'register:1'; allowed:" in said
    assert "coil, discrete, input, holding" in said
    assert "nothing done: 1 added" in said
    assert run.tags("line-3") == []
    run("tags", "import", str(sheet), "-c", "line-3", "--good", code=1)
    assert run.tags("line-3") == [("holding:1", "a")]


def test_wrong_connections_are_refused(run: Commands) -> None:
    assert "unit_id was '900'; 0 to 255 is allowed" in run(
        "connections", "add", "x", "modbus", "10.0.0.7:502", "-o", "unit_id=900", code=1
    )
    assert "one of the rooms" in run("connections", "add", "x", "telex", "a", code=1)
    assert "name=value" in run("connections", "add", "x", "modbus", "a:1", "-o", "7", code=1)
    assert "has the options framing, unit_id" in run(
        "connections", "add", "x", "modbus", "10.0.0.7:502", "-o", "baud=9600", code=1
    )


def test_connections_are_listed_without_an_engine(run: Commands) -> None:
    connect(run)
    assert "connection line-3 changed" in run(
        "connections", "add", "line-3", "modbus", "127.0.0.1:5021"
    )
    said = run("connections", "list")
    assert "line-3" in said
    assert "127.0.0.1:5021" in said
    assert "no engine is running" in run("tags", "browse", "line-3", code=1)


def test_a_password_goes_to_the_secrets(run: Commands) -> None:
    run("connections", "add", "s", "opcua", "opc.tcp://10.0.0.7:4840", "-o", "password=s3cret",
        "-o", "user=a")  # fmt: skip
    ledger = Ledger(f"sqlite:///{run.data / 'ledger.sqlite'}")
    kept = ledger.tags.connection("s")
    ledger.close()
    assert kept is not None
    assert dict(kept.options) == {"user": "a"}
    assert SecretFiles(run.data).get("s", "password") == "s3cret"


def test_what_a_browse_finds_becomes_tags(run: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    connect(run)

    class Engine:
        """Stands for the running engine."""

        def browse(self, key: str, node: str, path: object, depth: int) -> dict[str, object]:
            leaf = {"address": "holding:7", "name": "holding 7", "parent": "", "leaf": True,
                    "kind": "number", "unit": "", "writable": True, "value": "12",
                    "path": ["Holding registers", "holding 7"]}  # fmt: skip
            known = leaf | {"address": "nonsense", "name": "x y"}
            return {"nodes": [leaf, known], "all": True}

    monkeypatch.setattr(tag_commands, "_client", lambda _: Engine())
    assert "holding_7" in run("tags", "browse", "line-3")
    assert run.tags("line-3") == []
    said = run("tags", "browse", "line-3", "--create")
    assert "1 tags made, 1 left out" in said
    assert "left out: nonsense" in said
    assert run.tags("line-3") == [("holding:7", "holding_7")]
