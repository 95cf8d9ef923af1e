"""What the documents show works: Python runs, SQL is answered, TOML is accepted, shells parse."""

import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator

import pytest

from millbrain.core.plant.charted import read_characteristics
from millbrain.record.warehouse import create_tables
from millbrain.record.warehouse.embedded import EmbeddedWarehouse
from millbrain.run.discovery import faces
from millbrain.run.engine import tables
from millbrain.run.resolver_http import described
from millbrain.run.settings import Settings
from tests.docs.documents import ROOT, CodeBlock, blocks, documents
from tests.engines import engine
from tools import reference_web

PLAIN = [b for b in blocks("python") if not b.needs]
MAKE_WORDS = re.compile(r"\bmake ([a-z]+)\b")


@pytest.mark.parametrize("block", blocks("python"), ids=str)
def test_python_compiles(block: CodeBlock) -> None:
    compile(block.text, str(block), "exec")


@pytest.mark.parametrize("block", PLAIN, ids=str)
def test_python_runs(block: CodeBlock) -> None:
    exec(compile(block.text, str(block), "exec"), {"__name__": "__main__"})


@pytest.mark.parametrize("block", blocks("sql"), ids=str)
def test_sql_is_answered(block: CodeBlock, warehouse: EmbeddedWarehouse) -> None:
    create_tables(warehouse, tables())
    warehouse.query(block.text.replace("$__timeFilter(received_at)", "received_at > now() - 60"))


@pytest.mark.parametrize("block", [b for b in blocks("toml") if not b.needs], ids=str)
def test_settings_are_accepted(block: CodeBlock) -> None:
    Settings(**tomllib.loads(block.text))


@pytest.mark.parametrize(
    "block", [b for b in blocks("toml") if b.needs == "characteristics"], ids=str
)
def test_characteristics_are_accepted(block: CodeBlock) -> None:
    assert read_characteristics(block.text, str(block))


@pytest.mark.parametrize("block", blocks("sh"), ids=str)
def test_shell_parses(block: CodeBlock) -> None:
    done = subprocess.run(["bash", "-n"], input=block.text, text=True, capture_output=True)
    assert done.returncode == 0, f"{block}: {done.stderr}"


def test_make_words_are_targets() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.M))
    code = [b for b in blocks("sh")]
    inline = [w for t in documents().values() for w in re.findall(r"`make ([a-z]+)`", t)]
    used = {w for b in code for w in MAKE_WORDS.findall(b.text)} | set(inline)
    assert used <= targets, f"documents name make targets that do not exist: {used - targets}"


def test_commands_exist() -> None:
    from millbrain.run.cli import app

    known = {c.name or c.callback.__name__ for c in app.registered_commands if c.callback}
    known |= {str(group.name) for group in app.registered_groups}
    used = {
        word
        for text in documents().values()
        for word in re.findall(r"`(?:\.venv/bin/)?millbrain ([a-z][a-z0-9]*)", text)
    } | {w for b in blocks("sh") for w in re.findall(r"\bmillbrain ([a-z][a-z0-9]*)\b", b.text)}
    assert used <= known, f"documents name commands that do not exist: {used - known}"


def test_api_paths_exist() -> None:
    routes = [re.sub(r"\{\w+\}", "[^/]+", path) for path in reference_web.openapi()["paths"]]
    routes.append("/api/v1/openapi.json")
    routes += [re.sub(r"\{\w+\}", "[^/]+", path) for path in described(faces())["paths"]]
    used = {
        (path, found.rstrip("/."))
        for path, text in documents().items()
        for found in re.findall(r"/api/v1/[\w/{}.-]+", text)
        if not path.startswith(("docs/reference/", "millbrain/"))
    }
    wrong = sorted(u for u in used if not any(re.fullmatch(r, u[1]) for r in routes))
    assert not wrong, f"documents name API paths that do not exist: {wrong}"


@pytest.fixture(scope="module")
def clickhouse_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with engine(tmp_path_factory.mktemp("docs")) as running:
        yield running.ports["clickhouse"]


@pytest.mark.slow
@pytest.mark.parametrize("block", [b for b in blocks("python") if b.needs == "engine"], ids=str)
def test_python_runs_against_an_engine(block: CodeBlock, clickhouse_port: int) -> None:
    text = block.text.replace("port=8123", f"port={clickhouse_port}")
    assert text != block.text, f"{block}: an example that needs the engine names its port"
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, f"{block}: {done.stderr}"


CURLS = [b for b in blocks("sh") if "curl 'http://127.0.0.1:8123" in b.text]


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
@pytest.mark.parametrize("block", CURLS, ids=str)
def test_curl_is_answered(block: CodeBlock, clickhouse_port: int) -> None:
    lines = [x for x in block.text.replace("\\\n", " ").splitlines() if x.startswith("curl")]
    for line in lines:
        command = line.replace("curl ", "curl -sS --fail-with-body ", 1)
        command = command.replace(":8123", f":{clickhouse_port}")
        done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, f"{block}: {line}: {done.stdout} {done.stderr}"
