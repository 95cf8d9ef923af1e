"""The command line: help with examples, one sentence for what is wrong, exit codes."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from millbrain.run.cli import app

COMMANDS = (
    "up", "engine", "web", "play", "decode", "doctor", "sql", "backup", "restore", "bench", "peers",
    "plant",
)  # fmt: skip
run = CliRunner()


def test_help_names_every_command() -> None:
    told = run.invoke(app, ["--help"])
    assert told.exit_code == 0
    assert all(f" {name} " in told.output for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_explains_itself(name: str) -> None:
    told = run.invoke(app, [name, "--help"])
    assert told.exit_code == 0
    assert "Usage" in told.output


def test_decode_prints_one_object_a_frame(tmp_path: Path) -> None:
    heartbeat = bytes.fromhex("232307fe") + b"LSVTEST0000000001" + bytes.fromhex("010000")
    check = 0
    for byte in heartbeat[2:]:
        check ^= byte
    told = run.invoke(app, ["decode", "-"], input=(heartbeat + bytes((check,))).hex() + "\n")
    found = json.loads(told.stdout)
    assert (found["ver"], found["cmd"], found["resp"], found["bcc_ok"]) == (2016, 7, 254, True)
    assert found["id"] == "LSVTEST0000000001"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["decode", "no-such-file.hex"], "no-such-file.hex is not a file"),
        (["sql", "SELECT 1"], "no engine is running"),
        (["play", "no-such-file.hex"], "no-such-file.hex is not a file"),
        (["bench", "nothing"], "there is no benchmark 'nothing'"),
        (["restore", "nowhere"], "nowhere"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(tmp_path: Path, words: list[str], said: str) -> None:
    data = [] if words[0] in ("decode", "bench") else ["--data", str(tmp_path)]
    told = run.invoke(app, [*words, *data])
    assert told.exit_code == 1
    assert said in " ".join(told.stderr.split())
    assert "Traceback" not in told.output


def test_peers_may_only_go_unchecked_on_loopback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MILLBRAIN_GBT32960__HOST", "0.0.0.0")
    told = run.invoke(app, ["engine", "--data", str(tmp_path), "--no-auth-peers"])
    assert told.exit_code == 1
    assert "may only be opened on 127.0.0.1" in " ".join(told.stderr.split())


def test_doctor_looks_at_an_empty_place_and_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    for name in ("GBT32960", "CLICKHOUSE", "WEB"):
        monkeypatch.setenv(f"MILLBRAIN_{name}__PORT", "0")
    told = run.invoke(app, ["doctor", "--data", str(tmp_path / "none")])
    assert told.exit_code == 0
    assert "does not exist yet" in told.output
    assert "engine is not running" in told.output
    assert "millbrain up" in told.output
