"""Every file of ours keeps the house's rules of size, names, words and docstrings."""

from collections.abc import Callable, Iterator
from fnmatch import fnmatch

import pytest

from tests.tidy import rules, sources
from tests.tidy.sources import ROOT, Source

Rule = Callable[[Source], Iterator[str]]


def report(found: list[str]) -> None:
    assert not found, "\n" + "\n".join(found)


@pytest.mark.parametrize("rule", [rules.long_file, rules.long_functions, rules.deep_nesting])
def test_python_files_stay_readable(rule: Rule) -> None:
    report([w for s in sources.python() for w in rule(s)])


@pytest.mark.parametrize("rule", [rules.no_docstring, rules.unitless_numbers])
def test_shipped_files_explain_themselves(rule: Rule) -> None:
    report([w for s in sources.package() for w in rule(s)])


def test_names_say_what_is_inside() -> None:
    paths = [p.relative_to(ROOT).as_posix() for p in sources.files()]
    report([w for p in paths for w in rules.vague_name(p)])


def test_folders_stay_shallow_and_small() -> None:
    folders: dict[str, int] = {}
    for source in sources.package():
        folder = source.path.rpartition("/")[0]
        folders[folder] = folders.get(folder, 0) + (not source.path.endswith("__init__.py"))
    report(
        [
            f"{f}: {n} modules, at most {rules.FOLDER_MODULES_MAX}; group them by subject"
            for f, n in folders.items()
            if n > rules.FOLDER_MODULES_MAX
        ]
        + [
            f"{f}: more than {rules.DEPTH_MAX} folders below the package; nobody finds it there"
            for f in folders
            if f.count("/") > rules.DEPTH_MAX and "/migrations/" not in f  # Alembic's own layout
        ]
    )


def words() -> list[tuple[str, str, list[str]]]:
    lines = (ROOT / "tests/tidy/words.tsv").read_text("utf-8").splitlines()
    rows = [line.split("\t") for line in lines if line and not line.startswith("#")]
    return [(pattern, why, allowed.split(",")) for pattern, why, allowed in rows]


def test_no_forbidden_word_stands_anywhere() -> None:
    found = []
    for file in sources.files():
        path = file.relative_to(ROOT).as_posix()
        listed = [(p, why) for p, why, ok in words() if not any(fnmatch(path, g) for g in ok)]
        if path not in ("tests/tidy/words.tsv", "tests/tidy/test_rules_bite.py"):
            found += rules.bad_words(path, file.read_text("utf-8"), listed)
    report(found)
