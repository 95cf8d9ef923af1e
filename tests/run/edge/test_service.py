"""The settings file, the process and its status, as an operator meets them."""

import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from millbrain.core.errors import SettingsError
from millbrain.core.plant.tags import Tag, TagKind
from millbrain.run.edge.book import EdgeBook
from millbrain.run.edge.config import load_edge
from millbrain.run.edge.telling import page
from tests.run.edge.plants import EdgeProcess, port

ROOT = Path(__file__).resolve().parents[3]
HEAD = 'name = "e1"\n[centre]\nurl = "http://127.0.0.1:1/push/w"\ntoken = "t"\n'


def written(folder: Path, text: str) -> Path:
    path = folder / "edge.toml"
    path.write_text(text, "utf-8")
    return path


def test_a_file_with_everything_is_read(tmp_path: Path) -> None:
    (tmp_path / "token.txt").write_text("secret\n", "utf-8")
    more = """
[buffer]
gib_max = 0.5
when_full = "drop"
[[connection]]
key = "l"
room = "sparkplug"
endpoint = "mqtt://h"
secrets = {password = "p"}
[[connection.tag]]
address = "G/N:x"
thing = "M1"
signal = "x"
kind = "truth"
[[rule]]
signal = "hot"
when = "x > 1"
[[derive]]
signal = "y"
value = "x * 2"
[[model]]
kind = "slope"
signal = "x"
window = 9
"""
    head = HEAD.replace('token = "t"', 'token_file = "token.txt"')
    config = load_edge(written(tmp_path, head + more))
    assert config.centre.token == "secret"
    assert config.data == tmp_path / "edge-data"
    assert config.bounds().bytes_max == 1 << 29
    assert config.tags() == [Tag("l", "G/N:x", "M1", "x", TagKind.TRUTH)]
    assert config.tags()[0].kind is TagKind.TRUTH  # rooms compare it so
    assert [m.tells for m in config.models()] == ["x_slope"]


LINE = '[[connection]]\nkey = "l"\nroom = "r"\nendpoint = "e"\n'


@pytest.mark.parametrize(("more", "said"), [
    ("colour = 1\n", "colour"),
    ("[buffer]\ngib_max = -1\n", "gib_max"),
    ('[buffer]\nwhen_full = "explode"\n', "when_full"),
    ('[[rule]]\nsignal = "a"\nwhen = "open(1)"\n', "open"),
    ('[[model]]\nkind = "oracle"\nsignal = "x"\n', "oracle"),
    ("[[rule\n", "no settings file"),
    (f"{LINE}[[connection.tag]]\nwhat = 1\n", "what"),
    (f'{LINE}[[connection.tag]]\naddress = "a"\nthing = "t"\nsignal = "s"\nkind = "hue"\n', "hue"),
])  # fmt: skip
def test_what_is_not_allowed_is_named(tmp_path: Path, more: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        load_edge(written(tmp_path, HEAD + more))


def test_the_file_of_the_guide_is_accepted(tmp_path: Path) -> None:
    guide = (ROOT / "docs/guides/edge.md").read_text("utf-8")
    text = next(b for b in re.findall(r"```\n(.*?)```", guide, re.S) if b.startswith("name ="))
    (tmp_path / "token.txt").write_text("t", "utf-8")
    config = load_edge(written(tmp_path, text))
    assert len(config.connections()) == len(config.rules()) == len(config.models()) == 1


def test_found_tags_are_kept_over_a_restart(tmp_path: Path) -> None:
    config = load_edge(written(tmp_path, HEAD))
    tag = Tag("l", "G/N:x", "M1", "x")
    book = EdgeBook(config, tmp_path / "tags.json")
    assert (book.add_found([tag, tag]), book.add_found([tag]), book.revision()) == (1, 0, 2)
    assert EdgeBook(config, tmp_path / "tags.json").tags("l") == [tag]


def command(*words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "millbrain.run.cli", *words], capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip


@pytest.mark.slow
def test_the_process_tells_how_it_stands(tmp_path: Path) -> None:
    more = '[[connection]]\nkey = "l"\nroom = "sparkplug"\nendpoint = "mqtt://127.0.0.1:1"\n'
    edge = EdgeProcess(tmp_path, port(), more).start()
    try:
        until_s = time.monotonic() + 20
        while not (told := edge.status())["connections"] and time.monotonic() < until_s:
            time.sleep(0.1)
        assert told["buffer"]["rows_waiting"] == 0
        assert told["connections"][0]["connection"] == "l"
        assert "l" in page(told)
        said = command("edge", "status", "--config", str(tmp_path / "edge.toml"))
        assert said.returncode == 0
        assert "127.0.0.1:1 is not connected" in said.stdout.replace("\n", " ")
    finally:
        assert edge.stop() == 0
    said = command("edge", "status", "--config", str(tmp_path / "edge.toml"))
    assert said.returncode == 1
    assert "does not run" in said.stderr


def test_without_a_file_the_command_says_so() -> None:
    said = command("edge")
    assert said.returncode == 1
    assert "--config" in said.stderr
