"""What a push consists of, declared: its columns, its media types, what may be wrong with a row."""

from collections.abc import Mapping
from typing import Final

from millbrain.core.plant import admission

NEEDED: Final = ("thing", "signal", "device_at")
ALL: Final = (*NEEDED, "value", "text", "quality")

JSON: Final = "application/json"
LINES: Final = "application/x-ndjson"
CSV: Final = "text/csv"
ARROW: Final = "application/vnd.apache.arrow.stream"
MEDIA: Final = (JSON, LINES, CSV, ARROW)

QUALITIES: Final = {"good": 192, "uncertain": 64, "bad": 0}

BAD_ROW, BAD_NAME, BAD_TIME, BAD_VALUE, BAD_QUALITY, FOREIGN = range(16, 22)
FAULTS: Final[Mapping[int, tuple[str, str]]] = {
    **admission.FAULTS,
    BAD_ROW: ("bad_row", "a row is an object, or a line with as many cells as the first one"),
    BAD_NAME: ("bad_name", "thing and signal are texts without control characters"),
    BAD_TIME: ("bad_time", "device_at is milliseconds since 1970 UTC, or ISO 8601 with its zone"),
    BAD_VALUE: ("bad_value", "value is a number, true, false, a text or null"),
    FOREIGN: ("foreign", "a connection of an organisation pushes no readings of another's things"),
    BAD_QUALITY: ("bad_quality", "quality is 0 to 255, or good, uncertain, bad"),
}
