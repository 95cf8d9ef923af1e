"""`millbrain decode`: frames in, one JSON object a line out."""

import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TextIO

from millbrain.connect.gbt32960.lines import decode_lines
from millbrain.core.errors import NotFoundError


def print_decoded(file: str, *, as_stream: bool, out: TextIO) -> None:
    """Decode a file, or standard input for `-`, and print each frame as JSON.

    Raises
    ------
    NotFoundError
        The file does not exist.
    """
    if file == "-":
        source = sys.stdin.buffer
        _print(decode_lines(source, as_stream=as_stream), out)
        return
    path = Path(file)
    if not path.is_file():
        raise NotFoundError(
            f"{file} is not a file; give hex lines, .gz or JSON lines, or - for input"
        )
    with path.open("rb") as source_file:
        _print(decode_lines(source_file, as_stream=as_stream), out)


def _print(objects: Iterable[Mapping[str, Any]], out: TextIO) -> None:
    for found in objects:
        out.write(json.dumps(found, ensure_ascii=False) + "\n")
