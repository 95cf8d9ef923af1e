"""What the documents show works: Python runs, SQL is answered, TOML is accepted, shells parse."""

import re
import subprocess
import tomllib

import pytest

from millbrain.core.facts import SHARED_TABLES
from millbrain.record.warehouse import create_tables
from millbrain.record.warehouse.embedded import EmbeddedWarehouse
from millbrain.run.settings import Settings
from tests.docs.documents import ROOT, CodeBlock, blocks, documents
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
    create_tables(warehouse, SHARED_TABLES)
    warehouse.query(block.text.replace("$__timeFilter(received_at)", "received_at > now() - 60"))


@pytest.mark.parametrize("block", blocks("toml"), ids=str)
def test_settings_are_accepted(block: CodeBlock) -> None:
    Settings(**tomllib.loads(block.text))


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
    used = {
        word
        for text in documents().values()
        for word in re.findall(r"`(?:\.venv/bin/)?millbrain ([a-z]+)", text)
    } | {w for b in blocks("sh") for w in re.findall(r"\bmillbrain ([a-z]+)\b", b.text)}
    assert used <= known, f"documents name commands that do not exist: {used - known}"


def test_api_paths_exist() -> None:
    routes = [re.sub(r"\{\w+\}", "[^/]+", path) for path in reference_web.openapi()["paths"]]
    routes.append("/api/v1/openapi.json")
    used = {
        (path, found.rstrip("/."))
        for path, text in documents().items()
        for found in re.findall(r"/api/v1/[\w/{}.-]+", text)
        if not path.startswith(("docs/reference/", "millbrain/"))
    }
    wrong = sorted(u for u in used if not any(re.fullmatch(r, u[1]) for r in routes))
    assert not wrong, f"documents name API paths that do not exist: {wrong}"
