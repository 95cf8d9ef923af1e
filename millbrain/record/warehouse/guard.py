"""What a reader may ask of the embedded engine, and how long and how much.

`readonly = 1` alone is not enough in this engine: it still runs BACKUP, KILL, SELECT ... INTO
OUTFILE, the function `file` and DESCRIBE of any address. So a reader's text must also be one
statement of the reading kind, and the engine's own formatted form of it (no comments, no escapes in
names) must not call a function that reaches outside the warehouse.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from millbrain.core import limits
from millbrain.core.errors import LimitError, RefusedError, StoreError
from millbrain.record.values import parameter, quoted, text_literal
from millbrain.record.warehouse.faults import plain
from millbrain.record.warehouse.protocol import Warehouse

# Table functions that stay inside the warehouse; every other one, known or new, is refused.
_INSIDE: Final = frozenset((
    "numbers", "numbers_mt", "zeros", "zeros_mt", "primes", "generateseries", "generate_series",
    "generaterandom", "values", "sqlstandardvalues", "null", "merge", "view", "viewifpermitted",
    "viewexplain", "dictionary", "format", "fuzzjson", "fuzzquery", "mergetreeindex",
    "mergetreeprojection", "mergetreeanalyzeindexes", "mergetreetextindex",
    "mergetreecodecblockcounts", "arrowstream",
))  # fmt: skip
# Ordinary functions that read files or reach other hosts, and a table that signals every thread;
# refused wherever the name stands, since a function may be named without brackets (APPLY file).
_NAMES: Final = frozenset((
    "file", "stack_trace", "hascolumnintable", "catboostevaluate", "addresstoline",
    "addresstolinewithinlines", "addresstosymbol", "reversednsquery", "python",
))  # fmt: skip
_LITERAL: Final = re.compile(r"'(?:[^'\\]|\\.)*'", re.DOTALL)
_NAME: Final = re.compile(r"([A-Za-z_]\w*)`?(\s*\()?")
_FORMAT: Final = re.compile(r"\bFORMAT (\w+)(?: SETTINGS [^()]*)?$")
_PYTHON: Final = re.compile(r"\bpython\s*\(", re.IGNORECASE)
_FORMATTER: Final = "SELECT formatQuerySingleLine({query:String})"

# Settings that a request may carry. Numbers in _CAPPED may only be lowered.
_CAPPED: Final[Mapping[str, int]] = {
    "max_execution_time": limits.QUERY_S_MAX,
    "max_threads": limits.QUERY_THREADS_MAX,
    "max_memory_usage": limits.QUERY_MEMORY_BYTES_MAX,
    "max_result_bytes": limits.QUERY_RESULT_BYTES_MAX,
}
_FREE: Final = re.compile(
    r"(max_result_rows|max_rows_to_read|max_bytes_to_read|max_block_size|limit|offset|final"
    r"|result_overflow_mode|read_overflow_mode|extremes|session_timezone|date_time_output_format"
    r"|join_use_nulls|group_by_use_nulls|aggregate_functions_null_for_empty|prefer_column_name_to_alias"
    r"|use_uncompressed_cache|optimize_\w+|output_format_\w+|format_csv_\w+|format_tsv_\w+"
    r"|format_binary_\w+|format_json_\w+|cast_keep_nullable|union_default_mode)"
)


def reader_settings(asked: Mapping[str, str]) -> dict[str, str]:
    """Return the settings of a reader: the limits, lowered or completed by what it asked for.

    Settings that a reader may not choose are left out without complaint, as real servers in
    read-only mode do for clients that always send some.
    """
    chosen = {k: v for k, v in asked.items() if _FREE.fullmatch(k)}
    # Left to "break", a full answer would look complete.
    chosen.setdefault("result_overflow_mode", "throw")
    for name, most in _CAPPED.items():
        chosen[name] = _lowered(asked.get(name, ""), most)
    return chosen | {
        "timeout_overflow_mode": "throw",
        "max_query_size": str(limits.QUERY_TEXT_BYTES_MAX),
        "function_range_max_elements_in_block": str(limits.QUERY_RANGE_ITEMS_MAX),
    }


def _lowered(text: str, most: int) -> str:
    """Return the asked number where it is above 0 and below `most`, else `most`."""
    try:
        asked = float(text)
    except ValueError:
        return str(most)
    return text if 0 < asked < most else str(most)


def bind(connection: Any, settings: Mapping[str, str], *, readonly: bool) -> None:
    """Put settings on a fresh connection, and bind it to reading for good where `readonly`.

    Raises
    ------
    RuntimeError
        The engine's own, where a value is not understood.
    """
    chosen = [f"{quoted(name)} = {text_literal(value)}" for name, value in settings.items()]
    if readonly:
        chosen.append("readonly = 1")
    if chosen:
        connection.query(f"SET {', '.join(chosen)}")


class Texts:
    """Statements in the engine's own single-line form, of which it remembers some.

    Pages ask one text again and again with other values; to write a long one anew each time takes
    the engine longer than to answer a short one.
    """

    def __init__(self) -> None:
        self._kept: dict[str, str] = {}

    def formatted(self, connection: Any, sql: str) -> str:
        """Return the statement in single-line form.

        Raises
        ------
        StoreError
            The text is not one statement that the engine understands.
        """
        found = self._kept.get(sql)
        if found is None:
            found = _formatted(connection, sql)
            if len(sql) <= limits.TEXT_KEPT_CHARS_MAX:
                if len(self._kept) >= limits.TEXTS_KEPT_MAX:
                    self._kept.clear()
                self._kept[sql] = found
        return found


def _formatted(connection: Any, sql: str) -> str:
    try:
        answer = connection.query(_FORMATTER, "RawBLOB", params={"query": parameter(sql)})
    except RuntimeError as error:
        text = plain(str(error))
        raise StoreError(text.partition(": In scope SELECT formatQuery")[0]) from error
    return bytes(answer.bytes()).decode("utf-8", "replace").strip()


class Guard:
    """Decides which statements readers of one warehouse may run."""

    def __init__(self, warehouse: Warehouse, texts: Texts) -> None:
        self._texts = texts
        known = warehouse.query("SELECT lower(name) AS name FROM system.table_functions")
        self._outside = frozenset(known["name"].to_pylist()) - _INSIDE

    def check(self, connection: Any, sql: str) -> str:
        """Refuse what a reader may not ask; return the statement in single-line form.

        Raises
        ------
        LimitError
            The text is longer than `limits.QUERY_TEXT_BYTES_MAX`.
        RefusedError
            It would write, control the engine, or reach outside the warehouse.
        StoreError
            It is not one statement that the engine understands.
        """
        check_size(sql)
        # The engine offers no public way to ask what a statement would do.
        kind = connection._conn.classify_query(sql, "")  # noqa: SLF001
        if kind["statement_count"] > 1:
            raise StoreError(
                "Code: 62. DB::Exception: Syntax error (Multi-statements are not allowed): found "
                f"{kind['statement_count']} statements, 1 is allowed. (SYNTAX_ERROR)"
            )
        text = self._texts.formatted(connection, sql)
        if str(kind["query_class"]).rpartition(".")[2] != "READ_ONLY":
            raise _refused("this account may only read: SELECT, SHOW, DESCRIBE, EXISTS, EXPLAIN")
        name = "Python" if _PYTHON.search(sql) else self._reaches_outside(text)
        if name:
            raise _refused(f"{name} reaches outside the warehouse")
        return text

    def _reaches_outside(self, text: str) -> str:
        """Return the first name in a formatted statement that reaches outside, else empty."""
        for name, bracket in _NAME.findall(_LITERAL.sub("''", text)):
            lower = name.lower()
            if lower in _NAMES or (bracket and lower in self._outside):
                return str(name)
        return ""


def check_size(sql: str) -> None:
    """Refuse a text longer than `limits.QUERY_TEXT_BYTES_MAX`."""
    size_bytes = len(sql.encode("utf-8", "surrogateescape"))
    if size_bytes > limits.QUERY_TEXT_BYTES_MAX:
        raise LimitError(
            f"Code: 307. DB::Exception: The query's text has {size_bytes} bytes, "
            f"{limits.QUERY_TEXT_BYTES_MAX} are allowed. (TOO_MANY_BYTES)"
        )


def _refused(why: str) -> RefusedError:
    return RefusedError(f"Code: 164. DB::Exception: Cannot execute query: {why}. (READONLY)")


def format_of(text: str) -> str:
    """Return the format that a formatted statement names, empty where it names none."""
    found = _FORMAT.search(_LITERAL.sub("''", text))
    return found.group(1) if found else ""


def without_format(text: str) -> str:
    """Return a formatted statement without its FORMAT clause."""
    return _FORMAT.sub("", text)
