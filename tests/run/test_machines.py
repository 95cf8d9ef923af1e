"""From the command line to a machine and back, through a running engine."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from millbrain.connect.opcua.simulator import NAMESPACE, Simulator
from millbrain.core.plant.tags import Tag, TagKind
from millbrain.record.ledger import Ledger
from millbrain.run.cli import app
from tests.connect.opcua.plants import wait_until
from tests.engines import Process

pytestmark = pytest.mark.slow
NODE = f"nsu={NAMESPACE};s=Press"


def test_a_server_is_connected_browsed_written_and_asked_for_its_past(tmp_path: Path) -> None:
    machine = Simulator(history=["good_count"]).start()
    engine = Process("engine", tmp_path, ("--port", "0")).start()

    def run(*words: str, fails: bool = False) -> str:
        done = CliRunner().invoke(app, [*words, "--data", str(tmp_path)])
        assert done.exit_code == int(fails), done.output
        return str(done.output)

    try:
        offered = CliRunner().invoke(app, ["connections", "endpoints", machine.endpoint]).output
        assert "Simulated press" in offered
        run("connections", "add", "press", "opcua", machine.endpoint, "-o", "publishing_ms=50")
        assert wait_until(lambda: "connected" in run("connections", "list"))
        made = run("tags", "browse", "press", NODE, "--create", "--pattern", "P1")
        assert "9 tags made, 0 left out" in made
        assert wait_until(lambda: engine.sql("SELECT uniq(signal) FROM reading") == [["9"]])
        ledger = Ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
        tags = {t.signal: t for t in ledger.tags.tags("press")}
        assert (tags["speed_rpm"].unit, tags["program"].kind) == ("r/min", TagKind.TEXT)
        ledger.tags.put_tags([Tag("press", f"{NODE}.force_set", "P1", "force_set", writable=True)])
        assert wait_until(lambda: "12.5" in run("connections", "write", "P1", "force_set", "12.5"))
        assert machine.value("force_set") == 12.5
        assert "not writable" in run("connections", "write", "P1", "speed_rpm", "1", fails=True)
        assert "no tag brings" in run("connections", "write", "P2", "speed_rpm", "1", fails=True)
        since = ("--since", "2020-01-01T00:00:00Z")
        assert "values fetched" in run("connections", "history", "P1", "good_count", *since)
        trail, _ = ledger.audit.page(who="command line", what="command.write")
        assert [(e.object, e.result) for e in trail][-1] == ("P1 force_set", "ok")
        ledger.close()
    finally:
        engine.stop()
        machine.stop()
