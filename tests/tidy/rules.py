"""The tidy rules as pure functions: a source in, sentences about what is wrong out.

Each sentence names the place, what was found, what is allowed and why. `test_rules_bite` proves
that each of them can fail.
"""

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from typing import Final

from millbrain.core.tables import Table
from millbrain.core.units import UNITS
from tests.tidy.sources import Source

FILE_LINES_MAX: Final = 500
FUNCTION_LINES_MAX: Final = 60
NESTING_MAX: Final = 4
DEPTH_MAX: Final = 3
FOLDER_MODULES_MAX: Final = 24
VAGUE_NAMES: Final = frozenset(("utils", "util", "common", "helpers", "helper", "base", "manager",
                                "misc", "lib"))  # fmt: skip
GENERATED: Final = "_generated.py"
QUANTITIES: Final = frozenset((
    "voltage", "current", "speed", "temperature", "temp", "pressure", "torque", "odometer",
    "energy", "resistance", "insulation", "longitude", "latitude", "distance", "duration",
    "period", "delay", "timeout", "age", "power", "capacity",
))  # fmt: skip
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_NESTS = (ast.For, ast.AsyncFor, ast.While, ast.If, ast.With, ast.AsyncWith, ast.Try, ast.Match)


def long_file(source: Source) -> Iterator[str]:
    """A file is read in one sitting."""
    lines = source.text.count("\n") + 1
    if lines > FILE_LINES_MAX and not source.path.endswith(GENERATED):
        yield (
            f"{source.path}: {lines} lines, at most {FILE_LINES_MAX} are allowed; "
            "a longer file holds two subjects: split it by subject"
        )


def long_functions(source: Source) -> Iterator[str]:
    """A function fits on a screen; its docstring does not count."""
    for node in _functions(source.tree):
        lines = (node.end_lineno or node.lineno) - node.lineno + 1 - _docstring_lines(node)
        if lines > FUNCTION_LINES_MAX:
            yield (
                f"{source.path}:{node.lineno}: {node.name} has {lines} lines, at most "
                f"{FUNCTION_LINES_MAX} are allowed; name its steps and make them functions"
            )


def deep_nesting(source: Source) -> Iterator[str]:
    """Whoever reads the fourth level has forgotten the first."""
    for node in _functions(source.tree):
        depth = _depth(node.body)
        if depth > NESTING_MAX:
            yield (
                f"{source.path}:{node.lineno}: {node.name} nests {depth} levels, at most "
                f"{NESTING_MAX} are allowed; return early or name the inner step"
            )


def vague_name(path: str) -> Iterator[str]:
    """A name says what is inside; these say only that somebody did not know."""
    if not path.endswith(".py"):
        return
    vague = {PurePosixPath(part).stem for part in PurePosixPath(path).parts} & VAGUE_NAMES
    if vague:
        yield f"{path}: the name {sorted(vague)[0]!r} says nothing; name the file by its subject"


def no_docstring(source: Source) -> Iterator[str]:
    """Whatever can be called from elsewhere says what it does, with units."""
    if not ast.get_docstring(source.tree):
        yield f"{source.path}: the module says nothing of what it is for; add a docstring"
    for name, node in _public(source.tree):
        if not ast.get_docstring(node):
            yield (
                f"{source.path}:{node.lineno}: public {name} has no docstring; say in one line "
                "what it does, then units, shapes and what a missing value means"
            )


def unitless_numbers(source: Source) -> Iterator[str]:
    """A float whose name is a physical quantity ends in its unit (core.units)."""
    for name, line in _float_names(source.tree):
        words = name.strip("_").split("_")
        if QUANTITIES & set(words) and not _has_unit(words):
            yield (
                f"{source.path}:{line}: {name} is a physical quantity without a unit; end it in "
                f"one of core.units (for example {words[0]}_{_example_unit(words)})"
            )


def bad_columns(table: Table) -> Iterator[str]:
    """A column is lower_snake with its unit last, and explained in both languages."""
    for column in table.columns:
        where = f"table {table.name}, column {column.name}"
        words = column.name.split("_")
        if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", column.name):
            yield f"{where}: a column name is lower_snake, since SQL users type it unquoted"
        if (
            QUANTITIES & set(words)
            and not _is_label(column.name, column.kind)
            and words[-1] not in UNITS
        ):
            yield f"{where}: a physical quantity ends in a unit of core.units"
        if set(words[:-1]) & (UNITS.keys() - {"count", "s", "a", "v"}):
            yield f"{where}: the unit stands last, so that every reader finds it"
        if not column.meaning.strip() or not re.search(r"[\u4e00-\u9fff]|/", column.meaning_zh):
            yield f"{where}: needs a meaning in English and in Chinese; users read both"


def bad_words(path: str, text: str, words: Iterable[tuple[str, str]]) -> Iterator[str]:
    """No line holds a pattern of words.tsv."""
    for pattern, why in words:
        for match in re.finditer(pattern, text, re.MULTILINE):
            line = text.count("\n", 0, match.start()) + 1
            yield f"{path}:{line}: found {match.group().strip()!r}; {why}"


def _functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (n for n in ast.walk(tree) if isinstance(n, _FUNCTIONS))


def _docstring_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    first = node.body[0]
    is_text = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    if not is_text or not ast.get_docstring(node):
        return 0
    return (first.end_lineno or first.lineno) - first.lineno + 1


def _depth(body: Iterable[ast.stmt]) -> int:
    return max((_depth_of(s) for s in body), default=0)


def _depth_of(node: ast.stmt) -> int:
    if not isinstance(node, _NESTS):
        return 0  # an inner function is measured by itself
    if isinstance(node, ast.Match):
        return 1 + max((_depth(c.body) for c in node.cases), default=0)
    inner = _depth(node.body)
    if isinstance(node, ast.Try):
        inner = max(inner, *(_depth(h.body) for h in node.handlers), _depth(node.finalbody), 0)
    other = getattr(node, "orelse", [])
    if isinstance(node, ast.If) and len(other) == 1 and isinstance(other[0], ast.If):
        return max(1 + inner, _depth_of(other[0]))  # elif stands on the same level
    return 1 + max(inner, _depth(other))


def _public(tree: ast.Module) -> Iterator[tuple[str, ast.AST]]:
    for node in tree.body:
        if isinstance(node, (*_FUNCTIONS, ast.ClassDef)) and not node.name.startswith("_"):
            yield node.name, node
            if isinstance(node, ast.ClassDef):
                yield from _methods(node)


def _methods(owner: ast.ClassDef) -> Iterator[tuple[str, ast.AST]]:
    for node in owner.body:
        if isinstance(node, _FUNCTIONS) and not node.name.startswith("_"):
            yield f"{owner.name}.{node.name}", node


def _float_names(tree: ast.Module) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            if _is_float(node.annotation):
                yield node.target.id, node.lineno
        elif isinstance(node, ast.arg) and _is_float(node.annotation):
            yield node.arg, node.lineno


def _is_float(annotation: ast.expr | None) -> bool:
    return annotation is not None and ast.unparse(annotation) in ("float", "float | None")


def _has_unit(words: list[str]) -> bool:
    qualifiers = {"max", "min", "mean", "median"}
    return any(w in UNITS for w in words[1:] if w not in qualifiers)


def _is_label(name: str, kind: str) -> bool:
    """A state, a code, a number that names something, an instant, or text has no unit."""
    return kind in ("text", "name", "blob", "at_s", "at_ms", "day") or name.endswith(
        ("_state", "_code", "_codes", "_no", "_mode", "_flags", "_level", "_count")
    )


def _example_unit(words: list[str]) -> str:
    examples = {"voltage": "v", "current": "a", "speed": "kmh", "odometer": "km", "energy": "kwh"}
    return next((examples[w] for w in words if w in examples), "s")
