"""Each tidy rule lets good text pass and refuses bad text: a rule that cannot fail is none."""

from collections.abc import Callable, Iterator

import pytest

from millbrain.core.tables import Column, Table
from tests.tidy import rules
from tests.tidy.sources import Source
from tests.tidy.test_documents import dead_links, title_missing
from tests.tidy.test_sources import words

Rule = Callable[[Source], Iterator[str]]
GOOD = '''"""Read frames."""


def read(speed_kmh: float) -> float:
    """Return the speed [km/h]."""
    if speed_kmh:
        return speed_kmh
    return 0.0
'''
LONG = "def f():\n" + "    x = 1\n" * 61
DEEP = "def f():\n" + "".join("    " * n + "if x:\n" for n in range(1, 6)) + "    " * 6 + "pass\n"
ELIFS = "def f():\n    if a:\n        pass\n" + "    elif b:\n        pass\n" * 9


@pytest.mark.parametrize(
    ("rule", "bad", "says"),
    [
        (rules.long_file, "\n" * 500, "501 lines"),
        (rules.long_functions, LONG, "62 lines"),
        (rules.deep_nesting, DEEP, "5 levels"),
        (rules.no_docstring, "x = 1\n", "module says nothing"),
        (rules.no_docstring, '"""M."""\n\ndef read(): ...\n', "public read"),
        (rules.no_docstring, '"""M."""\nclass A:\n    """A."""\n    def go(self): ...\n', "A.go"),
        (rules.unitless_numbers, "def f(speed: float): ...\n", "speed_kmh"),
        (rules.unitless_numbers, "class A:\n    cell_voltage: float | None\n", "cell_voltage"),
    ],
)  # fmt: skip
def test_rule_refuses(rule: Rule, bad: str, says: str) -> None:
    assert says in " ".join(rule(Source.of(bad)))
    assert list(rule(Source.of(GOOD))) == []


def test_docstrings_do_not_count_as_length() -> None:
    text = 'def f():\n    """One.\n' + "\n    More.\n" * 60 + '    """\n    return 1\n'
    assert list(rules.long_functions(Source.of(text))) == []


def test_elif_chains_are_flat() -> None:
    assert list(rules.deep_nesting(Source.of(ELIFS))) == []


def test_vague_names_are_refused() -> None:
    assert list(rules.vague_name("millbrain/record/utils.py"))
    assert list(rules.vague_name("millbrain/common/times.py"))
    assert not list(rules.vague_name("millbrain/record/ledger.py"))


@pytest.mark.parametrize(
    ("column", "says"),
    [
        (Column("Voltage_v", "f32", "Voltage", "电压"), "lower_snake"),
        (Column("voltage", "f32", "Voltage", "电压"), "unit of core.units"),
        (Column("kmh_speed_kmh_highest", "f32", "Speed", "车速"), "unit stands last"),
        (Column("voltage_v", "f32", "Voltage", "Voltage"), "Chinese"),
        (Column("voltage_v", "f32", "", "电压"), "English"),
    ],
)
def test_columns_are_refused(column: Column, says: str) -> None:
    table = Table("sample", "Sample", "样例", (column,), ())
    assert says in " ".join(rules.bad_columns(table))


def test_a_good_column_passes() -> None:
    column = Column("voltage_v", "f32", "Voltage", "电压")
    assert not list(rules.bad_columns(Table("sample", "Sample", "样例", (column,), ())))


@pytest.mark.parametrize(
    "text",
    [
        "# TODO later",
        "path = '/home/someone/data'",
        'see "/work/shared"',
        "index = 'https://packages.example/simple'",
        '"resolved": "x"',
        "written by an AI session",
        "we leverage a robust design",
        "# return value if ready:",
        "<<<<<<< HEAD",
        "breakpoint()",
    ],
)
def test_words_are_refused(text: str) -> None:
    assert list(rules.bad_words("a.py", text, [(p, why) for p, why, _ in words()]))


@pytest.mark.parametrize(
    "text",
    ["# TODO (#12) wait for it", "GET /api/v1/rooms/work/x", "a login session", "# for each pack:"],
)
def test_words_pass(text: str) -> None:
    listed = [(p, why) for p, why, _ in words() if "def|class" not in p]
    assert not list(rules.bad_words("a.py", text, listed))


def test_documents_are_refused() -> None:
    assert title_missing("a.md", "no title here\n")
    assert not title_missing("a.md", "# Title\n")
    assert dead_links("README.md", "[x](docs/there-is-none.md)")
    assert dead_links("README.md", "[x](LICENSE) [y](#part) [z](https://example.org)") == []
