"""`decode_lines`: hex, JSON lines, gzip and byte streams, good and bad."""

import gzip
import io
import json
from pathlib import Path
from typing import Any

from millbrain.connect.gbt32960.codec import build_frame, decode
from millbrain.connect.gbt32960.lines import decode_lines

FRAME = build_frame(2016, 0x07, 0xFE, "LMBTEST00R0000001", b"")
FOUND = decode(FRAME)


def lines(data: bytes, *, as_stream: bool = False) -> list[dict[str, Any]]:
    return list(decode_lines(io.BytesIO(data), as_stream=as_stream))


def test_hex_and_json_lines_plain_and_gzipped() -> None:
    text = FRAME.hex().encode() + b"\n\n# a note\n" + json.dumps({"hex": FRAME.hex()}).encode()
    assert lines(text) == [FOUND, FOUND]
    assert lines(gzip.compress(text)) == [FOUND, FOUND]


def test_bad_line_is_named_and_the_next_is_read() -> None:
    found = lines(b"xyz\n{}\n[1]\n2323\n{" + b"\n" + FRAME.hex().encode())
    assert [row.get("line") for row in found] == [1, 2, 3, 4, 5, None]
    assert all(row["error"] for row in found[:5])
    assert found[5] == FOUND


def test_damaged_gzip_is_named() -> None:
    found = lines(gzip.compress(FRAME.hex().encode())[:-6])
    assert "cannot be read on" in found[-1]["error"]


def test_stream_in_hex_in_json_and_as_bytes() -> None:
    data = b"\x00\x11" + FRAME + FRAME[:-1] + b"\x00" + FRAME + FRAME[:9]
    forms = (data, data.hex().encode(), json.dumps({"stream": data.hex()}).encode())
    for form in (*forms, gzip.compress(data)):
        garbage, first, bad, last, pending = lines(form, as_stream=True)
        assert garbage["error"].startswith("no frame")
        assert (first, last) == (FOUND, FOUND)
        assert bad["bcc_ok"] is False
        assert pending == {"offset": 77, "pending_bytes": 9}


def test_recorded_day_is_247_good_frames(shared_data: Path) -> None:
    (path,) = (shared_data / "nev").glob("day_*.hex.gz")
    for as_stream in (False, True):
        with path.open("rb") as stream:
            found = list(decode_lines(stream, as_stream=as_stream))
        assert len(found) == 247
        assert all(frame["bcc_ok"] for frame in found)
